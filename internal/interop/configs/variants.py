"""Makes children that differ from their parents in what a loader reads beside the weights.

variants.py NAMES... BASES OUT [--pairs N] [--seed S] [--only A,B]: NAMES are what names.py said of each library. For
every base and every name that a library knows, the name is set to each value of a pool; then come N random combinations
of several keys and four times as many respelled configs (spell.py), and for some bases other settings of generation and
other files.
"""
import argparse
import copy
import json
import os
import random

from pools import EXCEPT, FILES, LARGE, POOL, SPECIAL
from spell import respelled

ABSENT = object()

# The bases whose children differ in generation_config.json and in other files, too.
SETTINGS_OF = ["llama", "mistral", "gemma2"]


def made_from(value):
    """Values near a present one."""
    if isinstance(value, bool):
        return [not value, None, int(not value), int(value)]
    if isinstance(value, int):
        return [value + 1, value - 1, 2 * value, 0, 1, -1, None, float(value), str(value), True]
    if isinstance(value, float):
        return [2 * value, value + 0.5, 0.0, 0, -value, None, str(value)]
    if isinstance(value, str):
        return [value + "x", value.upper(), "", None, 1]
    if isinstance(value, list):
        return [value[::-1], value + value[:1], value[:-1], [], None, {}]
    if isinstance(value, dict):
        out = [{}, None, []]
        for k, v in value.items():
            out += [{**value, k: x} for x in made_from(v)] + [{a: b for a, b in value.items() if a != k}]
        return out
    return []


def values(key, config, default):
    """What to try for a key: its present value made otherwise, its default likewise, and the pools."""
    now = config.get(key, ABSENT)
    tries = made_from(now) if now is not ABSENT else []
    if default is not None:
        tries += made_from(default) + [default]
    tries += SPECIAL.get(key, POOL if now is ABSENT else [True, None, "x", [], {}])
    if now is not ABSENT:
        tries.append(ABSENT)
    seen, out = {json.dumps(now) if now is not ABSENT else ""}, []
    for t in tries:
        text = "" if t is ABSENT else json.dumps(t)
        if text not in seen and not too_large(t):
            seen.add(text)
            out.append(t)
    return out


def too_large(v):
    return isinstance(v, int) and not isinstance(v, bool) and v > LARGE and v not in EXCEPT


def changed(config, changes):
    c = copy.deepcopy(config)
    for k, v in changes.items():
        if v is ABSENT:
            c.pop(k, None)
        else:
            c[k] = v
    return json.dumps(c, indent=1)


def shown(changes):
    return {k: "(absent)" if v is ABSENT else v for k, v in changes.items()}


class Maker:
    def __init__(self, out):
        self.out, self.n = out, 0

    def add(self, base, files, what, **more):
        self.n += 1
        self.out.write(json.dumps({"id": self.n, "base": base, "files": files, "what": what, **more}) + "\n")

    def settings(self, base, libraries):
        known = {k: v for lib in libraries for k, v in lib["generation_config.json"].items()}
        for k in sorted(known):
            for v in values(k, {}, known[k]):
                text = json.dumps({} if v is ABSENT else {k: v})
                self.add(base, {"generation_config.json": text}, shown({"generation_config.json " + k: v}))
        self.add(base, {"generation_config.json": "{"}, {"generation_config.json": "broken"})

    def beside(self, base):
        for name, text in FILES.items():
            what = {name: text}
            if text == "weights":
                text = "file:" + os.path.join(base, "model.safetensors") + ".other"
            self.add(base, {name: text}, what)

    def config(self, base, config, changes):
        self.add(base, {"config.json": changed(config, changes)}, shown(changes))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("names", nargs="+")
    p.add_argument("bases")
    p.add_argument("out")
    p.add_argument("--pairs", type=int, default=0)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--only", default="")
    a = p.parse_args()
    libraries = [json.load(open(n, encoding="utf-8")) for n in a.names]
    rng = random.Random(a.seed)
    with open(a.out, "w", encoding="utf-8") as f:
        m = Maker(f)
        for name in sorted(os.listdir(a.bases)):
            if a.only and name not in a.only.split(","):
                continue
            base = os.path.join(a.bases, name)
            config = json.load(open(os.path.join(base, "config.json"), encoding="utf-8"))
            known = {}
            for lib in libraries:
                for k, default in lib[config["model_type"]].items():
                    known[k] = default if default is not None else known.get(k)
            for k in SPECIAL:
                known.setdefault(k, None)
            for k in sorted(known):
                for v in values(k, config, known[k]):
                    m.config(base, config, {k: v})
            if name in SETTINGS_OF:
                m.settings(base, libraries)
                m.beside(base)
            for _ in range(a.pairs):
                picked = rng.sample(sorted(known), rng.choice([2, 2, 3, 4]))
                m.config(base, config, {k: rng.choice(values(k, config, known[k]) or [None]) for k in picked})
            for _ in range(4 * a.pairs):
                new = respelled(config, known, rng)
                keys = [k for k in sorted({*new, *config}) if new.get(k, ABSENT) != config.get(k, ABSENT)]
                what = {k: new.get(k, "(absent)") for k in keys}
                m.add(base, {"config.json": json.dumps(new, indent=1)}, what)
    print(m.n, "variants")


if __name__ == "__main__":
    main()

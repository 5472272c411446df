"""check.py VARIANTS VERDICTS OUTCOMES...: holds famkit's verdicts on children against what transformers made of them.

A defect is a child of which famkit says that nothing stands against its computing its parent's function, and which a
version of transformers does not load, loads with another report, or of which it gives other logits: at once, token by
token with a cache, several tokens at a time, or in generate(). What generate() chooses may differ where famkit names a
setting of it. Where famkit takes a child for another model than its parent, transformers must give the logits that
famkit gives.
"""
import collections
import json
import os
import sys


def lines(path):
    with open(path, encoding="utf-8") as f:
        return {x["id"]: x for x in map(json.loads, f)}


def only_generation(outcome, verdict):
    """Whether nothing but what generate() says differs, and famkit names a setting of generation that differs."""
    named = any("(generation)" in n for n in verdict.get("named", []))
    return isinstance(outcome, list) and named and all(o.split(":")[0] == "generate" for o in outcome)


def main():
    variants, verdicts, outcomes = lines(sys.argv[1]), lines(sys.argv[2]), [lines(p) for p in sys.argv[3:]]
    count, defects = collections.Counter(), []
    for i, v in variants.items():
        verdict = verdicts[i]
        got = [o[i]["outcome"] for o in outcomes if i in o]
        bad = [g for g in got if g != "same" and not only_generation(g, verdict)]
        kind = "computes the same" if not bad else "does not"
        count[verdict["verdict"], kind] += 1
        if verdict["verdict"] == "same" and bad:
            defects.append((os.path.basename(v["base"]), v["what"], bad[0], verdict.get("named", [])))
        other = [g for g in got if isinstance(g, str) and g != "same" or "famkit" in g]
        if verdict["verdict"] == "other" and other:
            defects.append((os.path.basename(v["base"]), v["what"], other[0], ["other model: " + verdict["why"]]))
    for base, what, bad, named in defects[:int(os.environ.get("SHOW", "40"))]:
        print(f"famkit says nothing against {base} with {json.dumps(what)[:200]}: transformers {str(bad)[:160]} "
              f"{named}")
    for (verdict, kind), n in sorted(count.items()):
        print(f"famkit: {verdict:8} transformers: {kind:18} {n:7}")
    print(f"{len(variants)} children, {len(defects)} defects")
    if not count["refused", "does not"]:
        print("no refused child computes anything else: this shows nothing")
        return 1
    return 1 if defects else 0


if __name__ == "__main__":
    sys.exit(main())

"""Hold docs/check_proof.py against famkit. check_proofs.py FAMKIT MODELS WORK [--damaged N] [--seed S] [--only I] [--attacks FOLDER]

Every growth of the models in MODELS that famkit proves must be proved by the checker with the same verdict, or be refused as
out of its scope, by name. Then N of these children are damaged, in weights, types, configs, side files, shards or the
claim, and both are asked again: what one proves and the other refuses is printed and kept, and is a failure. The checker
may refuse as out of scope what famkit proves; how often is printed. --only I makes case I alone again, and keeps it.
"""
import argparse
import collections
import contextlib
import importlib.util
import io
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys

import proofs_damage as damage
from growths import ALL, MORE

HERE = os.path.dirname(os.path.abspath(__file__))
spec = importlib.util.spec_from_file_location("check_proof", os.path.join(HERE, "..", "..", "docs", "check_proof.py"))
check_proof = importlib.util.module_from_spec(spec)
spec.loader.exec_module(check_proof)

# Other types and ways of sharing than the defaults, which round more.
OTHERS = [("bfloat16", "--hidden x1.5 --split even"), ("float16", "--width 2x --split even"), ("bfloat16", "--ffn 3x --split even"),
          ("float16", "--kv +1 --split shares"), ("bfloat16", "--hidden 3x --split noise"), ("float32", "--ffn 3x --split even"),
          ("float32", "--heads 3x --split even"), ("bfloat16", "--width 2x --depth 2x"), ("float16", "--head-dim 2x"),
          ("float32", "--hidden x1.5 --ffn x1.37 --split even --vocab +3"), ("float32", "--ffn 2x --method fresh"),
          ("bfloat16", "--hidden 2x --method pad"), ("float16", "--hidden x1.25 --method lemon"), ("float32", "--kv 2x --method fresh"),
          ("float32", "--depth 2x --silent pairs --width 2x"), ("bfloat16", "--depth 2x --silent pairs")]
IN_SCOPE = {"llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "olmo2", "phi3"}


def run(*command):
    return subprocess.run(command, capture_output=True, text=True)


def ask_checker(parent, child, proof):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = check_proof.main([parent, child, proof])
    return code, out.getvalue().strip()


def growths(famkit, models, work):
    """Makes the growths: (label, parent, child, proof, verdict) of those that famkit proves."""
    for name in sorted(os.listdir(models)):
        parent = os.path.join(models, name)
        if not os.path.exists(os.path.join(parent, "config.json")):
            continue
        with open(os.path.join(parent, "config.json"), encoding="utf-8") as f:
            kind = json.load(f)["model_type"]
        for dtype, flags in [("float32", g) for g in ALL + MORE.get(kind, [])] + OTHERS:
            source = parent
            if dtype != "float32":
                source = os.path.join(work, f"{name}-{dtype}")
                if not os.path.exists(source) and run(famkit, "convert", parent, source, "--dtype", dtype, "-q").returncode:
                    continue
            child = os.path.join(work, f"{name}-{dtype}{flags.replace(' ', '')}")
            proof = child + ".proof.json"
            if not os.path.exists(proof):
                if run(famkit, "expand", source, child, *flags.split(), "-q").returncode:
                    continue  # growths.py says which must be refused
                if run(famkit, "verify", source, child, "--proof-only", "--write-proof", proof, "-q").returncode:
                    continue
            with open(proof, encoding="utf-8") as f:
                yield f"{name} {dtype} {flags}", kind, source, child, proof, json.load(f)["verdict"]


def check_growths(made):
    """The checker on all growths; returns those that it proves, and how many failures there were."""
    proved, failed, beyond = [], 0, collections.Counter()
    for label, kind, parent, child, proof, verdict in made:
        code, said = ask_checker(parent, child, proof)
        if code == 0 and said == "proved: " + verdict:
            proved.append((label, parent, child, proof))
        elif said.startswith("refused: out of scope:"):
            beyond[kind if kind not in IN_SCOPE else said[len("refused: out of scope: "):][:60]] += 1
        else:
            failed += 1
            print(f"FAIL {label}: famkit says {verdict}, the checker {said}")
    print(f"{len(made)} growths proved by famkit: {len(proved)} by the checker too, {sum(beyond.values())} out of its scope")
    for why, n in beyond.most_common():
        print(f"  out of scope {n:4d}  {why}")
    return proved, failed


def check_attacks(folder):
    """The checker on what internal/proof's tests ask (export_test.go): it proves nothing that they have refused."""
    counts, failed = collections.Counter(), 0
    for name in sorted(os.listdir(folder)):
        parent, child, proof = (os.path.join(folder, name, n) for n in ("parent", "child", "proof.json"))
        with open(proof, encoding="utf-8") as f:
            stored = json.load(f)
        stored["parent"], stored["child"] = sign(parent), sign(child)
        with open(proof, "w", encoding="utf-8") as f:
            json.dump(stored, f)
        code, said = ask_checker(parent, child, proof)
        sound, beyond = stored["verdict"] != "different", said.startswith("refused: out of scope:")
        counts["sound" if sound else "made to deceive", "out of scope" if beyond else "proved" if code == 0 else "refused"] += 1
        if sound != (code == 0) and not beyond:
            failed += 1
            print(f"FAIL {name}: famkit says {stored['verdict']}, the checker {said}")
    print("asked by tests: " + ", ".join(f"{n} {what} {verdict}" for (what, verdict), n in sorted(counts.items())))
    return failed


def case(job):
    """Damages one child and asks both. Gives None where they agree, the reason where the checker says out of scope, else a report."""
    famkit, work, subjects, seed, i, keep = job
    rng = random.Random(f"{seed}:{i}")
    label, parent, child, proof = rng.choice(subjects)
    spot = os.path.join(work, f"case-{os.getpid()}")
    shutil.rmtree(spot, ignore_errors=True)
    os.makedirs(spot)
    bad, claimed = os.path.join(spot, "child"), os.path.join(spot, "proof.json")
    with open(proof, encoding="utf-8") as f:
        stored = json.load(f)
    what, claim = damage.damage(rng, child, bad, stored["claim"])
    stored["claim"], stored["child"], stored["parent"]["path"] = claim, sign(bad), os.path.abspath(parent)
    with open(claimed, "w", encoding="utf-8") as f:
        json.dump(stored, f)
    r = run(famkit, "verify", "--proof", claimed, "--proof-only")
    code, said = ask_checker(os.path.abspath(parent), bad, claimed)
    if keep:
        print(r.stdout, r.stderr, said, f"kept in {spot}")
    if r.returncode not in (0, 1, 3) or code not in (0, 1):
        verdict = f"famkit exits {r.returncode}, the checker {code}"
    elif (r.returncode == 0) == (code == 0):
        return what.split(":")[0], "agreed, proved" if code == 0 else "agreed, refused", None
    elif said.startswith("refused: out of scope:"):
        return what.split(":")[0], "out of scope", said[len("refused: out of scope: "):][:50]
    else:
        verdict = f"famkit exits {r.returncode}, the checker says {said}: {r.stdout.strip()[-300:]}"
    saved = os.path.join(work, f"disagree-{seed}-{i}")
    shutil.rmtree(saved, ignore_errors=True)
    shutil.copytree(spot, saved, symlinks=True)
    return what.split(":")[0], "DISAGREE", f"case {i}: {label}: {what}: {verdict} ({saved})"


def check_controls(famkit, work, subjects, seed):
    """A checker that says yes to all, and one that says no, must be found out."""
    global ask_checker
    kept, failed = ask_checker, 0
    for answer in ((0, "proved: exact"), (1, "refused: weights: no reason")):
        ask_checker = lambda *_, answer=answer: answer
        if not any(case((famkit, work, subjects, seed, i, False))[1] == "DISAGREE" for i in range(40)):
            failed += 1
            print(f"FAIL a checker that always says {answer[1]!r} passes")
    ask_checker = kept
    return failed


def sign(child):
    """What a proof says of a child: the digests that an adversary would write."""
    named = {"path": os.path.abspath(child)}
    with contextlib.suppress(Exception):
        named.update(check_proof.Checkpoint(child).digests())
    return named


def check_damaged(famkit, work, subjects, n, seed, only):
    cases = [(famkit, work, subjects, seed, i, only is not None) for i in (range(n) if only is None else [only])]
    counts, beyond, failed = collections.defaultdict(collections.Counter), collections.Counter(), 0
    with multiprocessing.Pool(2) as pool:
        for n, (kind, verdict, more) in enumerate(pool.imap_unordered(case, cases, 8), 1):
            counts[kind][verdict] += 1
            if n % 500 == 0:
                print(f"{n} of {len(cases)}", flush=True)
            if verdict == "out of scope":
                beyond[more] += 1
            if verdict == "DISAGREE":
                failed += 1
                print("FAIL", more, flush=True)
    verdicts = ("agreed, refused", "agreed, proved", "out of scope", "DISAGREE")
    print(f"{len(cases)} damaged children, seed {seed}: " + ", ".join(f"{sum(c[v] for c in counts.values())} {v}" for v in verdicts))
    for kind in sorted(counts):
        print(f"  {kind:12s} " + ", ".join(f"{counts[kind][v]} {v}" for v in verdicts if counts[kind][v]))
    for why, k in beyond.most_common(12):
        print(f"  out of scope {k:4d}  {why}")
    return failed


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("famkit"), p.add_argument("models"), p.add_argument("work")
    p.add_argument("--damaged", type=int, default=400)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--only", type=int)
    p.add_argument("--attacks", help="a folder that internal/proof's tests have filled")
    a = p.parse_args()
    proved, failed = check_growths(list(growths(a.famkit, a.models, a.work)))
    if a.attacks:
        failed += check_attacks(a.attacks)
    if a.damaged and proved and a.only is None:
        failed += check_controls(a.famkit, a.work, proved, a.seed)
    if a.damaged and proved:
        failed += check_damaged(a.famkit, a.work, proved, a.damaged, a.seed, a.only)
    sys.exit(f"{failed} disagreements" if failed else 0)


if __name__ == "__main__":
    main()

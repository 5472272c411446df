"""Grow every oracle model along every axis that its architecture has. growths.py FAMKIT MODELS WORK JOBS

MODELS is a folder of models; the environment's MODELS names some of them. Each child gets a row in the table JOBS, which load.py
reads. What it allows between parent and child follows from the plan: where no stored number is rounded, rounding of
float64 arithmetic alone; else what one rounding of float32 weights does. A growth that cannot be exact must be refused with a
reason, and every model's first child also becomes a damaged one that the check has to notice.
"""
import concurrent.futures
import glob
import json
import os
import shutil
import subprocess
import sys

from damage import damage

EXACT, ROUNDED = "1e-12", "2e-6"
ALL = ["--depth 2x", "--depth +1", "--ffn x1.37", "--hidden 2x", "--hidden 4x", "--hidden x1.5", "--hidden +8 --depth +2", "--width 2x",
       "--width 2x --depth 2x --ffn x2.5", "--kv 2x", "--kv +1", "--heads 2x", "--head-dim 2x", "--head-dim 4x", "--vocab +7", "--positions 2x",
       "--silent pairs --depth 2x"]
MIXTURE = ["--experts 2x", "--experts 2x --top-k 2x", "--expert-ffn x1.37"]
DENSE = ["--experts 4 --top-k 2", "--experts 8 --top-k 4 --mlp-parts 2"]
FILLING = ["--hidden 60 --heads 5", "--hidden 2x --head-dim 2x", "--hidden 4x --head-dim 4x"]

# What else an architecture grows, and which of its, or of one model's, growths cannot keep the function.
MORE = {"mixtral": MIXTURE, "qwen3_moe": MIXTURE, "llama": DENSE, "mistral": DENSE, "qwen3": DENSE, "gpt2": FILLING, "gpt_neox": FILLING}
QK_NORM = {"--head-dim 2x", "--head-dim 4x"}  # the norm's epsilon is one number for all norms
FILLED = QK_NORM | {"--hidden +8 --depth +2", "--kv 2x", "--kv +1", "--heads 2x"}  # the heads fill the hidden size
UNEVEN = {"--kv +1"}  # heads must divide the hidden size, or are normed together
PAIRS = {"--silent pairs --depth 2x"}  # a norm after the block blows up the rounding of what cancels
COPIED_TWICE = {"--experts 2x"}  # a token would be sent to both copies of one expert
REFUSED = {"mixtral": COPIED_TWICE, "qwen3_moe": QK_NORM | COPIED_TWICE, "gpt2": FILLED, "gpt_neox": FILLED, "qwen3": QK_NORM, "gemma3_text": QK_NORM | PAIRS,
           "gemma2": PAIRS, "olmo2": QK_NORM | PAIRS | UNEVEN, "llama-tied": UNEVEN}


def grow(famkit, parent, child, flags):
    """One growth: its plan, or None where it is refused as it should be."""
    kind = json.load(open(os.path.join(parent, "config.json")))["model_type"]
    r = subprocess.run([famkit, "expand", parent, child, *flags.split()], capture_output=True, text=True)
    what = f"expand {parent} {flags}"
    if flags in REFUSED.get(kind, ()) or flags in REFUSED.get(os.path.basename(parent), ()):
        if r.returncode != 3 or "error: " not in r.stderr or os.path.exists(child):
            sys.exit(f"{what}: should be refused with a reason, exits {r.returncode}: {r.stderr.strip()[-200:]}")
        return None
    if r.returncode:
        sys.exit(f"{what}: exits {r.returncode}: {r.stderr.strip()[-200:]}")
    return json.load(open(os.path.join(child, "plan.json")))


def job(famkit, work, parent, flags):
    """Rows of one growth; the first growth of each model has its damaged twin."""
    name = os.path.basename(parent)
    child = os.path.join(work, name + flags.replace(" ", ""))
    plan = grow(famkit, parent, child, flags)
    if plan is None:
        return []
    limit = ROUNDED if plan.get("rounding") else EXACT
    rows = [("tiny", f"{name} {flags}", parent, child, limit)]
    if flags == ALL[0]:
        bad = os.path.join(work, name + "-damaged")
        shutil.copytree(child, bad)
        damage(bad)
        rows.append(("control", f"{name} damaged", parent, bad, ROUNDED))
    return rows


def main(famkit, models, work, jobs):
    only = os.environ.get("MODELS", "").split()
    parents = [os.path.dirname(c) for c in sorted(glob.glob(os.path.join(models, "*", "config.json")))]
    parents = [p for p in parents if not only or os.path.basename(p) in only]
    if not parents:
        sys.exit(f"no model to try in {models}")
    todo = []
    for p in parents:
        kind = json.load(open(os.path.join(p, "config.json")))["model_type"]
        todo += [(famkit, work, p, flags) for flags in ALL + MORE.get(kind, [])]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda t: job(*t), todo))
    with open(jobs, "a", encoding="utf-8") as f:
        for rows in done:
            f.writelines("\t".join(row) + "\n" for row in rows)
    refused = sum(not rows for rows in done)
    print(f"{len(parents)} models: {len(todo)} growths, {refused} of them refused as they must be")


if __name__ == "__main__":
    main(*sys.argv[1:])

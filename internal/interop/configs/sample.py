"""sample.py ALL VERDICTS OUT N SEED: the children that are worth loading.

N of those against which famkit says nothing ("all": all of them), half as many of those that it takes for other models,
and a tenth as many of the refused ones, of which some must compute something else: else the check would show nothing.
"""
import json
import random
import sys

everything, verdicts, out, number, seed = sys.argv[1:]
with open(verdicts, encoding="utf-8") as f:
    verdict = {v["id"]: v["verdict"] for v in map(json.loads, f)}
rng = random.Random(int(seed))
groups = {"same": [], "other": [], "refused": []}
for i, v in verdict.items():
    groups[v].append(i)
n = len(groups["same"]) if number == "all" else min(int(number), len(groups["same"]))
keep = set(rng.sample(groups["same"], n))
for name, m in (("other", n // 2 if number != "all" else n), ("refused", n // 10 + 1)):
    keep |= set(rng.sample(groups[name], min(m, len(groups[name]))))
with open(everything, encoding="utf-8") as lines, open(out, "w", encoding="utf-8") as f:
    for line in lines:
        if json.loads(line)["id"] in keep:
            f.write(line)
print(f"{len(verdict)} children: famkit refuses {len(groups['refused'])}, says nothing against {len(groups['same'])}, "
      f"takes {len(groups['other'])} for other models; {len(keep)} are loaded")

"""logits.py FAMKIT VARIANTS VERDICTS OUT: famkit's own logits of children whose models differ from their parents'.

run.py holds them against transformers'. OUT gets a file for each.
"""
import json
import os
import subprocess
import sys

from safetensors.torch import save_file

from run import put, token_ids

famkit, variants, verdicts, out = sys.argv[1:]
os.makedirs(out)
with open(verdicts, encoding="utf-8") as f:
    wanted = {v["id"]: v for v in map(json.loads, f) if v["verdict"] == "other"}
folder, ids = os.path.join(out, "child"), os.path.join(out, "ids.safetensors")
n = asked = 0
with open(variants, encoding="utf-8") as lines:
    for v in map(json.loads, lines):
        if v["id"] not in wanted:
            continue
        asked += 1
        put(v["base"], v["files"], folder)
        save_file({"input_ids": token_ids(wanted[v["id"]]["vocab"])}, ids)
        to = os.path.join(out, f"{v['id']}.safetensors")
        how = ["--ids", ids, "--out", to, "--engine", "ref", "--precision", "f64", "-q"]
        r = subprocess.run([famkit, "logits", folder, *how], capture_output=True, text=True)
        n += r.returncode == 0
        if r.returncode:
            print(f"famkit logits of {v['what']}: {r.stderr.strip()[:200]}")
print(f"famkit's logits of {n} of {asked} children")
sys.exit(0 if n == asked else 1)

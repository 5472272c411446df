"""resaved.py CONFIGS BASES WORK: a checkpoint that this Python's transformers loads and saves is the one that it was.

famkit must have nothing against it, but that transformers 4 reads otherwise what transformers 5 alone writes.
"""
import json
import os
import shutil
import subprocess
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
import transformers

CONFIGS, BASES, WORK = sys.argv[1:]
FOUR = int(transformers.__version__.split(".")[0]) < 5


def main():
    transformers.logging.set_verbosity(60)
    bad, named = 0, 0
    names = sorted(os.listdir(BASES))
    for name in names:
        base = os.path.join(BASES, name)
        shutil.rmtree(WORK, ignore_errors=True)
        transformers.AutoModelForCausalLM.from_pretrained(base).save_pretrained(WORK)
        r = subprocess.run([CONFIGS, "compare", base, WORK], capture_output=True, text=True)
        if r.returncode:
            bad += 1
            print(f"{name}: {r.stderr.strip()[:200]}")
            continue
        for f in json.loads(r.stdout)["findings"] or []:
            if f["code"] == "versions" and not FOUR:
                named += 1
            elif f["fatal"]:
                bad += 1
                print(f"{name}: {f['text']}")
    print(f"transformers {transformers.__version__} saved {len(names)} checkpoints: {named} that transformers 4 reads "
          f"otherwise, {bad} that famkit refuses")
    return 1 if bad else 0


sys.exit(main())

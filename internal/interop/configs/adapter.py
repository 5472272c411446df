"""adapter.py CONFIGS FOLDER WORK: an adapter beside the weights is loaded unasked, and famkit refuses it."""
import json
import os
import shutil
import subprocess
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
import peft
import torch
import transformers

CONFIGS, BASE, WORK = sys.argv[1:]
transformers.logging.set_verbosity(60)
ids = torch.arange(3, 15)[None]
torch.manual_seed(1)


def logits(path):
    with torch.no_grad():
        return transformers.AutoModelForCausalLM.from_pretrained(path).eval()(ids).logits


def against():
    r = subprocess.run([CONFIGS, "compare", BASE, WORK], capture_output=True, text=True, check=True)
    return [f["text"] for f in json.loads(r.stdout)["findings"] or [] if f["fatal"]]


shutil.rmtree(WORK, ignore_errors=True)
shutil.copytree(BASE, WORK)
problems = [f"famkit refuses a copy: {against()}"] if against() else []
model = transformers.AutoModelForCausalLM.from_pretrained(BASE)
settings = peft.LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False)
peft.get_peft_model(model, settings).save_pretrained(WORK)
moved = (logits(WORK) - logits(BASE)).abs().max().item()
if not moved > 0.1:
    problems.append(f"the adapter moves the logits by {moved:.1g} only: this check shows nothing")
if not against():
    problems.append("famkit says nothing against an adapter beside the weights")
print(f"transformers {transformers.__version__} with peft {peft.__version__}: an adapter moves logits by {moved:.2g}; "
      f"{len(problems)} problems")
for p in problems:
    print(p)
sys.exit(1 if problems else 0)

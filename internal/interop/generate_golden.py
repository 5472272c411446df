"""Write what the real transformers library generates: fixtures/oracle/generated.json.

For each oracle model, greedy continuations of its recorded ids with the library's key-value cache, in float64; and for one row
of logits, what the library's repetition penalty makes of it, and the probabilities that its temperature, top-k and top-p leave, in
their order in generate().
"""

import json
import os
import sys

import torch
from transformers import AutoModelForCausalLM
from transformers.generation.logits_process import (
    RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper)

from safetensors.torch import load_file

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
TOKENS = 40


def greedy(folder):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager", experts_implementation="eager").eval()
    ids = load_file(os.path.join(folder, "expected.safetensors"))["input_ids"]
    runs = []
    for prompt in (ids[0, :5], ids[1, :13]):
        out = model.generate(prompt[None].long(), attention_mask=torch.ones(1, len(prompt), dtype=torch.long), do_sample=False,
                             max_new_tokens=TOKENS, eos_token_id=None, pad_token_id=0, use_cache=True, output_scores=True,
                             return_dict_in_generate=True)
        best = [torch.topk(s[0], 2).values for s in out.scores]
        runs.append({"prompt": prompt.tolist(), "ids": out.sequences[0, len(prompt):].tolist(),
                     "margin": min(float(b[0] - b[1]) for b in best)})
    return runs


def warped():
    generator = torch.Generator().manual_seed(3)
    logits = (3 * torch.randn(24, generator=generator)).double()
    logits[7] = logits[3]  # a tie
    cases = []
    for temperature, k, p in [(1.0, 0, 1.0), (0.7, 0, 1.0), (1.0, 5, 1.0), (1.0, 0, 0.8), (1.3, 8, 0.9), (0.5, 3, 0.5), (1.0, 0, 0.01),
                              (1.0, 100, 1.0)]:
        x = logits[None].clone()
        if temperature != 1.0:
            x = TemperatureLogitsWarper(temperature)(None, x)
        if k:
            x = TopKLogitsWarper(k)(None, x)
        if p < 1:
            x = TopPLogitsWarper(p)(None, x)
        cases.append({"temperature": temperature, "top_k": k, "top_p": p, "probabilities": torch.softmax(x[0], -1).tolist()})
    before = torch.tensor([[3, 5, 5, 11]])
    penalised = RepetitionPenaltyLogitsProcessor(1.3)(before, logits[None].clone())[0].tolist()
    return {"before": before[0].tolist(), "penalty": 1.3, "penalised": penalised, "logits": logits.tolist(), "cases": cases}


def main():
    oracle = os.path.join(ROOT, "fixtures/oracle")
    models = {n: greedy(os.path.join(oracle, n)) for n in sorted(os.listdir(oracle)) if os.path.isdir(os.path.join(oracle, n))
              and not n.endswith("-v4")}
    with open(os.path.join(oracle, "generated.json"), "w") as f:
        f.write("{\n \"models\": {\n")
        f.write(",\n".join(f"  {json.dumps(n)}: {json.dumps(r)}" for n, r in models.items()))
        f.write("\n },\n \"sampling\": " + json.dumps(warped()) + "\n}\n")
    print({n: [r["margin"] for r in rs] for n, rs in models.items()}, file=sys.stderr)


main()

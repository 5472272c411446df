"""layouts.py CONFIGS BASES WORK: checkpoints under other names, and with tensors that famkit ignores, in this Python's
transformers.

What famkit accepts must load here and give the same logits, unless famkit says that transformers 4 reads it otherwise.
"""
import json
import os
import re
import shutil
import subprocess
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
import transformers
from safetensors.torch import load_file, save_file

CONFIGS, BASES, WORK = sys.argv[1:]
FOUR = int(transformers.__version__.split(".")[0]) < 5


def renamed(before, after):
    return lambda t: {(after + k[len(before):] if k.startswith(before) else k): v for k, v in t.items()}


def head_alone(embed, head):
    return lambda t: {(head if k == embed else k): v for k, v in t.items()}


def both(embed, head):
    return lambda t: {**t, head: t[embed].clone()}


def stacked(pattern, names, prefix):
    """The experts of a layer in one tensor, as transformers 5 has them in memory."""
    def f(t):
        out, experts = {}, {}
        for k, v in t.items():
            if m := re.match(pattern, k):
                experts.setdefault(m[1], {}).setdefault(m[3], {})[int(m[2])] = v
            else:
                out[k.replace(*ROUTER)] = v
        for layer, parts in experts.items():
            gate, up, down = (parts[n] for n in names)
            out[layer + prefix + "gate_up_proj"] = torch.stack([torch.cat([gate[i], up[i]]) for i in range(len(gate))])
            out[layer + prefix + "down_proj"] = torch.stack([down[i] for i in range(len(down))])
        return out
    return f


def more(*names):
    """Tensors that old files carry, full of numbers that would show."""
    return lambda t: {**t, **{n: torch.full(shape, 7.0) for n, shape in names}}


MIXTRAL = stacked(r"(.*)block_sparse_moe\.experts\.(\d+)\.(w\d)\.weight", ("w1", "w3", "w2"), "mlp.experts.")
QWEN = stacked(r"(.*)mlp\.experts\.(\d+)\.(\w+)_proj\.weight", ("gate", "up", "down"), "mlp.experts.")
ROUTER = ("block_sparse_moe.gate", "mlp.gate")
TABLES = more(("model.layers.0.self_attn.rotary_emb.inv_freq", (2,)), ("model.rotary_emb.inv_freq", (2,)))
CASES = [
    ("gpt2", "without prefix", renamed("transformer.", "")),
    ("gpt2-untied", "without prefix", renamed("transformer.", "")),
    ("gpt2", "head alone", head_alone("transformer.wte.weight", "lm_head.weight")),
    ("gpt2", "head and embedding", both("transformer.wte.weight", "lm_head.weight")),
    ("gpt2", "masks", more(("transformer.h.0.attn.bias", (1, 1, 40, 40)), ("transformer.h.1.attn.masked_bias", (1,)))),
    ("llama-tied-bias", "head alone", head_alone("model.embed_tokens.weight", "lm_head.weight")),
    ("llama-tied-bias", "head and embedding", both("model.embed_tokens.weight", "lm_head.weight")),
    ("gpt_neox-serial", "head alone", head_alone("gpt_neox.embed_in.weight", "embed_out.weight")),
    ("gpt_neox", "masks", more(("gpt_neox.layers.0.attention.bias", (1, 1, 64, 64)),
                               ("gpt_neox.layers.0.attention.masked_bias", (1,)),
                               ("gpt_neox.layers.1.attention.rotary_emb.inv_freq", (2,)))),
    ("mixtral", "stacked", MIXTRAL),
    ("mixtral", "the router's other name", lambda t: {k.replace(*ROUTER): v for k, v in t.items()}),
    ("qwen3_moe", "stacked", QWEN),
]
CASES += [(n, "rotary tables", TABLES) for n in (
    "llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3", "olmo2", "phi3", "mixtral", "qwen3_moe",
    "llama-longrope", "llama-dynamic")]


def logits(path):
    model, info = transformers.AutoModelForCausalLM.from_pretrained(path, output_loading_info=True)
    lost = info["missing_keys"] or info["mismatched_keys"]
    with torch.no_grad():
        return model.eval()(torch.arange(3, 21)[None]).logits, lost


def judged(base):
    """None where famkit refuses the checkpoint, else whether it says that transformers 4 reads it otherwise."""
    r = subprocess.run([CONFIGS, "compare", base, WORK], capture_output=True, text=True)
    if r.returncode:
        return None
    return any(f["code"] == "versions" and "child" in f["text"] for f in json.loads(r.stdout)["findings"] or [])


def main():
    transformers.logging.set_verbosity(60)
    bad, refused = 0, 0
    for name, what, change in CASES:
        base = os.path.join(BASES, name)
        shutil.rmtree(WORK, ignore_errors=True)
        os.makedirs(WORK)
        shutil.copy(os.path.join(base, "config.json"), WORK)
        tensors = change(load_file(os.path.join(base, "model.safetensors")))
        tensors = {k: v.contiguous() for k, v in tensors.items()}
        save_file(tensors, os.path.join(WORK, "model.safetensors"), metadata={"format": "pt"})
        says = judged(base)
        if says is None:
            refused += 1
            continue
        try:
            got, lost = logits(WORK)
            same = not lost and (got - logits(base)[0]).abs().max().item() < 1e-5
        except Exception:
            same = False
        if same == (FOUR and says):
            bad += 1
            print(f"{name}, {what}: the logits are {'the same' if same else 'others'}, famkit says transformers 4 "
                  f"reads it {'otherwise' if says else 'alike'}")
    print(f"transformers {transformers.__version__}: {len(CASES)} layouts, {refused} refused by famkit, {bad} wrong")
    return 1 if bad or refused > len(CASES) // 4 else 0


sys.exit(main())

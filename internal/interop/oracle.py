"""Make oracle models: tiny random checkpoints written by transformers, with what it computes for them.

    oracle.py --out DIR [--only llama-tied,qwen3] [--seed N] [--style 5|4]
    oracle.py --check DIR [DIR ...]

Each model becomes a folder DIR/NAME (DIR/NAME-v4 where transformers 4 wrote it) of config.json, generation_config.json,
model.safetensors, expected.safetensors, train_tokens.safetensors and train_record.json; fixtures/oracle/README.md says what
is in them. Weights, sizes and tokens follow from the seed. --style demands the transformers of that major version, whose
spelling of config.json is wanted. --check evaluates existing folders again and compares with the logits that they record.
"""

import argparse
import json
import math
import os
import random
import sys
import zlib

import torch
import transformers
from safetensors.torch import load_file, save_file

from double import all_double

MAJOR = int(transformers.__version__.split(".")[0])
STEPS, BATCH, ROW = 20, 4, 32
SETTINGS = {
    "lr": 1e-3, "betas": [0.9, 0.95], "eps": 1e-8, "weight_decay": 0.1,
    "weight_decay_on": "tensors of 2 or more dims", "clip": 1.0, "schedule": "constant",
}


class Sizes:
    """The sizes of one model, drawn within tiny bounds."""

    def __init__(self, rng):
        self.head_dim = rng.choice([8, 12, 16])
        self.heads = rng.choice([2, 4, 6])
        self.kv = rng.choice([k for k in (1, 2, 3) if self.heads % k == 0])
        self.hidden = self.heads * rng.choice([8, 12])
        self.ffn = 8 * rng.randint(8, 15)
        self.layers = rng.randint(2, 3)
        self.vocab = rng.randint(99, 150)
        self.theta = rng.choice([10000.0, 50000.0, 1e6])
        self.eps = rng.choice([1e-5, 1e-6])
        self.window = rng.randint(5, 12)

    def common(self, **more):
        return dict(
            vocab_size=self.vocab, hidden_size=self.hidden, intermediate_size=self.ffn, num_hidden_layers=self.layers,
            num_attention_heads=self.heads, num_key_value_heads=self.kv, max_position_embeddings=256,
            rms_norm_eps=self.eps, bos_token_id=1, eos_token_id=2, pad_token_id=0, **more,
        )


def rope(theta, partial=None, **scaling):
    """Rotary settings in the spelling of the library that runs."""
    kind = {"rope_type": scaling.pop("rope_type", "default"), **scaling}
    if MAJOR >= 5:
        settings = {"rope_theta": theta, **kind}
        if partial is not None:
            settings["partial_rotary_factor"] = partial
        return {"rope_parameters": settings}
    settings = {"rope_theta": theta, "rope_scaling": None if kind == {"rope_type": "default"} else kind}
    if partial is not None:
        settings["partial_rotary_factor"] = partial
    return settings


def llama3(theta):
    return rope(theta, rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                original_max_position_embeddings=16)


def gemma3_rope(s):
    if MAJOR < 5:
        return {"rope_theta": s.theta, "rope_local_base_freq": 10000.0}
    return {"rope_parameters": {
        "full_attention": {"rope_type": "default", "rope_theta": s.theta},
        "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
    }}


def alternate(s):
    return ["sliding_attention" if i % 2 == 0 else "full_attention" for i in range(s.layers)]


def shrunk(s):
    """Sizes for a model whose every MLP there is several times."""
    s.ffn, s.layers, s.hidden = 24, 2, s.heads * 8
    return s


def longrope(s, original):
    """Phi-3's scaling: factors for sequences up to the original context and beyond."""
    n = s.hidden // s.heads // 2
    return dict(original_max_position_embeddings=original, **rope(
        s.theta, rope_type="longrope", type="longrope", short_factor=[1.0 + 0.1 * i for i in range(n)],
        long_factor=[2.0 + 0.5 * i for i in range(n)]))


def yarn(s):
    return rope(s.theta, rope_type="yarn", factor=4.0, original_max_position_embeddings=64)


def neox_rope(s):
    if MAJOR < 5:
        return {"rotary_pct": 0.5, "rotary_emb_base": s.theta}
    return rope(s.theta, partial=0.5)


# name -> (config class, keyword arguments from sizes)
MODELS = {
    "llama-untied": ("LlamaConfig", lambda s: s.common(**rope(s.theta))),
    "llama-tied": ("LlamaConfig", lambda s: s.common(tie_word_embeddings=True, **rope(s.theta))),
    "llama-rope3": ("LlamaConfig", lambda s: s.common(**llama3(500000.0))),
    "llama-linear": ("LlamaConfig", lambda s: s.common(**rope(s.theta, rope_type="linear", factor=2.0))),
    "llama-yarn": ("LlamaConfig", lambda s: s.common(**yarn(s))),
    "llama-dynamic": ("LlamaConfig", lambda s: s.common(**rope(s.theta, rope_type="dynamic", factor=2.0))),
    "llama-bias": ("LlamaConfig", lambda s: s.common(attention_bias=True, mlp_bias=True, head_dim=s.head_dim, **rope(s.theta))),
    "mistral": ("MistralConfig", lambda s: s.common(head_dim=s.head_dim, sliding_window=None, **rope(s.theta))),
    "mistral-window": ("MistralConfig", lambda s: s.common(head_dim=s.head_dim, sliding_window=s.window, **rope(s.theta))),
    "qwen2": ("Qwen2Config", lambda s: s.common(tie_word_embeddings=True, **rope(s.theta))),
    "qwen2-window": ("Qwen2Config", lambda s: s.common(
        use_sliding_window=True, sliding_window=s.window, max_window_layers=1, **rope(s.theta))),
    "qwen3": ("Qwen3Config", lambda s: s.common(tie_word_embeddings=True, head_dim=s.head_dim, **rope(s.theta))),
    "qwen3-bias": ("Qwen3Config", lambda s: s.common(attention_bias=True, head_dim=s.head_dim, **rope(s.theta))),
    "gemma": ("GemmaConfig", lambda s: s.common(head_dim=s.head_dim, **rope(s.theta))),
    "gemma2": ("Gemma2Config", lambda s: s.common(
        head_dim=s.head_dim, query_pre_attn_scalar=s.head_dim, sliding_window=s.window, layer_types=alternate(s), **rope(s.theta))),
    "gemma3": ("Gemma3TextConfig", lambda s: s.common(
        head_dim=s.head_dim, query_pre_attn_scalar=s.head_dim, sliding_window=s.window, layer_types=alternate(s), **gemma3_rope(s))),
    "gpt2": ("GPT2Config", lambda s: dict(
        vocab_size=s.vocab, n_positions=128, n_embd=s.hidden, n_layer=s.layers, n_head=s.heads, bos_token_id=1, eos_token_id=2)),
    "gpt_neox": ("GPTNeoXConfig", lambda s: dict(
        vocab_size=s.vocab, hidden_size=s.heads * 16, num_hidden_layers=s.layers, num_attention_heads=s.heads,
        intermediate_size=s.ffn, max_position_embeddings=256, bos_token_id=1, eos_token_id=2, **neox_rope(s))),
    "gpt_neox-serial": ("GPTNeoXConfig", lambda s: dict(
        vocab_size=s.vocab, hidden_size=s.heads * 16, num_hidden_layers=s.layers, num_attention_heads=s.heads, attention_bias=False,
        use_parallel_residual=False, intermediate_size=s.ffn, bos_token_id=1, eos_token_id=2, **neox_rope(s))),
    "olmo2": ("Olmo2Config", lambda s: s.common(**rope(s.theta))),
    "phi3": ("Phi3Config", lambda s: s.common(**rope(s.theta))),
    "phi3-partial": ("Phi3Config", lambda s: s.common(sliding_window=s.window, **rope(s.theta, partial=0.5))),
    "phi3-longrope": ("Phi3Config", lambda s: s.common(**longrope(s, 64))),
    "mixtral": ("MixtralConfig", lambda s: shrunk(s).common(
        num_local_experts=4, num_experts_per_tok=2, sliding_window=None, **rope(s.theta))),
    "qwen3_moe": ("Qwen3MoeConfig", lambda s: shrunk(s).common(
        head_dim=8, moe_intermediate_size=20, num_experts=4, num_experts_per_tok=2, norm_topk_prob=True, **rope(s.theta))),
    "qwen3_moe-mixed": ("Qwen3MoeConfig", lambda s: shrunk(s).common(
        head_dim=8, moe_intermediate_size=20, num_experts=5, num_experts_per_tok=3, mlp_only_layers=[0], use_sliding_window=True,
        sliding_window=s.window, **rope(s.theta))),
}


def plain():
    """Arguments that choose the plain implementations, eager attention and experts."""
    return {"attn_implementation": "eager", **({"experts_implementation": "eager"} if MAJOR >= 5 else {})}


def load(folder):
    """The checkpoint in float32, as a user would load it. What the loading report finds amiss ends the run."""
    model, report = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, output_loading_info=True, **plain())
    for what, names in report.items():
        if names:
            sys.exit(f"{folder}: loading reports {what}: {names}")
    return model.eval()  # no dropout, in training either


def evaluate(folder, ids):
    """The logits of a checkpoint in float32 and, throughout, in float64."""
    model = load(folder)
    config = transformers.AutoConfig.from_pretrained(folder)
    with torch.no_grad():
        single = model(input_ids=ids).logits
        with all_double():
            twin = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float64, **plain()).eval()
            twin.load_state_dict({k: v.double() for k, v in model.state_dict().items()})
            double = twin(input_ids=ids).logits
    return single.contiguous(), double.contiguous()


def fill(model, generator):
    """Give every parameter values far from initialisation."""
    gain = 0.0 if model.config.model_type.startswith("gemma") else 1.0
    conv = model.config.model_type == "gpt2"  # its projections are stored [in, out]
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            if p.dim() > 1:
                turned = conv and ".h." in name
                p.copy_(noise * 1.2 / math.sqrt(p.shape[0] if turned else p.shape[-1]))
            elif name.endswith("bias"):
                p.copy_(noise * 0.1)
            else:
                p.copy_(gain + noise * 0.2)


def record(folder, tokens):
    """Train for some steps of AdamW and write down each loss and gradient norm."""
    model = load(folder)
    groups = [{"params": [p for p in model.parameters() if p.dim() > 1], "weight_decay": SETTINGS["weight_decay"]},
              {"params": [p for p in model.parameters() if p.dim() < 2], "weight_decay": 0.0}]
    adam = torch.optim.AdamW(groups, lr=SETTINGS["lr"], betas=tuple(SETTINGS["betas"]), eps=SETTINGS["eps"])
    losses, norms = [], []
    for step in range(STEPS):
        rows = tokens[step].long()
        logits = model(input_ids=rows[:, :-1]).logits
        loss = torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), rows[:, 1:].reshape(-1))
        adam.zero_grad()
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(model.parameters(), SETTINGS["clip"])))
        losses.append(float(loss.detach()))
        adam.step()
    return {**SETTINGS, "losses": losses, "grad_norms": norms}


def make(out, name, seed):
    rng = random.Random(f"{name} {seed}")
    generator = torch.Generator().manual_seed(zlib.crc32(f"{name} {seed}".encode()))
    kind, arguments = MODELS[name]
    config = getattr(transformers, kind)(**arguments(Sizes(rng)))
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32, **plain())
    fill(model, generator)
    folder = os.path.join(out, name if MAJOR >= 5 else name + "-v4")
    os.makedirs(folder, exist_ok=True)
    model.save_pretrained(folder)

    ids = torch.randint(3, config.vocab_size, (2, 33), generator=generator)
    single, double = evaluate(folder, ids)
    save_file({"input_ids": ids.to(torch.int32), "logits": single, "logits_f64": double},
              os.path.join(folder, "expected.safetensors"))
    # Every token twice: a rule that a few steps can begin to learn.
    tokens = torch.randint(3, config.vocab_size, (STEPS, BATCH, ROW // 2), generator=generator)
    tokens = tokens.repeat_interleave(2, dim=2).to(torch.int32)
    save_file({"tokens": tokens}, os.path.join(folder, "train_tokens.safetensors"))
    with open(os.path.join(folder, "train_record.json"), "w") as f:
        json.dump(record(folder, tokens), f, indent=1)
    apart = (single.double() - double).abs().max().item()
    print(f"{folder}: {sum(p.numel() for p in model.parameters())} parameters, float32 and float64 logits differ by {apart:.1e}")
    return apart < 1e-4


def check(folder):
    """Evaluate a folder again and compare with what it records."""
    expected = load_file(os.path.join(folder, "expected.safetensors"))
    single, double = evaluate(folder, expected["input_ids"].long())
    apart = (double - expected["logits_f64"]).abs().max().item()
    apart32 = (single - expected["logits"]).abs().max().item()
    tokens = load_file(os.path.join(folder, "train_tokens.safetensors"))["tokens"]
    with open(os.path.join(folder, "train_record.json")) as f:
        want = json.load(f)
    got = record(folder, tokens)
    losses = max(abs(a - b) / abs(b) for a, b in zip(got["losses"], want["losses"], strict=True))
    norms = max(abs(a - b) / abs(b) for a, b in zip(got["grad_norms"], want["grad_norms"], strict=True))
    good = apart < 1e-12 and apart32 < 2e-5 and losses < 2e-4 and norms < 1e-3
    print(f"{folder}: {'ok' if good else 'DIFFERENT'}: logits_f64 {apart:.1e}, logits {apart32:.1e}, "
          f"losses {losses:.1e}, gradient norms {norms:.1e}")
    return good


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", help="folder to make the models in")
    p.add_argument("--only", default="", help="names, separated by commas; all by default: " + ", ".join(MODELS))
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--style", type=int, choices=[4, 5], default=MAJOR, help="major version of transformers that must run")
    p.add_argument("--check", nargs="+", metavar="DIR", help="compare these folders' records with a new evaluation")
    a = p.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(min(2, os.cpu_count() or 1))
    if a.style != MAJOR:
        sys.exit(f"--style {a.style} needs transformers {a.style}, found {transformers.__version__}")
    if a.check:
        sys.exit(0 if all([check(folder) for folder in a.check]) else 1)
    if not a.out:
        p.error("--out or --check is needed")
    names = [n for n in a.only.split(",") if n] or list(MODELS)
    unknown = [n for n in names if n not in MODELS]
    if unknown:
        p.error(f"unknown names {', '.join(unknown)}; known are {', '.join(MODELS)}")
    os.makedirs(a.out, exist_ok=True)
    good = all([make(a.out, n, a.seed) for n in names])
    with open(os.path.join(a.out, "versions.json" if MAJOR >= 5 else "versions4.json"), "w") as f:
        json.dump({"torch": torch.__version__, "transformers": transformers.__version__}, f)
    sys.exit(0 if good else "float32 and float64 disagree")


if __name__ == "__main__":
    main()

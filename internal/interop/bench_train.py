"""Training speed of famkit beside PyTorch: the same model, batch and optimizer, in turn. Needs no package itself.

bench_train.py TIMED TORCH_PYTHON [f32,bf16] [BxT] [ROUNDS] [SECONDS]; TIMED is the built program of ./timed. Prints a
Markdown table: the best and the median step of all rounds. Only the ratio within one run is worth anything.
"""
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
FAMKIT = os.path.join(HERE, "..", "..", "bin", "famkit")
STEPS = 14
CONFIG = {  # 15 M parameters
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 288, "num_hidden_layers": 6,
    "num_attention_heads": 6, "num_key_value_heads": 6, "head_dim": 48, "intermediate_size": 768, "vocab_size": 32000,
    "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "max_position_embeddings": 2048, "tie_word_embeddings": True,
    "hidden_act": "silu", "attention_bias": False, "mlp_bias": False, "torch_dtype": "float32", "initializer_range": 0.02,
}


def write_tokens(path, steps, batch, seq):
    """A safetensors file with `tokens` [steps, batch, seq+1] of seeded random ids."""
    random.seed(1)
    n = steps * batch * (seq + 1)
    ids = struct.pack(f"<{n}i", *[random.randrange(CONFIG["vocab_size"]) for _ in range(n)])
    header = json.dumps({"tokens": {"dtype": "I32", "shape": [steps, batch, seq + 1], "data_offsets": [0, len(ids)]}}).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(header)) + header + ids)


def run_famkit(timed, config, precision, batch, seq):
    with tempfile.TemporaryDirectory() as t:
        write_tokens(t + "/tokens.safetensors", STEPS, batch, seq)
        subprocess.run(
            [timed, "-o", t + "/row", FAMKIT, "train", "--init", config, t + "/out", "--data", t + "/tokens.safetensors", "--steps", str(STEPS), "--batch", str(batch),
             "--seq", str(seq), "--lr", "1e-4", "--schedule", "constant", "--warmup", "0", "--weight-decay", "0.1", "--beta1", "0.9", "--beta2", "0.95", "--eps", "1e-8",
             "--clip", "1.0", "--precision", precision, "--log", t + "/log.jsonl"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        rows = [r for r in map(json.loads, open(t + "/log.jsonl")) if r.get("type") == "step"]
        rss = int(open(t + "/row").read().split("\t")[2])
    steps = sorted(b["seconds"] - a["seconds"] for a, b in zip(rows[1:], rows[2:]))
    return {"best": batch * seq / steps[0], "median": batch * seq / steps[len(steps) // 2], "rss": rss}


def run_torch(python, config, precision, mode, shape, seconds):
    r = subprocess.run([python, HERE + "/bench_torch.py", config, precision, mode, shape, seconds], capture_output=True, text=True, check=False)
    if r.returncode:
        sys.exit("bench_torch.py fails: " + r.stderr.strip()[-400:])
    return json.loads(r.stdout.strip().splitlines()[-1])


def best_of(runs):
    return {"best": max(r["best"] for r in runs), "median": max(r["median"] for r in runs), "rss": max(r["rss"] for r in runs)}


def main(timed, python, precisions="f32,bf16", shape="4x256", rounds="2", seconds="12"):
    batch, seq = map(int, shape.split("x"))
    print(f"| Llama of 15 M, {shape} | tokens/s, best step | median step | peak RSS, MiB | against the better torch: speed (median), memory |")
    print("| --- | ---: | ---: | ---: | --- |")
    with tempfile.TemporaryDirectory() as t:
        config = t + "/config.json"
        json.dump(CONFIG, open(config, "w"))
        for precision in precisions.split(","):
            runs = {"famkit": [], "torch eager": [], "torch compile": []}
            for _ in range(int(rounds)):
                runs["famkit"].append(run_famkit(timed, config, precision, batch, seq))
                for mode in ("eager", "compile"):
                    runs["torch " + mode].append(run_torch(python, config, precision, mode, shape, seconds))
            best = {k: best_of(v) for k, v in runs.items()}
            rival = max((best["torch eager"], best["torch compile"]), key=lambda r: r["median"])
            for name, r in best.items():
                ratio = f"{r['best'] / rival['best']:.2f} ({r['median'] / rival['median']:.2f}), {r['rss'] / rival['rss']:.2f}"
                print(f"| {name} {precision} | {r['best']:.0f} | {r['median']:.0f} | {r['rss']} | {ratio} |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

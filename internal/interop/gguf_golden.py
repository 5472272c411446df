"""Writes fixtures/gguf: a GGUF file with every type that famkit reads, written by the gguf package, and what it means.

Usage: python internal/interop/gguf_golden.py [OUT_DIR]      (gguf 0.19.0, transformers 5.23.0)

types.gguf             random blocks of every readable type, scales from zero and subnormal to infinite and NaN
types.safetensors      the same tensors as the gguf package dequantises them, in PyTorch's order of dimensions
tiny.gguf              a Llama of two layers, quantised, with a tokenizer of fixtures/tokenizers, as llama.cpp's converter lays it out
merges.json            a SentencePiece vocabulary with scores and the merges that transformers rebuilds from it
rope_freqs.safetensors Llama 3's rotary factors as transformers computes them, by scaling factor, theta and head size
"""
import json
import pathlib
import random
import sys

import gguf
import numpy as np
import torch
from gguf.quants import dequantize, quantize
from safetensors.torch import save_file
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.tokenization_utils_base import generate_merges

OUT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2] / "fixtures" / "gguf")
Q = gguf.GGMLQuantizationType
SCALES = [0x0000, 0x8000, 0x0001, 0x03FF, 0x0400, 0x3C00, 0xBC00, 0x2E66, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7E00, 0x7D01]


def blocks(rng, kind, rows, cols):
    """Random bytes of quantised rows; the first blocks have the odd scales, the rest ordinary ones."""
    size, width = gguf.GGML_QUANT_SIZES[kind]
    n = rows * cols // size
    raw = rng.integers(0, 256, (n, width), dtype=np.uint8)
    scales = np.concatenate([np.array(SCALES, np.uint16), rng.normal(0, 0.05, n).astype(np.float16).view(np.uint16)])[:n]
    raw[:, 0:2] = scales.view(np.uint8).reshape(n, 2)
    if kind == Q.Q4_1:
        raw[:, 2:4] = rng.permutation(scales).view(np.uint8).reshape(n, 2)
    return raw.reshape(rows, cols // size * width)


def types():
    rng = np.random.default_rng(11)
    w = gguf.GGUFWriter(OUT / "types.gguf", "test")
    w.add_uint32("test.uint32", 4000000000)
    w.add_float32("test.eps", 1e-5)
    w.add_float64("test.pi", 3.141592653589793)
    w.add_bool("test.yes", True)
    w.add_int64("test.int64", -5)
    w.add_array("test.strings", ["a", "", "ü"])
    w.add_array("test.ints", [1, -2, 3])
    want = {}
    with np.errstate(invalid="ignore", over="ignore"):
        for kind in (Q.Q8_0, Q.Q4_0, Q.Q4_1):
            data = blocks(rng, kind, 6, 288)
            w.add_tensor(kind.name.lower(), data, raw_dtype=kind)
            want[kind.name.lower()] = torch.from_numpy(dequantize(data, kind))
    for name, a in {"f32": rng.normal(size=(3, 5, 7)).astype(np.float32), "f16": rng.normal(size=(4, 9)).astype(np.float16), "f64": rng.normal(size=(2, 3)),
                    "i8": rng.integers(-128, 128, (2, 3, 4, 5)).astype(np.int8), "i16": rng.integers(-9999, 9999, 33).astype(np.int16),
                    "i32": rng.integers(-9, 9, (1, 4)).astype(np.int32), "i64": rng.integers(-9, 9, 2)}.items():
        w.add_tensor(name, a)
        want[name] = torch.from_numpy(a)
    bf16 = torch.from_numpy(rng.normal(size=(5, 6)).astype(np.float32)).bfloat16()
    w.add_tensor("bf16", bf16.view(torch.uint8).numpy(), raw_dtype=Q.BF16)
    want["bf16"] = bf16
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    save_file(want, OUT / "types.safetensors", metadata={"format": "pt"})


def permuted(w, heads):
    """What llama.cpp's converter does to the rows of q and k."""
    return w.reshape(heads, 2, w.shape[0] // heads // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def tiny():
    rng = np.random.default_rng(3)
    layers, hidden, heads, kv, ffn = 2, 64, 4, 2, 96
    tok = json.loads((OUT.parent / "tokenizers" / "smollm2.json").read_text())
    tokens = sorted(tok["model"]["vocab"], key=tok["model"]["vocab"].get)
    special = {t["id"] for t in tok["added_tokens"]}
    w = gguf.GGUFWriter(OUT / "tiny.gguf", "llama")
    w.add_name("tiny")
    w.add_block_count(layers)
    w.add_context_length(256)
    w.add_embedding_length(hidden)
    w.add_feed_forward_length(ffn)
    w.add_head_count(heads)
    w.add_head_count_kv(kv)
    w.add_rope_dimension_count(hidden // heads)
    w.add_rope_freq_base(10000.0)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_vocab_size(len(tokens))
    w.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_1)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("smollm")
    w.add_token_list(tokens)
    w.add_token_types([3 if i in special else 1 for i in range(len(tokens))])
    w.add_token_merges([" ".join(m) for m in tok["model"]["merges"]])
    for add in (w.add_bos_token_id, w.add_eos_token_id, w.add_unk_token_id, w.add_pad_token_id):
        add(0)
    w.add_add_bos_token(False)
    w.add_chat_template("{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\\n' }}{% endfor %}")

    def add(name, rows, kind, heads=0):
        x = rng.normal(0, 0.2, (rows, ffn if "down" in name else hidden)).astype(np.float32)
        w.add_tensor(name, quantize(permuted(x, heads) if heads else x, kind), raw_dtype=kind)

    def norm(name):
        w.add_tensor(name, rng.normal(1, 0.1, hidden).astype(np.float32))

    add("token_embd.weight", len(tokens), Q.Q8_0)
    norm("output_norm.weight")
    for n in range(layers):
        norm(f"blk.{n}.attn_norm.weight")
        norm(f"blk.{n}.ffn_norm.weight")
        add(f"blk.{n}.attn_q.weight", hidden, Q.Q4_1, heads)
        add(f"blk.{n}.attn_k.weight", hidden // heads * kv, Q.Q4_0, kv)
        add(f"blk.{n}.attn_v.weight", hidden // heads * kv, Q.Q8_0)
        add(f"blk.{n}.attn_output.weight", hidden, Q.Q4_0)
        add(f"blk.{n}.ffn_gate.weight", ffn, Q.Q4_1)
        add(f"blk.{n}.ffn_up.weight", ffn, Q.F16)
        add(f"blk.{n}.ffn_down.weight", hidden, Q.Q8_0)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def rope_freqs():
    out = {}
    for factor, theta, dim in ((8.0, 500000.0, 128), (32.0, 500000.0, 64), (16.0, 10000.0, 96)):
        rope = {"rope_type": "llama3", "rope_theta": theta, "factor": factor, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                "original_max_position_embeddings": 8192}
        c = LlamaConfig(hidden_size=dim * 4, num_attention_heads=4, head_dim=dim, rope_parameters=rope, max_position_embeddings=131072)
        scaled, _ = ROPE_INIT_FUNCTIONS["llama3"](c, "cpu")
        plain = 1.0 / theta ** (torch.arange(0, dim, 2, dtype=torch.float32) / dim)
        out[f"factor={factor} theta={theta} dim={dim}"] = (plain / scaled).contiguous()
    save_file(out, OUT / "rope_freqs.safetensors", metadata={"format": "pt"})


def merges():
    rng = random.Random(5)
    letters = list("\u2581abcdeé中👍")
    tokens = letters + sorted({"".join(rng.choices(letters, k=rng.randint(2, 5))) for _ in range(300)})
    scores = [float(-rng.randint(0, 40)) for _ in tokens]
    pairs = generate_merges({t: i for i, t in enumerate(tokens)}, dict(zip(tokens, scores)))
    (OUT / "merges.json").write_text(json.dumps({"tokens": tokens, "scores": scores, "merges": pairs}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    types()
    tiny()
    rope_freqs()
    merges()
    print("wrote", OUT)

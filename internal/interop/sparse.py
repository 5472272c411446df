"""Write a Llama checkpoint of real size that takes next to no disk: headers, and tensors that are holes. sparse.py OUT [LAYERS]

The sizes are those of an 8B Llama 3 (32 layers when LAYERS is not given) in bfloat16, in shards of 5 GB with an index. Holes read as
zeros; norms are ones, and the first, a middle and the last row of every matrix have numbers.
"""
import array
import json
import os
import random
import struct
import sys

HIDDEN, FFN, HEADS, KV, VOCAB, SHARD = 4096, 14336, 32, 8, 128256, 5 * 10**9
ONE = 0x3F80  # 1 in bfloat16


def tensors(layers):
    """Names and shapes in the order in which they are stored."""
    kv = KV * HIDDEN // HEADS
    yield "model.embed_tokens.weight", [VOCAB, HIDDEN]
    for i in range(layers):
        at = f"model.layers.{i}."
        for name, rows, cols in (("q", HIDDEN, HIDDEN), ("k", kv, HIDDEN), ("v", kv, HIDDEN), ("o", HIDDEN, HIDDEN)):
            yield f"{at}self_attn.{name}_proj.weight", [rows, cols]
        for name, rows, cols in (("gate", FFN, HIDDEN), ("up", FFN, HIDDEN), ("down", HIDDEN, FFN)):
            yield f"{at}mlp.{name}_proj.weight", [rows, cols]
        for name in ("input_layernorm", "post_attention_layernorm"):
            yield f"{at}{name}.weight", [HIDDEN]
    yield "model.norm.weight", [HIDDEN]
    yield "lm_head.weight", [VOCAB, HIDDEN]


def size(shape):
    n = 2
    for d in shape:
        n *= d
    return n


def shards(layers):
    part, held = [], 0
    for name, shape in tensors(layers):
        if part and held + size(shape) > SHARD:
            yield part
            part, held = [], 0
        part.append((name, shape))
        held += size(shape)
    yield part


def numbers(rng, n):
    """n bfloat16 values of either sign between 2^-7 and 2^-4, as bytes."""
    return array.array("H", (rng.getrandbits(1) << 15 | rng.randrange(0x3C00, 0x3D80) for _ in range(n))).tobytes()


def write(path, part, rng):
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in part:
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + size(shape)]}
        at += size(shape)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        f.truncate(8 + len(text) + at)
        for name, shape in part:
            start = 8 + len(text) + header[name]["data_offsets"][0]
            if len(shape) == 1:
                f.seek(start)
                f.write(struct.pack("<H", ONE) * shape[0])
                continue
            for row in (0, shape[0] // 2 + 1, shape[0] - 1):
                f.seek(start + 2 * row * shape[1])
                f.write(numbers(rng, shape[1]))


def main(out, layers=32):
    layers, rng = int(layers), random.Random(8)
    os.makedirs(out)
    parts = list(shards(layers))
    where = {}
    for i, part in enumerate(parts):
        name = f"model-{i + 1:05d}-of-{len(parts):05d}.safetensors"
        write(os.path.join(out, name), part, rng)
        where.update({t: name for t, _ in part})
    total = sum(size(s) for _, s in tensors(layers))
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": HIDDEN, "intermediate_size": FFN,
        "num_hidden_layers": layers, "num_attention_heads": HEADS, "num_key_value_heads": KV, "vocab_size": VOCAB,
        "max_position_embeddings": 8192, "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "hidden_act": "silu",
        "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
        "bos_token_id": 128000, "eos_token_id": 128001,
    }
    with open(os.path.join(out, "config.json"), "w") as f:
        json.dump(config, f, indent=1)
    with open(os.path.join(out, "model.safetensors.index.json"), "w") as f:
        json.dump({"metadata": {"total_size": total}, "weight_map": where}, f)


if __name__ == "__main__":
    main(*sys.argv[1:])

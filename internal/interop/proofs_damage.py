"""Damage to children, for check_proofs.py: weights, types, configs, side files, shards, claims."""
import json
import math
import os
import shutil

import numpy as np

VIEWS = {"F32": "<f4", "F16": "<f2", "F64": "<f8", "BF16": "<u2"}


def read(path):
    """The tensors of a file: {name: [type, shape, bytes]}."""
    with open(path, "rb") as f:
        raw = f.read()
    start = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:start])
    header.pop("__metadata__", None)
    return {n: [t["dtype"], t["shape"], raw[start + t["data_offsets"][0]:start + t["data_offsets"][1]]] for n, t in header.items()}


def write(path, tensors, meta=None):
    header, at = {"__metadata__": {"format": "pt"} if meta is None else meta} if meta != {} else {}, 0
    for name, (dtype, shape, raw) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(raw)]}
        at += len(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text + b"".join(t[2] for t in tensors.values()))


def decoded(dtype, raw):
    x = np.frombuffer(raw, VIEWS[dtype])
    return ((x.astype("<u4") << 16).view("<f4") if dtype == "BF16" else x).astype(np.float64)


def encoded(dtype, x):
    with np.errstate(all="ignore"):
        if dtype != "BF16":
            return np.asarray(x).astype(VIEWS[dtype]).tobytes()
        bits = np.asarray(x, np.float32).view("<u4").astype(np.uint64)
        return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2").tobytes()


def of_weights(rng, tensors):
    """Numbers, rows, columns, whole tensors."""
    name = rng.choice(sorted(tensors))
    dtype, shape, raw = tensors[name]
    n, wide, size = math.prod(shape), shape[-1], len(raw) // math.prod(shape)
    i, kind = rng.randrange(n), rng.randrange(15)
    x = decoded(dtype, raw)
    if kind <= 2:
        bit, raw = rng.randrange(8 * size), bytearray(raw)
        raw[i * size + bit // 8] ^= 1 << (bit % 8)
        tensors[name][2] = bytes(raw)
        return f"{name}: bit {bit} of element {i}"
    if kind == 3:
        x[i] = x[i] * 1.05 + 0.01
    elif kind == 4:
        x[i] *= 1 + 2.0**-rng.randrange(26)
    elif kind == 5:
        x[i] = 0
    elif kind == 6:
        k = rng.randrange(n)
        x[i], x[k] = x[k], x[i]
    elif kind in (7, 8, 9):
        m = x.reshape(-1, wide)
        a, b = (rng.randrange(m.shape[0 if kind != 8 else 1]) for _ in "ab")
        if kind == 7:
            m[[a, b]] = m[[b, a]]
        elif kind == 8:
            m[:, [a, b]] = m[:, [b, a]]
        else:
            m[a] = 0
    elif kind == 10:
        x *= rng.choice([0, 2, 0.5, -1, 1.25])
    elif kind == 11:
        x[i] = rng.choice([math.nan, math.inf, -0.7, 3, 1e5, 1e30, 2.0**-24, 2.0**-149])
    elif kind == 12:
        same = [o for o in sorted(tensors) if tensors[o][1] == shape and tensors[o][0] == dtype and o != name]
        if same:
            other = rng.choice(same)
            tensors[name][2], tensors[other][2] = tensors[other][2], raw
            return f"{name} and {other} swapped"
    elif kind == 13:  # as a rounding would
        some = rng.random() < 0.5
        by = 1 + UNITS[dtype] * rng.choice([-1, 1, -0.5, 0.5, 2, 3])
        x = np.where(np.arange(n) == i, x * by, x) if some else x * by
    else:  # between two numbers of a row, so that their sum stays
        m = x.reshape(-1, wide)
        r, a, b = rng.randrange(len(m)), rng.randrange(wide), rng.randrange(wide)
        d = rng.choice([m[r, a], 0.5 * m[r, a], 1.0, 100.0, 2.0**-12])
        m[r, a], m[r, b] = m[r, a] - d, m[r, b] + d
    tensors[name][2] = encoded(dtype, x)
    return f"{name}: kind {kind} at {i}"


UNITS = {"F32": 2.0**-24, "F16": 2.0**-11, "F64": 2.0**-53, "BF16": 2.0**-8}


def of_types(rng, tensors):
    """Types, shapes and names."""
    name, kind = rng.choice(sorted(tensors)), rng.randrange(6)
    dtype, shape, raw = tensors[name]
    if kind <= 1:  # one tensor, or all
        to = rng.choice([d for d in VIEWS if d != dtype])
        for n in ([name] if kind else list(tensors)):
            tensors[n] = [to, tensors[n][1], encoded(to, decoded(dtype, tensors[n][2]))]
        return f"{'all' if kind == 0 else name} to {to}"
    if kind == 2:
        del tensors[name]
        return f"{name} left out"
    if kind == 3:
        tensors[rng.choice(["extra.weight", "lm_head.weight", name + "2", "model.layers.99.mlp.down_proj.weight"])] = [dtype, shape, raw]
        return "a tensor more"
    if kind == 4:
        tensors[name][1] = shape[::-1] if len(shape) > 1 and shape[0] != shape[1] else [1, *shape]
        return f"{name} in another shape"
    tensors[name][0] = {"F16": "BF16", "BF16": "F16"}.get(dtype, "I32")
    return f"{name}'s bytes as {tensors[name][0]}"


HOSTILE = {"is_causal": False, "sliding_window": 4, "layer_types": ["sliding_attention"], "attribute_map": {"rms_norm_eps": "x"},
           "Rms_norm_eps": 0.1, "transformers_weights": "other.safetensors", "attention_chunk_size": 8, "num_kv_shared_layers": 1,
           "per_layer_config": {"0": {}}, "quantization_config": {"bits": 4}, "text_config": {}, "use_sliding_window": True,
           "rope_local_base_freq": 7.0, "partial_rotary_factor": 0.5, "attention_bias": True, "mlp_bias": True, "auto_map": {},
           "tie_word_embeddings": True, "dtype": "float16", "torch_dtype": "bfloat16", "unknown_key": 1, "head_dim": 7,
           "query_pre_attn_scalar": 9, "final_logit_softcapping": 1.0, "max_window_layers": 0, "__class__": 1, "pruned_heads": {"0": [1]},
           "use_cache": False, "pad_token_id": 100000, "attention_dropout": 0.5, "num_experts": 4, "cache_implementation": "sliding",
           "original_max_position_embeddings": 4, "sliding_window_pattern": 1, "kv_sharing_modes": None, "rope_interleaved": True}


def of_config(rng, text):
    """One value of config.json, one key more, less, twice or in another case."""
    c = json.loads(text)
    kind, key = rng.randrange(10), rng.choice(sorted(c))
    if kind == 0:
        key = rng.choice(sorted(HOSTILE))
        c[key] = HOSTILE[key]
    elif kind == 1:
        c.pop(key)
    elif kind == 2:
        more = json.dumps({key: rng.choice([c[key], 1, None, "x"])})
        return f"{key} twice", text.rstrip()[:-1] + "," + more[1:]
    elif kind == 3:
        c[key.upper() if rng.random() < 0.5 else key.capitalize()] = c.pop(key)
    else:
        o = c
        while isinstance(o[key], dict) and o[key]:
            o, key = o[key], rng.choice(sorted(o[key]))
        o[key] = changed(rng, o[key])
        if o is not c and key in c:
            c[key] = o[key]
        if o is c and isinstance(c.get("rope_parameters"), dict) and key in c["rope_parameters"]:
            c["rope_parameters"][key] = c[key]
    return f"{key} {json.dumps(c.get(key))}", json.dumps(c)


def changed(rng, v):
    if isinstance(v, bool):
        return not v
    if isinstance(v, int):
        return rng.choice([2 * v, v + 1, v - 1, v // 2, float(v)])
    if isinstance(v, float):
        return v * rng.choice([1.3, 2, 0.5, 1.000001, 1 + 2.0**-51])
    if isinstance(v, str):
        return rng.choice(["silu", "gelu", "gelu_pytorch_tanh", "default", "linear", "float32", "bfloat16", "llama"])
    if isinstance(v, list) and v:
        return rng.choice([v[::-1], v[:-1], v + v[-1:], v[1:] + v[:1]])
    return rng.choice([None, 0, 1.5, "x"])


FILES = {"adapter_config.json": "{}", "ADAPTER_CONFIG.json": "{}", "quantize_config.json": "{}", "hf_quant_config.json": "{}",
         "modeling.py": "", "tokenizer.json": "{}", "notes.txt": "x", "chat_template.jinja": "x", "merges.txt": "",
         "shard-00001-model-00001-of-00001.safetensors": "", "pytorch_model.bin": "x", "params.json": "{}",
         "generation_config.json": "{}", "custom_generate/generate.py": ""}
GENERATION = {"temperature": 0.5, "cache_implementation": "sliding", "cache_config": {"a": 1}, "do_sample": True, "unknown": 1,
              "max_new_tokens": 3, "compile_config": {}, "eos_token_id": 7}


def of_files(rng, folder):
    """Files beside the weights."""
    if rng.random() < 0.4:
        path = os.path.join(folder, "generation_config.json")
        c = json.load(open(path, encoding="utf-8")) if os.path.exists(path) else {}
        key = rng.choice(sorted(GENERATION))
        c[key] = GENERATION[key]
        with open(path, "w", encoding="utf-8") as f:
            json.dump(c, f)
        return f"generation_config.json {key}"
    name = rng.choice(sorted(FILES))
    os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
    with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
        f.write(FILES[name])
    return name


def of_shards(rng, folder, tensors):
    """The tensors in two shards, and something amiss in the index, a header, or nothing."""
    names, kind = sorted(tensors), rng.randrange(9)
    cut = rng.randrange(1, len(names))
    files = {"model-00001-of-00002.safetensors": names[:cut], "model-00002-of-00002.safetensors": names[cut:]}
    index = {"metadata": {"total_size": sum(len(t[2]) for t in tensors.values())}, "weight_map": {n: f for f, ns in files.items() for n in ns}}
    meta = {6: {"format": "tf"}, 7: {}}.get(kind)
    for file, own in files.items():
        write(os.path.join(folder, file), {n: tensors[n] for n in own}, meta)
    some = rng.choice(names)
    if kind == 1:
        index["weight_map"].pop(some)
    elif kind == 2:
        index["weight_map"][some] = [f for f in files if f != index["weight_map"][some]][0]
    elif kind == 3:
        index["metadata"]["dtype"] = rng.choice(["float16", "float32"])
    elif kind == 4:
        index.pop("metadata")
    elif kind == 5:
        index["weight_map"]["more.weight"] = index["weight_map"][some]
    elif kind == 8:
        os.remove(os.path.join(folder, rng.choice(sorted(files))))
    with open(os.path.join(folder, "model.safetensors.index.json"), "w", encoding="utf-8") as f:
        json.dump(index, f)
    os.remove(os.path.join(folder, "model.safetensors"))
    return f"shards, kind {kind}"


def of_claim(rng, claim):
    """A claim that says something else."""
    c = json.loads(json.dumps(claim))
    maps, layers, kind = c.setdefault("maps", {}), c["layers"], rng.randrange(9)
    axis = rng.choice(sorted(maps) or ["ffn"])
    if kind == 0:
        i = rng.randrange(len(layers))
        layers[i] = rng.choice([-1, 0, 1, layers[i] + 1, -2])
    elif kind == 1:
        rng.shuffle(layers)
    elif kind == 2:
        maps.pop(axis, None)
    elif kind == 3:
        runs = maps.setdefault(axis, {"src": "0-3"})["src"].split()
        runs[rng.randrange(len(runs))] = rng.choice(["*1", "0", "1", "0-3", "5*2", "*8", "0-999999999", "x", "0*-1"])
        maps[axis]["src"] = " ".join(runs)
    elif kind == 4:
        runs = maps.setdefault(axis, {"src": "0-3"})["src"].split()
        rng.shuffle(runs)
        maps[axis]["src"] = " ".join(runs)
    elif kind == 5:
        n = len(layers)
        maps.setdefault("hidden", {"src": "0-47"})["scale"] = [[rng.choice([1, 2, 0.5, -1, 1.4142135623730951, 0, 1e9]), rng.choice([48, 72, 96, n])]]
    elif kind == 6:
        maps[rng.choice(["layers", "pos", "experts", "HIDDEN", "vocab"])] = {"src": "0-130"}
    elif kind == 7:
        c[rng.choice(["shards", "Layers", "more"])] = 2
    else:
        c["layers"] = rng.choice([layers[:-1], layers + [-1], [], "0-1"])
    return f"kind {kind} {axis}", c


def damage(rng, child, to, claim):
    """Copies a child, damaged, and gives what was done and its claim."""
    os.makedirs(to)
    for name in os.listdir(child):
        if name != "model.safetensors":
            shutil.copy(os.path.join(child, name), os.path.join(to, name))
    tensors, kind = read(os.path.join(child, "model.safetensors")), rng.random()
    weights = os.path.join(to, "model.safetensors")
    if kind < 0.5:
        what = "weights: " + of_weights(rng, tensors)
        write(weights, tensors)
    elif kind < 0.55:
        what, claim = of_claim(rng, claim)
        what = "claim: " + what
        write(weights, tensors)
    elif kind < 0.62:
        what = "types: " + of_types(rng, tensors)
        write(weights, tensors)
    elif kind < 0.88:
        shutil.copy(os.path.join(child, "model.safetensors"), weights)
        path = os.path.join(to, "config.json")
        said, text = of_config(rng, open(path, encoding="utf-8").read())
        what = "config: " + said
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
    elif kind < 0.93:
        shutil.copy(os.path.join(child, "model.safetensors"), weights)
        what = "files: " + of_files(rng, to)
    else:
        shutil.copy(os.path.join(child, "model.safetensors"), weights)
        what = "shards: " + of_shards(rng, to, tensors)
    return what, claim

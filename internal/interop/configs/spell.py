"""Other ways to write a config.json, of which some mean the same and some do not.

respelled(config, defaults, rng) gives a config with a few of its settings said otherwise: a rotary embedding in one or
both of the libraries' spellings, a key under its other name, a default left out or written out, windows said by one key or
by another. famkit must take each for what both libraries make of it, or refuse it.
"""
import copy

NAMES = [("n_embd", "hidden_size"), ("n_layer", "num_hidden_layers"), ("n_head", "num_attention_heads"),
         ("n_positions", "max_position_embeddings"), ("num_experts", "num_local_experts"), ("dtype", "torch_dtype"),
         ("rope_theta", "rotary_emb_base"), ("partial_rotary_factor", "rotary_pct")]
ROTARY = ["rope_theta", "rope_scaling", "rope_parameters", "partial_rotary_factor", "original_max_position_embeddings",
          "rotary_pct", "rotary_emb_base", "rope_local_base_freq"]
WINDOWS = ["sliding_window", "use_sliding_window", "max_window_layers", "layer_types", "sliding_window_pattern"]


def rename(c, rng):
    """A key under its other name, or under both, alike or not."""
    here = [(a, b) for a, b in NAMES + [(b, a) for a, b in NAMES] if a in c]
    if not here:
        return
    a, b = rng.choice(here)
    c[b] = c[a] if rng.random() < 0.8 else near(c[a], rng)
    if rng.random() < 0.5:
        del c[a]


def near(v, rng):
    if isinstance(v, bool):
        return not v
    if isinstance(v, int):
        return rng.choice([v + 1, v * 2, max(1, v // 2), float(v)])
    if isinstance(v, float):
        return rng.choice([v * 2, v / 2, int(v) if v == int(v) else v])
    return v


def rotary(c, rng):
    """One of the rotary keys left out, null, in its other spelling, or a little other."""
    here = [k for k in ROTARY if k in c]
    if not here:
        return
    k = rng.choice(here)
    v = c[k]
    choice = rng.random()
    if choice < 0.3:
        del c[k]
    elif choice < 0.4:
        c[k] = None
    elif isinstance(v, dict):
        inner = rng.choice(list(v.values())) if all(isinstance(x, dict) for x in v.values()) and v else v
        inside(inner, rng)
    elif isinstance(v, (int, float)):
        c[k] = near(v, rng)


def inside(o, rng):
    """A key of an object of rotary settings left out, renamed or a little other."""
    if not o:
        return
    k = rng.choice(list(o))
    choice = rng.random()
    if k in ("rope_type", "type") and choice < 0.6:
        o["type" if k == "rope_type" else "rope_type"] = o[k]
        if rng.random() < 0.5:
            del o[k]
    elif choice < 0.4:
        del o[k]
    else:
        o[k] = near(o[k], rng)


def windows(c, rng):
    n = int(c.get("num_hidden_layers") or c.get("n_layer") or 2)
    k = rng.choice(WINDOWS)
    if k == "layer_types":
        c[k] = [rng.choice(["full_attention", "sliding_attention"]) for _ in range(n)]
        if rng.random() < 0.4:
            c[k] = [c[k][0]] * n
    elif k == "use_sliding_window":
        c[k] = rng.random() < 0.5
    elif k == "sliding_window":
        c[k] = rng.choice([None, 3, 4, 5, 64])
    else:
        c[k] = rng.choice([1, 2, n, 28])
    if rng.random() < 0.2:
        c.pop(rng.choice(WINDOWS), None)


def written_out(c, defaults, rng):
    """A default written out, or a value left out."""
    if rng.random() < 0.5:
        k = rng.choice(sorted(c))
        if k not in ("model_type", "vocab_size"):
            del c[k]
        return
    known = [k for k in sorted(defaults) if k not in c and isinstance(defaults[k], (bool, int, float, str))]
    if known:
        k = rng.choice(known)
        c[k] = defaults[k]


def respelled(config, defaults, rng):
    c = copy.deepcopy(config)
    for _ in range(rng.choice([1, 1, 2, 3, 4])):
        rng.choice([rename, rotary, rotary, windows, lambda c, r: written_out(c, defaults, r)])(c, rng)
    return c

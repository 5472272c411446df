#!/usr/bin/env python3
"""Check a proof that famkit wrote, without famkit.

    check_proof.py PARENT CHILD PROOF

PARENT and CHILD are directories of checkpoints, PROOF is the file that `famkit verify --write-proof` wrote. Nothing of
it is believed: its claim is judged by the conditions of proof.md on the stored numbers, each by a method that has the
condition's name. Exit status: 0 proved, 1 refused (also what this cannot judge: "out of scope"), 2 wrong usage.
"""
import hashlib, json, math, os, re, sys
from fractions import Fraction
from functools import reduce
import numpy as np
from safetensors import deserialize, safe_open

UNIT = {"F32": 2.0**-24, "F16": 2.0**-11, "BF16": 2.0**-8}      # unit roundoff
LEAST = {"F32": 2.0**-149, "F16": 2.0**-24, "BF16": 2.0**-133}  # smallest number
VIEW = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}
TORCH = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}
NEAR, CLAIMED, ONE_SIGN, UNREAD = 2.0**-50, 2.0**-49, 1 + 2.0**-20, 2.0**15

# Keys of config.json. Of those JUDGED, some by architecture, the meaning counts; FREE ones change no logits; those in
# EQUAL are equal. Any other is out of scope, since loaders may compute something else by it.
JUDGED = ("vocab_size dtype torch_dtype hidden_size num_hidden_layers num_attention_heads num_key_value_heads head_dim "
          "intermediate_size max_position_embeddings rms_norm_eps rope_theta rope_scaling rope_parameters").split()
LISTED = {"qwen2": "layer_types max_window_layers", "qwen3": "layer_types max_window_layers", "gemma2": "layer_types",
          "gemma3_text": "layer_types rope_local_base_freq", "phi3": "partial_rotary_factor"}
FREE = ("initializer_range attention_dropout hidden_dropout resid_pdrop embd_pdrop attn_pdrop bos_token_id "
        "eos_token_id pad_token_id do_sample use_cache transformers_version _name_or_path").split()
EQUAL = ("model_type architectures hidden_act hidden_activation attention_bias mlp_bias tie_word_embeddings "
         "use_sliding_window sliding_window_pattern _sliding_window_pattern query_pre_attn_scalar pretraining_tp "
         "attn_logit_softcapping final_logit_softcapping original_max_position_embeddings "
         "use_bidirectional_attention").split()
FILES = r"adapter_config\.json|(hf_quant|quantize|quant)_config\.json|custom_generate/|shard-.*"  # loaders obey
SIGNED = ("config.json tokenizer.json tokenizer_config.json special_tokens_map.json added_tokens.json vocab.json "
          "merges.txt tokenizer.model generation_config.json").split()
WINDOWED, SLIDES, FULL = ("mistral", "phi3", *LISTED), "sliding_attention", "full_attention"
CONTEXT, PARTIAL = "original_max_position_embeddings", "partial_rotary_factor"

# What tensors write, and what they read or look up: axes that are multiplied, with dots between. A fused one writes
# several parts. A norm that is not listed scales the stream.
HEADS, KEYS = "kv.group.head_dim", "kv.head_dim"
DIMS = {"embed": ["vocab", "hidden"], "head": ["vocab", "hidden"], "q_norm": ["head_dim"], "k_norm": ["head_dim"],
        "q_proj": [HEADS, "hidden"], "k_proj": [KEYS, "hidden"], "v_proj": [KEYS, "hidden"],
        "qkv_proj": [f"q_proj:{HEADS} k_proj:{KEYS} v_proj:{KEYS}", "hidden"], "o_proj": ["hidden", HEADS],
        "gate_up_proj": ["gate_proj:ffn up_proj:ffn", "hidden"], "down_proj": ["hidden", "ffn"],
        "gate_proj": ["ffn", "hidden"], "up_proj": ["ffn", "hidden"]}
# A branch of a block: what writes the stream, the norms before and behind it, all else.
BRANCHES = (("o_proj", "input_layernorm", "post_attention_layernorm", "q_proj k_proj v_proj qkv_proj q_norm k_norm"),
            ("down_proj", "post_attention_layernorm", "post_feedforward_layernorm", "gate_proj up_proj gate_up_proj"))

class Refused(Exception): pass
def need(holds, where, text):
    if not holds:
        raise Refused(f"{where}: {text}")
def scope(holds, text): need(holds, "out of scope", text)
def strict_json(raw, name):
    """A JSON object in UTF-8: no key twice, no NaN or infinity."""
    def once(pairs):
        need(len(dict(pairs)) == len(pairs), name, "a key stands twice in an object")
        return dict(pairs)
    value = json.loads(raw.decode("utf-8"), object_pairs_hook=once, parse_constant=int)  # int("NaN") fails
    need(isinstance(value, dict), name, "no object")
    return value

class Checkpoint:
    """A directory: config.json, the names of its files, and its tensors by name, as (type, shape, bytes)."""
    def __init__(self, path):
        self.path, self.tensors, at, files = path, {}, None, ["model.safetensors"]
        self.names = {n + "/" * os.path.isdir(os.path.join(path, n)) for n in os.listdir(path)}
        self.config = strict_json(self.bytes("config.json"), "config.json")
        if files[0] not in self.names:
            index = strict_json(self.bytes("model.safetensors.index.json"), "the index")
            need("dtype" not in index.get("metadata", ["dtype"]), "the index", "has no metadata, or names a type")
            at = index.get("weight_map", {})
            files = sorted(set(map(str, at.values())))
        for file in files:
            found = {n: (t["dtype"], tuple(t["shape"]), t["data"]) for n, t in deserialize(self.bytes(file))}
            with safe_open(os.path.join(path, file), framework="np") as f:
                kind = (f.metadata() or {"format": "pt"}).get("format")
            need(at is None or set(found) == {n for n, f in at.items() if f == file}, file, "is not as the index says")
            need(kind in ("pt", "mlx"), file, "loaders take the weights for another library's")
            self.tensors.update(found)
    def bytes(self, name):
        need(name in self.names and "/" not in name, self.path, f"no file {name}")
        return np.fromfile(os.path.join(self.path, name), np.uint8).tobytes()
    def array(self, name):
        dtype, shape, raw = self.tensors[name]
        x = np.frombuffer(raw, VIEW[dtype])
        x = (x.astype("<u4") << 16).view("<f4") if dtype == "BF16" else x
        need(np.isfinite(x).all(), name, "holds what is no number")
        return x.astype(np.float64).reshape(shape)
    def digests(self):
        """What a proof says of the bytes."""
        sha = lambda data: hashlib.sha256(data).hexdigest()
        lines = [f"{len(n.encode())}:{n}\0{d}\0[{','.join(map(str, s))}]\0{sha(raw)}\n"
                 for n, (d, s, raw) in sorted(self.tensors.items())]
        of = {n: sha(self.bytes(n)) for n in SIGNED if n in self.names}
        return {"digest": sha("".join(lines).encode()), "config": of.pop("config.json"), "files": of}
class Model:
    """What config.json says of sizes, norms, windows and the rotary embedding, and which tensors it asks for."""
    def __init__(self, config):
        self.config, kind, size, get = config, config.get("model_type"), self.size, config.get
        scope(kind in ("llama", "gemma", "olmo2", *WINDOWED), f"architecture {kind!r}")
        for act in ("hidden_act", "hidden_activation"):
            scope(get(act) in (None, "silu", "gelu", "gelu_new", "gelu_pytorch_tanh"), f"{act} {get(act)}")  # 0 at 0
        self.kind, gemma, self.eps = kind, kind.startswith("gemma"), get("rms_norm_eps")
        self.vocab, self.hidden, self.layers = size("vocab_size"), size("hidden_size"), size("num_hidden_layers")
        self.ffn, self.heads = size("intermediate_size"), size("num_attention_heads")
        need(self.layers < 1 << 14 and size("max_position_embeddings") and type(get("max_window_layers", 0)) is int,
             "config.json", "too many layers, or layers or positions that are no number")
        self.kv = size("num_key_value_heads", self.heads if kind in ("llama", "olmo2", "phi3") else None)
        self.head_dim = size("head_dim", None if gemma or kind == "qwen3" else self.hidden // self.heads)
        self.group, self.offset, self.embed = self.heads // self.kv, float(gemma), self.hidden**0.5 if gemma else 1.0
        need(self.heads % self.kv == 0, "config.json", "the kv heads do not divide the heads")
        self.full, self.qk_norm = kind == "olmo2", kind in ("qwen3", "gemma3_text")
        self.post, self.tied = kind in ("olmo2", "gemma2", "gemma3_text"), get("tie_word_embeddings", gemma)
        self.turned, normed = int(self.head_dim * self.rope(False)[0][PARTIAL]), self.full or self.qk_norm
        roles = "q_proj k_proj v_proj o_proj gate_proj up_proj down_proj" + " q_norm k_norm" * normed
        roles = "qkv_proj o_proj gate_up_proj down_proj" if kind == "phi3" else roles
        roles += " post_attention_layernorm" + " post_feedforward_layernorm" * self.post
        roles += "" if self.full else " input_layernorm" + " pre_feedforward_layernorm" * self.post
        biased = "q_proj k_proj v_proj " * bool(get("attention_bias") or kind == "qwen2")
        biased += "o_proj " * bool(get("attention_bias")) + "gate_proj up_proj down_proj" * bool(get("mlp_bias"))
        self.layout = {} if self.tied else {("head", -1): "lm_head.weight"}
        self.layout |= {("embed", -1): "model.embed_tokens.weight", ("norm", -1): "model.norm.weight"}
        for i, n in ((i, n) for i in range(self.layers) for n in roles.split()):
            at = f"model.layers.{i}.{'self_attn.' if n[0] in 'qkvo' else 'mlp.' if n.endswith('_proj') else ''}{n}."
            self.layout[n, i] = at + "weight"
            self.layout |= {(n + ".bias", i): at + "bias"} if n in biased.split() else {}
    def size(self, key, default=None):
        v = default if self.config.get(key) is None else self.config[key]
        scope(v is not None, f"config.json does not say {key}")
        need(type(v) is int and 0 < v < 1 << 28, "config.json", f"{key}: {v!r} is no size")
        return v
    def dims(self, role):
        """What a tensor writes, and what it reads, if anything."""
        base = role.removesuffix(".bias")
        if self.full and base.endswith("_norm"):
            return [HEADS if base == "q_norm" else KEYS, ""]
        return (DIMS.get(base, ["hidden"])[:1 if base != role else 2] + [""])[:2]
    def shape(self, role):
        parts = [[p.split(":")[-1].split(".") for p in d.split()] for d in self.dims(role) if d]
        return tuple(sum(math.prod(getattr(self, a) for a in axes) for axes in p) for p in parts)
    def slides(self):
        """Which layers have a window of their own."""
        every = 2 if self.kind == "gemma2" else self.size("sliding_window_pattern", 6)
        own = self.kind in ("gemma2", "gemma3_text") or self.kind[0] == "q" and self.config.get("use_sliding_window")
        usual = [FULL if not own or (i + 1) % every == 0 else SLIDES for i in range(self.layers)]
        types = self.config.get("layer_types") or ([] if own and self.kind[0] == "q" else usual)
        scope(len(types) == self.layers and {*types} <= {FULL, SLIDES if own else FULL}, f"layer_types {types}")
        return [t == SLIDES for t in types]
    def rope(self, local):
        """The rotary settings (of sliding layers, where local) as transformers 5 reads them, and as 4 does."""
        settings = lambda key: {**({} if self.config.get(key) is None else self.config[key])}  # fails on no object
        get, old, new = self.config.get, {} if local else settings("rope_scaling"), settings("rope_parameters")
        if new and self.kind == "gemma3_text":
            need({*new} == {SLIDES, FULL}, "config.json", f"rope_parameters {new}")
            new = new[SLIDES if local else FULL]
        outer = {"rope_theta": get("rope_local_base_freq" if local else "rope_theta"), PARTIAL: get(PARTIAL, 1.0)}
        def settle(o):
            need("type" not in o or o.get("rope_type", o["type"]) == o["type"], "config.json", "two rotary types")
            return {**outer, "rope_type": o.get("type", "default"), **{k: v for k, v in o.items() if k != "type"}}
        return settle(new or old), settle({k: v for k, v in old.items() if k not in outer})
class Relation:
    """Where a space's elements come from: src, -1 for fresh, of so many of the parent's, times scale."""
    def __init__(self, src, size, scale=None):
        self.src, self.size = np.asarray(src, np.int64), size
        self.scale = np.ones(len(self.src)) if scale is None else np.asarray(scale, np.float64)
        self.copies = np.bincount(self.src[self.src >= 0], minlength=size)
        order = np.argsort(self.src, kind="stable")[len(self.src) - self.copies.sum():]
        first = np.repeat(np.cumsum(self.copies) - self.copies, self.copies)
        self.table = np.full((size, max(1, self.copies.max(initial=0))), -1)  # the copies of each source
        self.table[self.src[order], np.arange(len(order)) - first] = order
        self.weight = np.where(self.table >= 0, self.scale[self.table], 0.0)
    def times(self, inner):
        a, b = self.src[:, None], inner.src
        return Relation(np.where((a < 0) | (b < 0), -1, a * inner.size + b).ravel(), self.size * inner.size)
    def terms(self, x):
        """What is added up for each source: x over its copies, times their scales; 0 where it has no more."""
        return x[..., self.table] * self.weight
def classes(keys, scale=None):
    """Relates elements of one key to one source, those of none to none."""
    number = {key: i for i, key in enumerate(dict.fromkeys(k for k in keys if k is not None))}
    return Relation([number.get(key, -1) for key in keys], len(number), scale)
def add_up(terms):
    """The sums over the last axis in float64, those of magnitudes, and where a bit was lost."""
    total, lost = np.zeros(terms.shape[:-1]), np.zeros(terms.shape[:-1], bool)
    for x in np.moveaxis(terms, -1, 0):
        s = total + x
        v = s - total
        lost |= (total - (s - v)) + (x - v) != 0
        total = s
    return total, np.abs(terms).sum(-1), lost
def exact_sum(terms): return sum(map(Fraction, map(float, terms)), Fraction(0))
def power(k): return np.abs(np.frexp(k)[0]) == 0.5
def near(a, b): return np.abs(a - b) <= NEAR * np.maximum(np.abs(a), np.abs(b))
def holds(x, dtype):
    """Whether x is a number of the type."""
    y = np.ldexp(x, 8 - np.maximum(np.frexp(x)[1], -125))
    return np.rint(y) == y if dtype == "BF16" else x.astype(VIEW[dtype]) == x
def indices(text, wanted, limit):
    """Runs: "0-575" counts up, "7*2" is an index twice, "*64" is 64 fresh ones."""
    out = []
    for run in text.split():
        m = re.fullmatch(r"(\d*)\*(\d+)|(\d+)(?:-(\d+))?", run, re.ASCII)
        need(m, "claim", f"bad run {run[:40]}")
        first, n = (int(m[1] or -1), int(m[2])) if m[2] else (int(m[3]), int(m[4] or m[3]) - int(m[3]) + 1)
        need(0 < n <= wanted - len(out), "claim", f"run {run[:40]} is too long")
        out += [first] * n if m[2] else range(first, first + n)
    need(len(out) == wanted and max(out) < limit, "claim", f"{len(out)} indices up to {max(out)}")
    return out

class Proof:
    """The conditions, on a parent, a child and a claim."""
    def __init__(self, parent, child, claim):
        self.parent, self.child, self.both, self.claim = parent, child, (parent, child), claim
        self.p, self.c, self.source = Model(parent.config), Model(child.config), claim["layers"]
        self.inexact, self.wide, self.silent, self.set = False, [], {}, {}
    def prove(self):
        for name in ("config closed_world loaders kept_layers windows relations stream_scales epsilon scores "
                     "frequencies numbers one_sign fresh_heads fresh_neurons silent_layer").split():
            getattr(self, name)()
        return "within rounding" if self.inexact else "exact"
    def config(self):
        """Every key is equal, or judged by what it means, or changes no logits."""
        a, b, judged = self.parent.config, self.child.config, {*JUDGED, *LISTED.get(self.p.kind, "").split()}
        equal = {*EQUAL, "sliding_window"} if self.p.kind in WINDOWED else {*EQUAL}
        need(not a.get("use_bidirectional_attention"), "config.json", "tokens see those after them")
        for key in sorted(a.keys() | b.keys()):
            x, y = a.get(key), b.get(key)
            free = key in FREE and type(x) is type(y) and (
                type(y) not in (int, float) or 0 <= y < {int: self.c.vocab, float: 1}[type(y)])
            same = json.dumps([key in a, x], sort_keys=True) == json.dumps([key in b, y], sort_keys=True)
            scope(key in judged or free or same and key in {*FREE, *equal}, f"config.json: {key}: {x!r} and {y!r}")
    def closed_world(self):
        """Every tensor is one that the config asks for, of its shape, and none is missing."""
        for m, ck in zip((self.p, self.c), self.both):
            scope(set(m.layout.values()) == set(ck.tensors), f"tensors of {ck.path} that are missing or not known")
            for (role, _), name in m.layout.items():
                need(ck.tensors[name][1] == m.shape(role), name, f"wanted shape {m.shape(role)}")
    def loaders(self):
        """Nothing beside the weights makes loaders take others, and none rounds them."""
        types = {t[0] for ck in self.both for t in ck.tensors.values()}
        scope(len(types) == 1 and types <= set(UNIT), f"weights of {types}")
        for ck in self.both:
            for name in ck.names:
                need(not re.fullmatch(FILES, name.lower()), ck.path, f"loaders obey {name}")
            says = {ck.config[k] for k in ("dtype", "torch_dtype") if ck.config.get(k) is not None}
            scope({TORCH.get(t) for t in says} <= types, f"weights of {types} that loaders hold as {says}")
        a, b = (strict_json(ck.bytes(SIGNED[-1]), SIGNED[-1]) if SIGNED[-1] in ck.names else {} for ck in self.both)
        scope(a == b and not {"cache_implementation", "cache_config", "compile_config"} & {*b}, SIGNED[-1])
    def kept_layers(self):
        """Every layer of the parent stands in the child once, in order."""
        kept = [i for i in self.source if i != -1]
        need(len(self.source) == self.c.layers and kept == [*range(self.p.layers)], "layers", "not each once, in order")
    def windows(self):
        """A layer sees what its source sees, through the same rotary embedding."""
        was, now = self.p.slides(), self.c.slides()
        need(all(s < 0 or was[s] == now[i] for i, s in enumerate(self.source)), "config.json", "windows differ")
    def relations(self):
        """An axis has a map, or as many indices as before; old tokens keep their numbers."""
        given, self.axes = dict(self.claim.get("maps") or {}), {}
        scope(set(self.claim) <= {"layers", "maps"}, f"a claim of {sorted(self.claim)}")
        for axis in ("vocab", "hidden", "kv", "group", "head_dim", "ffn"):
            m, was, size = given.pop(axis, None), getattr(self.p, axis), getattr(self.c, axis)
            need(m or was == size, axis, "has grown, and has no map")
            src = indices(m["src"], size, was) if m else [*range(was)]
            k = [v for v, n in m.get("scale", []) for _ in range(min(int(n), size + 1))] if m else []
            need(len(k) in ([0, size] if axis == "hidden" else [0]), axis, "scales do not fit")
            if axis == "vocab":
                need(src[:was] == [*range(was)], axis, "old tokens have other numbers")
                src[was:] = [-1] * (size - was)
            self.axes[axis] = Relation(src, was, k or None)
        need(not given, "claim", f"maps of {sorted(given)}")
        self.grown = {a for a in self.axes if getattr(self.p, a) != getattr(self.c, a)} - {"vocab", "group"}
        self.grown |= {"group"} if self.p.heads != self.c.heads else set()
    def product(self, axes):
        return reduce(Relation.times, (self.axes[a] for a in axes.split(".")))
    def stream_scales(self):
        """The squares of the scales of a source's copies add up to the same for every source."""
        self.stream = r = self.axes["hidden"]
        sizes, self.powers, where = np.abs(r.scale), bool(power(r.scale).all()), "residual stream"
        need((sizes >= 2.0**-5).all() and (sizes <= 2.0**12).all(), where, "scales are too small or too large")
        need(self.powers or r.size < len(r.src), where, "is scaled, but as wide as the parent's")
        squares = (r.weight**2).sum(1)
        alike = (squares == squares[0]) | (near(squares, squares[0]) & (not self.powers))
        need((squares > 0).all() and alike.all(), where, "the squares of the scales do not add up alike")
        rho = float(squares[0] * r.size / len(r.src))
        self.rho = 1.0 if near(rho, 1) and not self.powers else rho
        self.embed_scales = r.scale * (self.p.embed / self.c.embed)
    def epsilon(self):
        """The child's epsilon is rho times the parent's, and both are normal numbers of float32."""
        was, now, where = self.p.eps, self.c.eps, "config.json"
        scope(None not in (was, now), "config.json does not say rms_norm_eps")
        need(type(was) is type(now) is float and 2.0**-126 <= min(was, now) < 1, where, "a norm of zeros is no number")
        need(now == was * self.rho or self.rho != 1 and near(now, was * self.rho), where, f"epsilon {was}, then {now}")
        self.inexact |= not (self.powers and power(self.rho) and now == was * self.rho)
    def scores(self):
        """Every element of a head stands in the child's once, and rotary pairs stay together."""
        hd, was, now = self.axes["head_dim"], self.p.turned, self.c.turned
        partner = lambda t, n: np.where((t < 0) | (t >= n), t, (t + n // 2) % max(n, 1))
        need((hd.copies == 1).all() and was % 2 == now % 2 == 0, "heads", "an element does not stand there once")
        self.kappa = 1.0 if self.p.kind in ("gemma2", "gemma3_text") else math.sqrt(self.c.head_dim / self.p.head_dim)
        self.partner = partner(np.arange(len(hd.src)), now)
        place = [s < 0 or (t < now // 2, t < now) == (s < was // 2, s < was) for t, s in enumerate(hd.src)]
        need(all(place) and (hd.src[self.partner] == partner(hd.src, was)).all(), "heads", "a rotary pair is torn")
    def frequencies(self):
        """Rotary pairs turn as their sources do: the settings are alike, and so is the place in the part that turns."""
        for local in (False, True)[:1 + (self.p.kind == "gemma3_text")]:
            (was, was4), (now, now4) = self.p.rope(local), self.c.rope(local)
            dump = lambda s: json.dumps(s, sort_keys=True)
            scope(dump(was) == dump(now) and dump(now4) in (dump(was4), dump(now)), f"rotary settings {was} and {now}")
            llama3 = ("llama3",) if CONTEXT in was and CONTEXT not in self.c.config else ()
            fits = was["rope_type"] in ("default", "linear", *llama3)
            fits = fits and type(was["rope_theta"]) in (int, float) and was["rope_theta"] > 0
            scope(fits and (was[PARTIAL] == 1 or self.p.kind == "phi3"), f"rotary settings {was}")
        place = [s < 0 or t * self.p.turned == s * self.c.turned for t, s in enumerate(self.axes["head_dim"].src)]
        need(all(place[:self.c.turned // 2]), "heads", "a rotary pair turns unlike its source")
    def side(self, role, axes, reads):
        """The relation of a dimension, what stands at its fresh indices, and where its parts lie."""
        s = self.stream
        if axes == "hidden":
            plain = reads and (not self.p.full or role == "head")
            k = None if plain else self.embed_scales if role == "embed" else s.scale
            return Relation(s.src, s.size, k), "free" if reads else "zero", {}
        if axes in ("vocab", ""):
            return self.axes.get(axes, Relation([0], 1)), "free", {}
        src, scale, at, size = [], [], {}, 0
        for part, a in ((p if ":" in p else role.removesuffix(".bias") + ":" + p).split(":") for p in axes.split()):
            r = self.product(a)
            at[part + " reads" * reads] = np.arange(len(src), len(src) + len(r.src))
            src += list(np.where(r.src < 0, -1, r.src + size))
            scale += [self.kappa if part == "q_proj" and not (self.p.full or self.p.qk_norm) else 1.0] * len(r.src)
            size += r.size
        return Relation(src, size, scale), "noted", at
    def numbers(self):
        """The child's tensors are judged by their sources; those that have none are not too large for arithmetic."""
        self.dtype, = {t[0] for ck in self.both for t in ck.tensors.values()}  # one, see loaders
        self.bound = UNIT[self.dtype] * (1 + 2.0**-10) + CLAIMED
        for (role, i), name in self.c.layout.items():
            x, source, base = self.child.array(name), self.source[i] if i >= 0 else -1, role.removesuffix(".bias")
            if i < 0 or source >= 0:
                judge = self.norms if role.endswith("norm") else self.matrix
                judge(role, i, name, self.parent.array(self.p.layout[role, source]), x)
                continue
            need((np.abs(x) < UNREAD).all(), name, "a number that nothing stands behind is too large")
            for part, at in (self.side(role, self.c.dims(role)[0], False)[2] or {base: slice(None)}).items():
                self.silent[part + role[len(base):], i] = x[at]
    def may_round(self, role):
        """A growth touches what writes or scales the stream or elements of heads, and what reads an axis that grew."""
        to, of = self.c.dims(role)
        return bool(self.grown & {*re.findall("hidden|head_dim", to + of), *of.split(".")})
    def norms(self, role, layer, name, w, x):
        """A gain, its offset counted, is k sqrt(rho) / a times its source's."""
        r, rho, offset = self.stream, self.rho, self.p.offset
        k, a = np.ones(len(r.src)), r.scale
        if role == "norm" and self.c.tied:
            k = a / np.bincount(r.src[r.src >= 0], (self.embed_scales * a)[r.src >= 0], r.size)[r.src]
        elif role in ("q_norm", "k_norm"):
            r = self.product(self.c.dims(role)[0])
            k, a = np.full(len(r.src), self.kappa if role == "q_norm" else 1.0), 1.0
            rho = r.copies[0] * r.size / len(r.src)
            need((r.copies == r.copies[0]).all() and near(self.c.eps, self.p.eps * rho), name, "its mean is not kept")
        elif self.p.post and role in [b[2] for b in BRANCHES]:
            k = a
        f, at = k * math.sqrt(rho) / a, r.src >= 0
        want, exact = f * w[r.src] + (f * offset - offset), power(f) | (w[r.src] + offset == 0)
        found, wanted, sure = (v[at][:, None] for v in (x, want, exact))
        self.agree(name, found[:, :, None], wanted, sure, np.ones(wanted.shape), self.may_round(role), CLAIMED * offset)
        over = np.abs(want - x) - self.bound * np.abs(f * (w[r.src] + offset))
        scope(not offset or (over <= 16 * self.bound * np.abs(x + offset))[at].all(), f"{name}: gains near zero")
    def matrix(self, role, layer, name, w, x):
        """Sums over the copies of what is read are the parent's numbers, times the scales of what is written."""
        (to, of), reads, may = self.c.dims(role), role != "embed", self.may_round(role)
        (rows, low, at), (cols, _, inside) = self.side(role, to, False), self.side(role, of, reads)
        w, x = w.reshape(rows.size, cols.size), x.reshape(len(rows.src), len(cols.src))
        need(may or power(rows.scale).all() and power(cols.scale).all(), name, "is scaled, though nothing grew")
        r, weight = (rows.src >= 0) | (low == "zero"), cols.weight if reads else np.ones((len(cols.src), 1))
        src, scale = (np.arange(cols.size), np.ones(cols.size)) if reads else (cols.src, cols.scale)
        want = np.pad(w, ((0, 1), (0, 1)))[rows.src[r]][:, src] * (rows.scale[r][:, None] * scale)
        exact = power(rows.scale[r])[:, None] & (power(weight) | (weight == 0)).all(1) & power(scale)
        self.agree(name, cols.terms(x[r]) if reads else x[r][:, :, None], want, exact, weight, may)
        if low == "noted":
            new = (rows.src < 0) & x[:, (cols.src >= 0) | (not of)].any(1)
            need((np.abs(x[rows.src < 0]) < UNREAD).all(), name, "a number that nothing stands behind is too large")
            for part, place in at.items():
                self.set[part, layer] = self.set.get((part, layer), False) | new[place]
        for part, place in inside.items():
            self.set[part, layer] = ((cols.src < 0) & x[r].any(0))[place]
    def agree(self, name, terms, want, exact, weight, may, slack=0.0):
        """A sum is what it should be; or, where a growth rounds, as near as one rounding of each number explains."""
        (got, added, lost), bound, zero = add_up(terms), self.bound, want == 0
        diff, size = np.abs(got - want), np.maximum(added, np.abs(want))
        for at in zip(*np.nonzero(lost & exact)):
            diff[at] = abs(float(exact_sum(terms[at]) - Fraction(float(want[at]))))
        diff = np.where(exact, diff, np.maximum(0, diff - slack))
        at, over, limit = np.nonzero((diff != 0) & (exact | (diff > bound * size))), np.zeros(diff.shape), bound
        if len(at[0]):  # the terms may be equal shares, each rounded by itself
            t, k = terms[at], np.abs(weight[at[1]])
            some, every = (t != 0).sum(1), (k != 0).sum(1)
            first, unit = (np.take_along_axis(v, (t != 0).argmax(1)[:, None], 1) for v in (t, k))
            share = want[at] / np.maximum(some, 1) / unit[:, 0]
            equal = ((t == 0) | (t == first)).all(1) & (some > (every > 1)) & (
                ~power(some) | ~power(unit[:, 0]) | ~holds(share, self.dtype))
            twice = equal & ~exact[at] & (every > 1)
            own = bound * size[at] * (1 + twice)
            ok = (equal | ~exact[at]) & (diff[at] <= own + k.sum(1) * LEAST[self.dtype] / 2)
            need(ok.all(), name, f"wanted {want[at][~ok][:1]}, found {got[at][~ok][:1]} in row {at[0][~ok][:1]}")
            over[at], limit = np.maximum(0, diff[at] - own), bound * (1 + twice.any())
        need(not diff.any() or may and not diff[zero].any(), name, "is rounded where nothing is to be")
        for axis in (0, 1):
            need((over.sum(axis) <= 4 * limit * np.abs(want).sum(axis)).all(), name, "small numbers are too far off")
        need((added.sum(1) <= 16 * np.abs(want).sum(1)).all(), name, "numbers add up to much less than they are")
        self.inexact |= bool((diff != 0).any() or (~exact & ~zero).any())
        self.wide += [name] if (added > ONE_SIGN * np.abs(got)).any() else []
    def one_sign(self):
        """Where something is rounded, the terms of every sum over copies have one sign."""
        need(not (self.inexact and self.wide), str(self.wide[:1]), "adds up both signs, beside rounded numbers")
    def fresh_heads(self):
        """A fresh element of a head adds nothing to the scores, and its value is zero or is not read."""
        kv, group, hd = (self.axes[a].src >= 0 for a in ("kv", "group", "head_dim"))
        kv, group, full = kv[:, None, None], group[:, None], self.p.full
        new = ~(kv & group & hd)
        for i in (i for i, s in enumerate(self.source) if s >= 0):
            names = ("q_proj", "o_proj reads", "k_proj", "v_proj")
            q, o, k, v = (self.set[n, i].reshape(kv.size, -1, hd.size) for n in names)
            q, k = q | q[..., self.partner], k | k[..., self.partner]
            heard = (q | k) & (kv & group | full) if full or self.p.qk_norm else q & k & kv & group
            need(not (new & (heard | o & (v | kv & hd))).any(), f"layer {i}", "a fresh element of a head counts")
    def fresh_neurons(self):
        """A fresh neuron is not read, or its row of up or of gate is zero."""
        for i in (i for i, s in enumerate(self.source) if s >= 0):
            loud = [self.set[n, i] for n in ("down_proj reads", "up_proj", "gate_proj")]
            need(not np.all(loud, 0).any(), f"layer {i}", "a fresh neuron counts")
    def silent_layer(self):
        """A layer without a source adds nothing: its writers are zero, or the gains behind them, or they cancel."""
        for i, branch in ((i, b) for i, s in enumerate(self.source) if s < 0 for b in BRANCHES):
            x = self.silent[branch[0], i]
            bias = self.silent.get((branch[0] + ".bias", i), np.zeros(len(x)))
            gains = self.silent[branch[2], i] + self.p.offset if self.p.post else 1
            loud = (x.any(1) | (bias != 0)) & (gains != 0)
            scope(not loud.any() or not self.p.post and not bias.any(), f"layer {i}: {branch[0]} adds something")
            if loud.any():
                self.cancels(i, x, branch)
                self.oversized(i, branch)
    def cancels(self, layer, x, branch):
        """The writer's columns over each group of equal inputs add up to zero, exactly."""
        scope(not self.inexact, "pairs that cancel, beside numbers that are rounded")
        keys = zip(self.stream.src, self.stream.scale, self.silent[branch[1], layer])
        read = classes([key if key[0] >= 0 else None for key in keys], self.stream.scale)
        def rows(part):
            w = self.silent[part, layer]
            bias = self.silent.get((part + ".bias", layer), np.zeros(len(w)))
            sums, _, lost = add_up(read.terms(w))  # a fraction equals, and is filed as, the number that it is
            exact = [tuple(map(exact_sum, t)) if l.any() else tuple(v) for t, l, v in zip(read.terms(w), lost, sums)]
            return list(zip(exact, bias))
        if branch[0] == "down_proj":
            keys = list(zip(rows("gate_proj"), rows("up_proj")))
        else:
            (q, k, v), n, keys = map(rows, ("q_proj", "k_proj", "v_proj")), self.c.head_dim, []
            heard = [self.p.qk_norm or any(t) or b != 0 for t, b in k]
            for h in range(self.c.heads):
                g = h // self.c.group * n
                scored = (q[h * n + e] if heard[g + e] or heard[g + self.partner[e]] else None for e in range(n))
                head = (*scored, *k[g:g + n])
                keys += [(head, v[g + e]) for e in range(n)]
        sums, _, lost = add_up(terms := classes(keys).terms(x))
        zero = not sums[~lost].any() and not any(exact_sum(terms[at]) for at in zip(*np.nonzero(lost)))
        scope(zero, f"layer {layer}: {branch[0]} writes what is not known to cancel")
    def oversized(self, layer, branch):
        """In what cancels no row's or column's mean is, all tensors together, more than 64 times the parent's."""
        means = lambda x: np.array([np.abs(x).max() if x.ndim == 1 else np.abs(x).mean(i).max() for i in (0, 1)])
        k, spread, total = np.abs(self.stream.scale), self.p.config.get("initializer_range", 0.02), 1.0
        for role in (r for r in (branch[0], branch[1], *branch[3].split()) if (r, layer) in self.c.layout):
            usual = 1 + self.p.offset if role.endswith("norm") else 8 * (spread if 0 < spread < 1 else 0.02)
            was = [means(self.parent.array(self.p.layout[role, i])) for i in range(self.p.layers)]
            ratio = means(self.child.array(self.c.layout[role, layer])) / np.maximum(usual, np.max(was, 0))
            total *= max(1, ratio.max() / max(1, self.kappa, k.max(), (1 / k).max()))
        need(total <= 64, f"layer {layer}", f"numbers of {branch[0]}'s branch are {total:.3g} times the parent's")
@np.errstate(all="ignore")
def main(arguments):
    if [*map(os.path.isdir, arguments)] != [True, True, False] or not os.path.exists(arguments[2]):
        print(__doc__.split("\n\n")[1].strip(), file=sys.stderr)
        return 2
    try:
        parent, child = map(Checkpoint, arguments[:2])
        proof = strict_json(np.fromfile(arguments[2], np.uint8).tobytes(), arguments[2])
        scope(proof["schema"] == 2, "this schema of proofs")
        for side, ck in (("parent", parent), ("child", child)):
            for key, found in ck.digests().items():
                need(proof[side].get(key, {}) == found, ck.path, f"is not the {side} that the proof is of: {key}")
        print("proved:", Proof(parent, child, proof["claim"]).prove())
    except Exception as e:  # whatever fails on files that are not as they should be proves nothing
        print("refused:", e if isinstance(e, Refused) else f"{type(e).__name__}: {e}")
        return 1
    return 0

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What other tools grow, proved by `famkit verify --infer` without a plan. othertools.py FAMKIT MODELS WORK

- mergekit: a passthrough whose new layers have o_proj and down_proj scaled to 0 keeps the function, a plain stack does not.
  Of a Qwen2 model that transformers 5 wrote it leaves no config that transformers 5 loads; famkit's growth of it loads.
- mergekit-moe: a Mixtral whose experts all are one dense model keeps its function; where one expert is another's, it does not.
- The rules that HyperCloning (symmetric tiling, 2409.12903), LLaMA-Pro (block expansion, 2401.02415) and Net2Net (neurons
  copied at random, in each layer others, 1511.05641) publish, written here anew on transformers' models.
- Mixtures in the layout of transformers 5 itself (save_original_format=False): grown by famkit, equal, and loaded again.
Beside every sound child stands a spoiled one. This library's own float64 logits say which is which, before famkit is asked.
"""
import copy
import json
import os
import shutil
import subprocess
import sys
import warnings

import torch
import transformers
import yaml
from mergekit.config import MergeConfiguration
from mergekit.merge import MergeOptions, run_merge
from mergekit.moe.config import MoEMergeConfig
from mergekit.moe.mixtral import MixtralMoE
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

from double import all_double

EAGER = {"attn_implementation": "eager", "experts_implementation": "eager"}
MERGED = ["llama-untied", "llama-tied", "mistral"]
UPCYCLED = ["mistral", "llama-untied", "llama-tied"]
MIXTURES = ["mixtral", "qwen3_moe"]
TILED = ["llama-untied", "llama-tied", "mistral", "qwen2", "qwen3"]
ROWS = ("q_proj", "k_proj", "v_proj", "gate_proj", "up_proj")
EXACT, ROUNDED = 1e-12, 2e-6
ROUNDING = {2: EXACT, 3: ROUNDED}  # halving rounds nothing, a third does
VERDICT = {EXACT: "proved: exact for every input", ROUNDED: "proved: within rounding for every input", None: "different"}


def logits(path, ids):
    m, info = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, output_loading_info=True, **EAGER)
    report = {k: v for k, v in info.items() if v}
    if report:
        raise RuntimeError(f"loading report of {path}: {report}")
    with all_double(), torch.no_grad():
        m64 = AutoModelForCausalLM.from_config(m.config, dtype=torch.float64, **EAGER).eval()
        m64.load_state_dict({k: v.double() for k, v in m.state_dict().items()})
        m64.tie_weights()
        return m64(input_ids=ids).logits


def merge(parent, out, silent):
    """mergekit's passthrough of every layer twice; silent: the second one adds nothing."""
    slices = []
    for i in range(AutoConfig.from_pretrained(parent).num_hidden_layers):
        once = {"sources": [{"model": parent, "layer_range": [i, i + 1]}]}
        twice = copy.deepcopy(once)
        if silent:
            twice["sources"][0]["parameters"] = {
                "scale": [{"filter": "o_proj", "value": 0}, {"filter": "down_proj", "value": 0}, {"value": 1}]}
        slices += [once, twice]
    config = yaml.safe_load(yaml.safe_dump({"merge_method": "passthrough", "slices": slices}))
    run_merge(MergeConfiguration.model_validate(config), out, MergeOptions(copy_tokenizer=False, write_model_card=False, quiet=True))


def save(config, weights, out):
    """A model of the given weights, written by transformers."""
    m = AutoModelForCausalLM.from_config(config)
    missing, unexpected = m.load_state_dict(weights, strict=False)
    if unexpected or set(missing) - {"lm_head.weight"}:
        raise RuntimeError(f"{out}: missing {missing}, unexpected {unexpected}")
    m.tie_weights()
    m.save_pretrained(out)


def tile(name, w, n, tied):
    """HyperCloning's rule for one tensor: n x n blocks of w/n; what only writes or only scales is repeated."""
    if name.endswith(("q_norm.weight", "k_norm.weight")):
        return w  # acts inside each head
    if name == "model.norm.weight" and tied:
        return (w / n).repeat(n)  # the tied head cannot be divided
    if w.dim() == 1:
        return w.repeat(n)
    if name == "model.embed_tokens.weight":
        return w.repeat(1, n)
    if name == "lm_head.weight":
        return (w / n).repeat(1, n)
    return (w / n).repeat(n, n)


def hyperclone(parent, out, n, spoil=None):
    config = AutoConfig.from_pretrained(parent)
    weights = weights_of(parent)
    config.head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    for key in ("hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads"):
        setattr(config, key, n * getattr(config, key))
    weights = {k: tile(k, w, n, config.tie_word_embeddings) for k, w in weights.items()}
    if spoil:
        spoil(weights)
    save(config, weights, out)


def llama_pro(parent, out, every=1, spoil=None):
    """After every block a copy of it whose o_proj and down_proj are zero."""
    config = AutoConfig.from_pretrained(parent)
    old = weights_of(parent)
    order = []
    for i in range(config.num_hidden_layers):
        order.append((i, False))
        if (i + 1) % every == 0:
            order.append((i, True))
    weights = {k: w for k, w in old.items() if ".layers." not in k}
    for new, (i, silent) in enumerate(order):
        for k, w in old.items():
            if k.startswith(f"model.layers.{i}."):
                zero = silent and k.endswith(("o_proj.weight", "down_proj.weight"))
                weights[k.replace(f"layers.{i}.", f"layers.{new}.")] = torch.zeros_like(w) if zero else w.clone()
    config.num_hidden_layers = len(order)
    if getattr(config, "layer_types", None):
        config.layer_types = [config.layer_types[i] for i, _ in order]
    if spoil:
        spoil(weights)
    save(config, weights, out)


def upcycle(parent, other, out):
    """mergekit-moe's Mixtral of four experts, two for a token: three are parent's MLPs, one is other's; a random router."""
    experts = [{"source_model": path} for path in (parent, other, parent, parent)]
    config = MoEMergeConfig.model_validate({"base_model": parent, "gate_mode": "random", "dtype": "float32", "experts": experts})
    shape = AutoConfig.from_pretrained(parent)
    routers = torch.randn(shape.num_hidden_layers, len(experts), shape.hidden_size, generator=torch.Generator().manual_seed(7))
    MixtralMoE().write_model(out, config, MergeOptions(copy_tokenizer=False, quiet=True), router_weights=list(routers))


def net2wider(parent, out, spoil=None):
    """Each MLP gets half as many neurons again: copies of some of its own, drawn anew in each layer, whose columns are shared."""
    config, weights = AutoConfig.from_pretrained(parent), weights_of(parent)
    n = config.intermediate_size
    config.intermediate_size = n + n // 2
    rng = torch.Generator().manual_seed(11)
    for i in range(config.num_hidden_layers):
        source = torch.cat([torch.arange(n), torch.randint(n, (n // 2,), generator=rng)])
        source = source[torch.randperm(len(source), generator=rng)]
        for name in ("gate_proj", "up_proj"):
            key = f"model.layers.{i}.mlp.{name}.weight"
            weights[key] = weights[key][source].clone()
        key = f"model.layers.{i}.mlp.down_proj.weight"
        weights[key] = (weights[key] / torch.bincount(source, minlength=n))[:, source].clone()
    if spoil:
        spoil(weights)
    save(config, weights, out)


def weights_of(path):
    return load_file(os.path.join(path, "model.safetensors"))


def spoil_weight(weights):
    weights["model.layers.0.mlp.up_proj.weight"][3, 5] += 0.02


def spoil_silence(weights):
    weights["model.layers.1.mlp.down_proj.weight"][2, 7] = 0.05


def spoil_gain(weights):
    weights["model.norm.weight"] = weights["model.norm.weight"].clone()
    weights["model.norm.weight"][4] *= 1.01


def swap_copies(weights):
    """Half of the query heads in another order: each then asks another key/value head."""
    w = weights["model.layers.0.self_attn.q_proj.weight"]
    weights["model.layers.0.self_attn.q_proj.weight"] = w.roll(w.shape[0] // 4, 0)


class Court:
    """Compares what transformers says about a child with what `famkit verify --infer` says."""

    def __init__(self, famkit):
        self.famkit, self.problems, self.sound, self.refused, self.worst = famkit, [], 0, 0, 0.0

    def judge(self, label, parent, child, limit, sound=None):
        """limit: how far a sound child may be from its parent; None: it must be found different, although transformers 5
        finds it as near as sound, where that is given."""
        ids = load_file(os.path.join(parent, "expected.safetensors"))["input_ids"].long()
        want = logits(parent, ids)
        diff = ((logits(child, ids) - want).abs().max() / want.abs().max()).item()
        near = limit if limit is not None else sound
        if (diff > near) if near is not None else (diff < 1e-9):
            self.problems.append(f"{label}: transformers finds a difference of {diff:.1e}: the test itself is wrong")
            return
        r = subprocess.run([self.famkit, "verify", parent, child, "--infer", "--proof-only"], capture_output=True, text=True)
        text = (r.stdout + r.stderr).strip()
        wanted = 1 if limit is None else 0
        good = r.returncode == wanted and VERDICT[limit] in text
        if not good:
            self.problems.append(f"{label}: exits {r.returncode}, wanted {wanted} and {VERDICT[limit]!r}: {text[-300:]}")
        elif limit is None:
            self.refused += 1
        else:
            self.sound, self.worst = self.sound + 1, max(self.worst, diff)
        print("  ok   " if good else "  FAIL ", label, f"(transformers: {diff:.1e} apart)", flush=True)


def merged(court, models, work):
    for name in MERGED:
        parent = os.path.join(models, name)
        for silent in (True, False):
            what = "new layers silent" if silent else "plain stack"
            out = os.path.join(work, f"{name}-mergekit-{silent}")
            merge(parent, out, silent)
            court.judge(f"mergekit {name}, {what}", parent, out, EXACT if silent else None)


def qwen2(court, models, work):
    """mergekit writes only the number of layers; transformers 5 also wants layer_types of that length."""
    parent, theirs, ours = os.path.join(models, "qwen2"), os.path.join(work, "qwen2-mergekit"), os.path.join(work, "qwen2-famkit")
    try:
        merge(parent, theirs, True)
        AutoModelForCausalLM.from_pretrained(theirs)
        court.problems.append("mergekit qwen2: its result loads now: say so in the documents")
    except Exception as e:
        if "layer_types" not in str(e):
            raise
    subprocess.run([court.famkit, "expand", parent, ours, "--depth", "2x", "-q"], check=True, stdout=subprocess.DEVNULL)
    ids = load_file(os.path.join(parent, "expected.safetensors"))["input_ids"].long()
    if not torch.equal(logits(parent, ids), logits(ours, ids)):
        court.problems.append("famkit qwen2 depth 2x: other logits")
    print("  ok    qwen2: mergekit's config is refused by transformers 5 (layer_types), famkit's child loads")


def upcycled(court, models, work):
    for name in UPCYCLED:
        parent, spoiled = os.path.join(models, name), os.path.join(work, f"{name}-other")
        weights = weights_of(parent)
        spoil_weight(weights)
        save(AutoConfig.from_pretrained(parent), weights, spoiled)
        for other, limit, what in ((parent, EXACT, "experts alike"), (spoiled, None, "one expert differs")):
            out = os.path.join(work, f"{name}-moe-{limit is None}")
            upcycle(parent, other, out)
            court.judge(f"mergekit-moe {name}, {what}, as transformers 5 alone reads it", parent, out, None, sound=limit)
            both = out + "-both"
            for_both_versions(out, both)
            court.judge(f"mergekit-moe {name}, {what}", parent, both, limit)


def for_both_versions(path, out):
    """The same Mixtral in the layout and with the spellings that transformers 4 reads too: a tensor for each expert."""
    weights = {}
    for name, w in weights_of(path).items():
        block, _, part = name.partition(".mlp.")
        if part == "experts.gate_up_proj":
            for e, both in enumerate(w):
                gate, up = both.chunk(2)
                weights[f"{block}.block_sparse_moe.experts.{e}.w1.weight"] = gate.clone()
                weights[f"{block}.block_sparse_moe.experts.{e}.w3.weight"] = up.clone()
        elif part == "experts.down_proj":
            for e, down in enumerate(w):
                weights[f"{block}.block_sparse_moe.experts.{e}.w2.weight"] = down.clone()
        else:
            weights[name.replace(".mlp.", ".block_sparse_moe.")] = w
    os.makedirs(out)
    save_file(weights, os.path.join(out, "model.safetensors"), metadata={"format": "pt"})
    with open(os.path.join(path, "config.json")) as f:
        config = json.load(f)
    config["rope_theta"] = config["rope_parameters"]["rope_theta"]
    with open(os.path.join(out, "config.json"), "w") as f:
        json.dump(config, f, indent=2)


def stacked(court, models, work):
    for name in MIXTURES:
        parent, out = os.path.join(work, f"{name}-stacked"), os.path.join(work, f"{name}-stacked-grown")
        m = AutoModelForCausalLM.from_pretrained(os.path.join(models, name), dtype=torch.float32)
        m.save_pretrained(parent, save_original_format=False)
        if not any(k.endswith("experts.gate_up_proj") for k in weights_of(parent)):
            court.problems.append(f"{name}: transformers no longer writes its own layout")
        shutil.copy(os.path.join(models, name, "expected.safetensors"), parent)
        subprocess.run([court.famkit, "expand", parent, out, "--depth", "+1", "--hidden", "2x", "-q"], check=True, stdout=subprocess.DEVNULL)
        court.judge(f"{name} in transformers' own layout, grown", parent, out, EXACT)


def recreated(court, models, work):
    for name in TILED:
        parent = os.path.join(models, name)
        def out(kind):
            return os.path.join(work, f"{name}-{kind}")
        for n in (2, 3):
            hyperclone(parent, out(f"tiled{n}"), n)
            court.judge(f"HyperCloning {name}, {n} copies", parent, out(f"tiled{n}"), ROUNDING[n])
        llama_pro(parent, out("pro"))
        court.judge(f"LLaMA-Pro {name}", parent, out("pro"), EXACT)
        for kind, spoil in (("weight", spoil_weight), ("gain", spoil_gain), ("heads", swap_copies)):
            hyperclone(parent, out("tiled-" + kind), 2, spoil)
            court.judge(f"HyperCloning {name}, spoiled: {kind}", parent, out("tiled-" + kind), None)
        net2wider(parent, out("net2wider"))
        court.judge(f"Net2Net {name}", parent, out("net2wider"), ROUNDED)
        net2wider(parent, out("net2wider-spoiled"), spoil_weight)
        court.judge(f"Net2Net {name}, spoiled", parent, out("net2wider-spoiled"), None)
        llama_pro(parent, out("pro-spoiled"), spoil=spoil_silence)
        court.judge(f"LLaMA-Pro {name}, spoiled: not silent", parent, out("pro-spoiled"), None)


def main(famkit, models, work):
    warnings.filterwarnings("ignore")
    transformers.utils.logging.disable_progress_bar()
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    court = Court(famkit)
    for part in (merged, qwen2, upcycled, recreated, stacked):
        part(court, os.path.abspath(models), work)
    for p in court.problems:
        print("FAIL", p)
    print(f"other tools: {court.sound} sound growths proved without a plan (worst {court.worst:.1e} apart), "
          f"{court.refused} others refused, {len(court.problems)} fall short")
    return 1 if court.problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""Makes children that differ from their parents in what a loader reads beside the weights.

variants.py NAMES... BASES OUT [--pairs N] [--seed S] [--only A,B]: NAMES are what names.py said of each library. For every base
and every name that either library knows, the name is set to each value of a pool; then come N random combinations of
several keys.
"""
import argparse
import copy
import json
import os
import random

ABSENT = object()

# Values that some key takes somewhere, for keys of which nothing else is known.
POOL = [True, False, None, 0, 1, 2, 4, 0.5, "x", "eager", "full_attention", "sliding_attention", [], [0], [1, 0], {},
        {"0": {"rms_norm_eps": 0.5, "sliding_window": 3}}]

# Values that are worth trying for a key, beside those made from its present value.
SPECIAL = {
    "attribute_map": [{"rms_norm_eps": "initializer_range"}, {"num_hidden_layers": "bos_token_id"},
                      {"layer_norm_epsilon": "initializer_range"}, {"layer_norm_eps": "initializer_range"}],
    "per_layer_config": [{"0": {"rms_norm_eps": 0.5}}, {"0": {"skip": ["mlp"]}}, {"1": {"sliding_window": 3}}, {"0": {}}],
    "layer_types": [["full_attention"] * 2, ["full_attention"] * 3, ["sliding_attention"] * 2, ["sliding_attention"] * 3,
                    ["full_attention", "sliding_attention"], ["sliding_attention", "full_attention"],
                    ["sliding_attention", "full_attention", "sliding_attention"], ["chunked_attention"] * 2,
                    ["chunked_attention"] * 3, ["linear_attention"] * 2, ["attention"] * 2, ["attention"] * 3],
    "sliding_window": [1, 2, 3, 4, 5, 6, 8, 64],
    "attention_chunk_size": [1, 3, 4, 64],
    "cache_implementation": ["dynamic", "static", "hybrid", "sliding_window", "offloaded", "offloaded_static", "quantized",
                             "dynamic_full", "hybrid_chunked", "offloaded_hybrid", "mamba", "paged"],
    "cache_config": [{}, {"backend": "quanto", "nbits": 2}],
    "hidden_act": ["silu", "swish", "gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "gelu_fast", "quick_gelu"],
    "hidden_activation": ["silu", "gelu", "gelu_new", "gelu_pytorch_tanh", "relu"],
    "activation_function": ["silu", "gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "gelu_fast"],
    "dtype": ["float32", "bfloat16", "float16", "float64", "float", "half", "auto", {"": "bfloat16"}],
    "torch_dtype": ["float32", "bfloat16", "float16", "float64", "half", "auto"],
    "architectures": [[], ["LlamaForCausalLM"], ["LlamaModel"], ["GPT2LMHeadModel", "X"], "LlamaForCausalLM"],
    "model_type": ["llama", "mistral", "ministral", "qwen2", "qwen3", "gemma", "phi3", "olmo2", "gpt2"],
    "auto_map": [{}, {"AutoConfig": "configuration_x.X"}, {"AutoModelForCausalLM": "modeling_x.X"}, "x"],
    "configuration_files": [[], ["config.json"], ["config.4.0.0.json"], ["config.json", "config.4.0.0.json"]],
    "transformers_weights": ["model.safetensors", "other.safetensors"],
    "transformers_version": ["4.0.0", "99.0", "5.0.0", 5],
    "quantization_config": [{}, {"quant_method": "bitsandbytes", "load_in_8bit": True}, {"quant_method": "fp8"}],
    "fusion_config": [{"patch_embeddings": True}, {}],
    "text_config": [{"rms_norm_eps": 0.5, "tie_word_embeddings": True}, {"sliding_window": 3}],
    "rope_scaling": [{"type": "linear", "factor": 2.0}, {"rope_type": "linear", "factor": 2.0},
                     {"rope_type": "dynamic", "factor": 2.0}, {"rope_type": "linear", "factor": 1.0},
                     {"rope_type": "default"}, {"type": "default"}, {"rope_type": "axial"}, {"rope_type": "proportional"},
                     {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                      "original_max_position_embeddings": 16},
                     {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16},
                     {"rope_theta": 7.0}, {"rope_type": "default", "rope_theta": 7.0}],
    "_rope_type_labels": [["full_attention"], ["rope_theta"]],
    "pruned_heads": [{}, {"0": [0]}, {"1": [1]}],
    "problem_type": ["regression", "multi_label_classification"],
    "id2label": [{"0": "a"}, {"0": "a", "1": "b", "2": "c"}],
    "mlp_only_layers": [[], [0], [1], [0, 1], [7]],
    "_attn_implementation": ["eager", "sdpa", "flash_attention_2", "flex_attention", "paged|eager", "x"],
    "attn_implementation": ["eager", "sdpa", "flash_attention_2", "flex_attention", "paged|sdpa", "x"],
    "_attn_implementation_internal": ["eager", "sdpa", "flash_attention_2", "flex_attention"],
    "_experts_implementation": ["eager", "grouped_mm", "batched_mm", "x"],
    "experts_implementation": ["eager", "grouped_mm", "batched_mm", "x"],
    "loss_type": ["ForCausalLM", "ForSequenceClassification", "x"],
    "kv_sharing_modes": [["reuse", "own"], ["reuse", "reuse"], [None, "reuse"], ["store", "reuse"]],
    "eos_token_id": [None, 5, [3, 4], -1, 100000], "bos_token_id": [None, 5, -1, 100000], "pad_token_id": [None, 0, 5, -1, 30, 100000],
    "partial_rotary_factor": [0.5, 1.0, 0.25], "rope_theta": [7.0, 100.0, 1000000.0, 10000], "rotary_pct": [0.5, 1.0], "rotary_emb_base": [7, 1000],
}
SPECIAL["rope_parameters"] = SPECIAL["rope_scaling"] + [
    {"full_attention": {"rope_type": "default", "rope_theta": 7.0}, "sliding_attention": {"rope_type": "default", "rope_theta": 9.0}},
    {"full_attention": {"rope_type": "default", "rope_theta": 7.0}}]

# Files beside the weights, and what is in them; "weights" stands for the weights of another model of the same sizes.
FILES = {
    "pytorch_model.bin": "x", "tf_model.h5": "x", "flax_model.msgpack": "x", "model.fp16.safetensors": "weights",
    "consolidated.safetensors": "weights", "model-00001-of-00001.safetensors": "weights", "other.safetensors": "weights",
    "shard-00001-model-00001-of-00001.safetensors": "weights", "adapter_model.safetensors": "weights", "params.json": '{"dim": 7}',
    "model.safetensors.index.json": '{"metadata": {"dtype": "float16"}, "weight_map": {"a": "other.safetensors"}}',
    "config.4.0.0.json": '{"rms_norm_eps": 0.5}', "configuration.json": '{"rms_norm_eps": 0.5}', "config.yaml": "x: 1",
    "adapter_config.json": '{"peft_type": "LORA"}', "quantize_config.json": '{"bits": 4}', "quant_config.json": '{"bits": 4}',
    "hf_quant_config.json": '{"quantization": {}}', "tokenizer.json": "{}", "tokenizer_config.json": "{}", "vocab.json": "{}",
    "chat_template.jinja": "x", "chat_template.json": "{}", "modeling_x.py": "raise SystemExit", "__init__.py": "raise SystemExit",
    "custom_generate/generate.py": "raise SystemExit", "preprocessor_config.json": "{}", "processor_config.json": "{}", ".metadata": "x",
    "kernel_config.json": "{}", "recipe.yaml": "x", "README.md": "x", "plan.json": "{}", "proof.json": "{}", "dtype": "float16",
}

# No model of interest is made by these sizes, and a large one takes long.
LARGE = 4096


def made_from(value):
    """Values near a present one."""
    if isinstance(value, bool):
        return [not value, None, int(not value), int(value)]
    if isinstance(value, int):
        return [value + 1, value - 1, 2 * value, 0, 1, -1, None, float(value), str(value), True]
    if isinstance(value, float):
        return [2 * value, value + 0.5, 0.0, 0, -value, None, str(value)]
    if isinstance(value, str):
        return [value + "x", value.upper(), "", None, 1]
    if isinstance(value, list):
        return [value[::-1], value + value[:1], value[:-1], [], None, {}]
    if isinstance(value, dict):
        out = [{}, None, []]
        for k, v in value.items():
            out += [{**value, k: x} for x in made_from(v)] + [{a: b for a, b in value.items() if a != k}]
        return out
    return []


def values(key, config, default):
    """What to try for a key: its present value made otherwise, its default likewise, and the pools."""
    now = config.get(key, ABSENT)
    tries = made_from(now) if now is not ABSENT else []
    if default is not None:
        tries += made_from(default) + [default]
    tries += SPECIAL.get(key, POOL if now is ABSENT else [True, None, "x", [], {}])
    if now is not ABSENT:
        tries.append(ABSENT)
    seen, out = {json.dumps(now) if now is not ABSENT else ""}, []
    for t in tries:
        text = "" if t is ABSENT else json.dumps(t)
        if text not in seen and not too_large(t):
            seen.add(text)
            out.append(t)
    return out


# The bases whose children differ in generation_config.json and in other files, too.
SETTINGS_OF = ["llama", "mistral", "gemma2"]


def too_large(v):
    return isinstance(v, int) and not isinstance(v, bool) and v > LARGE and v != 1000000 and v != 100000


def changed(config, changes):
    c = copy.deepcopy(config)
    for k, v in changes.items():
        if v is ABSENT:
            c.pop(k, None)
        else:
            c[k] = v
    return json.dumps(c, indent=1)


def shown(changes):
    return {k: "(absent)" if v is ABSENT else v for k, v in changes.items()}


class Maker:
    def __init__(self, out):
        self.out, self.n = out, 0

    def add(self, base, files, what, **more):
        self.n += 1
        self.out.write(json.dumps({"id": self.n, "base": base, "files": files, "what": what, **more}) + "\n")

    def settings(self, base, libraries):
        known = {k: v for lib in libraries for k, v in lib["generation_config.json"].items()}
        for k in sorted(known):
            for v in values(k, {}, known[k]):
                text = json.dumps({} if v is ABSENT else {k: v})
                self.add(base, {"generation_config.json": text}, {"generation_config.json " + k: v if v is not ABSENT else "(absent)"})
        self.add(base, {"generation_config.json": "{"}, {"generation_config.json": "broken"})

    def beside(self, base):
        for name, text in FILES.items():
            what = {name: text}
            if text == "weights":
                text = "file:" + os.path.join(base, "model.safetensors") + ".other"
            self.add(base, {name: text}, what)

    def config(self, base, config, changes):
        self.add(base, {"config.json": changed(config, changes)}, shown(changes))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("names", nargs="+")
    p.add_argument("bases")
    p.add_argument("out")
    p.add_argument("--pairs", type=int, default=0)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--only", default="")
    a = p.parse_args()
    libraries = [json.load(open(n, encoding="utf-8")) for n in a.names]
    rng = random.Random(a.seed)
    with open(a.out, "w", encoding="utf-8") as f:
        m = Maker(f)
        for name in sorted(os.listdir(a.bases)):
            if a.only and name not in a.only.split(","):
                continue
            base = os.path.join(a.bases, name)
            config = json.load(open(os.path.join(base, "config.json"), encoding="utf-8"))
            known = {}
            for lib in libraries:
                for k, default in lib[config["model_type"]].items():
                    known[k] = default if default is not None else known.get(k)
            for k in SPECIAL:
                known.setdefault(k, None)
            for k in sorted(known):
                for v in values(k, config, known[k]):
                    m.config(base, config, {k: v})
            if name in SETTINGS_OF:
                m.settings(base, libraries)
                m.beside(base)
            keys = sorted(known)
            for _ in range(a.pairs):
                picked = rng.sample(keys, rng.choice([2, 2, 3, 4]))
                m.config(base, config, {k: rng.choice(values(k, config, known[k]) or [None]) for k in picked})
    print(m.n, "variants")


if __name__ == "__main__":
    main()

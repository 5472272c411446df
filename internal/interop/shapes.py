"""Write what transformers builds for a table of configs: the tensors of the saved state dict and the rotary frequencies.

    shapes.py [--out DIR]

DIR is fixtures/shapes by default. For each case DIR/NAME.json holds the config.json as a user could have written it (defaults absent on purpose), the sorted
names and shapes that save_pretrained would write (a tied head left out), the resolved sizes, and the rotary frequencies in float32 and float64, for
short sequences and for one of 3000 tokens. Models are built without memory for weights, so that sizes can be real ones.
"""

import argparse
import json
import os

import torch
import transformers
from transformers.core_model_loading import revert_weight_conversion
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from double import all_double

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FIXTURES = os.path.join(ROOT, "fixtures", "shapes")
TINY = {"vocab_size": 131, "hidden_size": 48, "intermediate_size": 112, "num_hidden_layers": 2, "num_attention_heads": 4}
LLAMA3 = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 64}
LINEAR = {"type": "linear", "factor": 4.0}
DYNAMIC = {"type": "dynamic", "factor": 3.0}
YARN = {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 64}
LONG = {"rope_type": "longrope", "short_factor": [1.0, 1.25, 1.5, 2.0, 2.5, 3.0], "long_factor": [1.0, 3.0, 5.5, 8.0, 16.0, 32.0],
        "original_max_position_embeddings": 128}
NEOX = {"vocab_size": 131, "hidden_size": 64, "intermediate_size": 112, "num_hidden_layers": 2, "num_attention_heads": 4}
PHI = {**TINY, "pad_token_id": 0}
GPT2 = {"vocab_size": 131, "n_embd": 48, "n_layer": 2, "n_head": 4, "n_positions": 64}
MIX = {**TINY, "num_key_value_heads": 2, "num_local_experts": 4}
QMOE = {**TINY, "num_key_value_heads": 2, "num_experts": 6, "num_experts_per_tok": 3, "moe_intermediate_size": 40}
SLIDE, FULL = "sliding_attention", "full_attention"
LENGTH = 3000

CASES = {
    "llama-plain": {**TINY},
    "llama-gqa": {**TINY, "num_key_value_heads": 2},
    "llama-mqa-tied": {**TINY, "num_key_value_heads": 1, "tie_word_embeddings": True},
    "llama-kv-null": {**TINY, "num_key_value_heads": None, "head_dim": None},
    "llama-head-dim": {**TINY, "num_key_value_heads": 2, "head_dim": 20},
    "llama-attention-bias": {**TINY, "attention_bias": True, "num_key_value_heads": 2},
    "llama-mlp-bias": {**TINY, "mlp_bias": True, "head_dim": 16},
    "llama-rope3": {**TINY, "head_dim": 64, "rope_parameters": LLAMA3},
    "llama-linear": {**TINY, "rope_theta": 500.0, "rope_scaling": LINEAR},
    "llama-defaults": {"num_hidden_layers": 1},
    "mistral-plain": {**TINY, "num_key_value_heads": 2},
    "mistral-no-window": {**TINY, "num_key_value_heads": 4, "sliding_window": None},
    "mistral-head-dim": {**TINY, "num_key_value_heads": 2, "head_dim": 32},
    "mistral-uneven": {**TINY, "num_attention_heads": 5, "num_key_value_heads": 1, "head_dim": 12},
    "mistral-tied": {**TINY, "num_key_value_heads": 1, "tie_word_embeddings": True, "sliding_window": 8},
    "mistral-rope": {**TINY, "num_key_value_heads": 2, "rope_theta": 1000000.0},
    "mistral-defaults": {"num_hidden_layers": 1},
    "qwen2-plain": {**TINY, "num_key_value_heads": 2},
    "qwen2-kv-null": {**TINY, "num_key_value_heads": None},
    "qwen2-tied": {**TINY, "num_key_value_heads": 1, "tie_word_embeddings": True},
    "qwen2-head-dim": {**TINY, "num_key_value_heads": 4, "head_dim": 24},
    "qwen2-windows": {**TINY, "num_hidden_layers": 4, "num_key_value_heads": 2, "use_sliding_window": True, "max_window_layers": 2},
    "qwen2-window-null": {**TINY, "num_key_value_heads": 2, "use_sliding_window": True, "sliding_window": None, "max_window_layers": 0},
    "qwen2-layer-types": {**TINY, "num_key_value_heads": 2, "use_sliding_window": True, "sliding_window": 8,
                          "layer_types": ["sliding_attention", "full_attention"]},
    "qwen2-defaults": {"num_hidden_layers": 1},
    "qwen3-plain": {**TINY, "num_key_value_heads": 2},
    "qwen3-head-dim": {**TINY, "num_key_value_heads": 2, "head_dim": 16},
    "qwen3-kv-null": {**TINY, "num_key_value_heads": None},
    "qwen3-bias": {**TINY, "num_key_value_heads": 2, "attention_bias": True},
    "qwen3-tied": {**TINY, "num_key_value_heads": 1, "head_dim": 12, "tie_word_embeddings": True},
    "qwen3-windows": {**TINY, "num_hidden_layers": 3, "num_key_value_heads": 4, "use_sliding_window": True, "sliding_window": 16,
                      "max_window_layers": 1},
    "qwen3-rope3": {**TINY, "num_key_value_heads": 2, "rope_parameters": LLAMA3},
    "qwen3-defaults": {"num_hidden_layers": 1},
    "llama-dynamic": {**TINY, "rope_scaling": DYNAMIC, "max_position_embeddings": 512},
    "llama-yarn": {**TINY, "rope_parameters": YARN, "head_dim": 64, "max_position_embeddings": 512},
    "llama-yarn-mscale": {**TINY, "rope_theta": 1000000.0, "head_dim": 64,
                          "rope_scaling": {**YARN, "mscale": 1.0, "mscale_all_dim": 0.5, "beta_fast": 16, "beta_slow": 2.0, "truncate": False}},
    "llama-yarn-factor": {**TINY, "rope_parameters": {"rope_type": "yarn", "factor": 4, "attention_factor": 1.75}, "max_position_embeddings": 4096},
    "llama-longrope": {**TINY, "rope_parameters": LONG, "max_position_embeddings": 1024},
    "qwen3-longrope-factor": {**TINY, "num_key_value_heads": 2, "head_dim": 12, "rope_parameters": {**LONG, "factor": 4.0}},
    "gemma-plain": {**TINY, "num_key_value_heads": 1, "head_dim": 16},
    "gemma-untied": {**TINY, "num_key_value_heads": 2, "head_dim": 12, "tie_word_embeddings": False, "hidden_act": "gelu"},
    "gemma-bias": {**TINY, "num_key_value_heads": 4, "attention_bias": True},
    "gemma-uneven": {**TINY, "hidden_size": 50, "num_key_value_heads": 4, "head_dim": 8, "rope_theta": 5000.0},
    "gemma-linear": {**TINY, "num_key_value_heads": 2, "head_dim": 16, "rope_scaling": LINEAR},
    "gemma-defaults": {"num_hidden_layers": 1},
    "gemma2-plain": {**TINY, "num_hidden_layers": 3, "num_key_value_heads": 2, "head_dim": 16},
    "gemma2-no-caps": {**TINY, "num_key_value_heads": 2, "head_dim": 16, "attn_logit_softcapping": None, "final_logit_softcapping": None},
    "gemma2-caps": {**TINY, "num_key_value_heads": 2, "head_dim": 16, "attn_logit_softcapping": 5.0, "final_logit_softcapping": 7.5,
                    "query_pre_attn_scalar": 224},
    "gemma2-layer-types": {**TINY, "num_hidden_layers": 3, "num_key_value_heads": 2, "sliding_window": 16, "layer_types": [FULL, FULL, SLIDE]},
    "gemma2-untied": {**TINY, "num_key_value_heads": 1, "head_dim": 20, "tie_word_embeddings": False, "attention_bias": True},
    "gemma2-defaults": {"num_hidden_layers": 2},
    "gemma3_text-plain": {**TINY, "num_hidden_layers": 7, "num_key_value_heads": 2, "head_dim": 16},
    "gemma3_text-pattern": {**TINY, "num_hidden_layers": 4, "num_key_value_heads": 2, "head_dim": 16, "sliding_window_pattern": 2, "sliding_window": 8},
    "gemma3_text-layer-types": {**TINY, "num_key_value_heads": 2, "sliding_window": 8, "layer_types": [FULL, SLIDE],
                                "query_pre_attn_scalar": 168, "final_logit_softcapping": 12.0},
    "gemma3_text-old": {**TINY, "num_key_value_heads": 4, "head_dim": 16, "rope_theta": 500000.0, "rope_local_base_freq": 2000.0,
                        "rope_scaling": {"rope_type": "linear", "factor": 8.0}},
    "gemma3_text-new": {**TINY, "num_key_value_heads": 4, "head_dim": 16, "rope_parameters": {
        FULL: {"rope_type": "linear", "factor": 8.0, "rope_theta": 300000.0}, SLIDE: {"rope_type": "default", "rope_theta": 3000.0}}},
    "gemma3_text-untied": {**TINY, "num_key_value_heads": 1, "head_dim": 20, "tie_word_embeddings": False, "attention_bias": True},
    "gemma3_text-defaults": {"num_hidden_layers": 1},
    "gpt2-plain": {**GPT2},
    "gpt2-inner": {**GPT2, "n_inner": 100, "activation_function": "gelu"},
    "gpt2-untied": {**GPT2, "tie_word_embeddings": False, "n_inner": None},
    "gpt2-eps": {**GPT2, "layer_norm_epsilon": 1e-3, "n_positions": 33, "n_head": 2},
    "gpt2-ids": {**GPT2, "bos_token_id": 5, "eos_token_id": None},
    "gpt2-general-names": {"vocab_size": 131, "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 3, "max_position_embeddings": 77},
    "gpt2-defaults": {},
    "gpt_neox-plain": {**NEOX},
    "gpt_neox-half": {**NEOX, "rotary_pct": 0.5, "rotary_emb_base": 5000},
    "gpt_neox-odd": {**NEOX, "hidden_size": 48},
    "gpt_neox-new": {**NEOX, "rope_parameters": {"rope_type": "default", "rope_theta": 700.0, "partial_rotary_factor": 0.7}},
    "gpt_neox-serial": {**NEOX, "use_parallel_residual": False, "attention_bias": False, "rotary_pct": 1.0},
    "gpt_neox-tied": {**NEOX, "tie_word_embeddings": True, "layer_norm_eps": 1e-4, "hidden_act": "gelu_new"},
    "gpt_neox-linear": {**NEOX, "rope_scaling": {**LINEAR}, "rotary_pct": 0.5},
    "gpt_neox-defaults": {"num_hidden_layers": 1},
    "olmo2-plain": {**TINY, "num_key_value_heads": 2},
    "olmo2-kv-null": {**TINY, "num_key_value_heads": None},
    "olmo2-bias": {**TINY, "num_key_value_heads": 1, "attention_bias": True},
    "olmo2-head-dim": {**TINY, "num_key_value_heads": 2, "head_dim": 20},
    "olmo2-tied": {**TINY, "num_key_value_heads": 2, "tie_word_embeddings": True, "rope_theta": 500000.0},
    "olmo2-linear": {**TINY, "num_key_value_heads": 2, "rope_scaling": LINEAR},
    "olmo2-defaults": {"num_hidden_layers": 1},
    "phi3-plain": {**PHI, "num_key_value_heads": 2},
    "phi3-window": {**PHI, "num_key_value_heads": 1, "sliding_window": 9},
    "phi3-partial": {**PHI, "num_key_value_heads": 4, "partial_rotary_factor": 0.5},
    "phi3-partial-new": {**PHI, "num_key_value_heads": None, "rope_parameters": {"rope_type": "default", "rope_theta": 300.0, "partial_rotary_factor": 0.7}},
    "phi3-longrope": {**PHI, "num_key_value_heads": 2, "max_position_embeddings": 4096, "original_max_position_embeddings": 128,
                      "rope_scaling": {"type": "longrope", "short_factor": LONG["short_factor"], "long_factor": LONG["long_factor"]}},
    "phi3-longrope-new": {**PHI, "num_key_value_heads": 2, "max_position_embeddings": 131072,
                          "rope_parameters": {**LONG, "original_max_position_embeddings": 4096, "attention_factor": 1.5}},
    "phi3-tied": {**PHI, "num_key_value_heads": 2, "tie_word_embeddings": True},
    "phi3-defaults": {"num_hidden_layers": 1},
    "mixtral-plain": {**MIX},
    "mixtral-eight": {**TINY, "num_key_value_heads": 4},
    "mixtral-head-dim": {**MIX, "head_dim": 20, "num_experts_per_tok": 3},
    "mixtral-window": {**MIX, "sliding_window": 6, "rope_theta": 10000.0},
    "mixtral-tied": {**MIX, "tie_word_embeddings": True, "head_dim": None},
    "mixtral-other-name": {**TINY, "num_key_value_heads": 2, "num_experts": 3},
    "qwen3_moe-plain": {**QMOE},
    "qwen3_moe-other-name": {**TINY, "num_key_value_heads": 2, "num_local_experts": 3, "num_experts_per_tok": 1, "head_dim": 16, "norm_topk_prob": True},
    "qwen3_moe-only": {**QMOE, "num_hidden_layers": 4, "mlp_only_layers": [0, 2]},
    "qwen3_moe-step": {**QMOE, "num_hidden_layers": 5, "decoder_sparse_step": 2, "mlp_only_layers": [3]},
    "qwen3_moe-windows": {**QMOE, "use_sliding_window": True, "sliding_window": 7, "max_window_layers": 1},
    "qwen3_moe-bias": {**QMOE, "attention_bias": True, "tie_word_embeddings": True, "head_dim": 20},
    "qwen3_moe-dense": {**QMOE, "num_experts": 0},
}


def frequencies(kind, config, tokens, layer_type=None):
    """Inverse frequencies for a sequence of so many tokens, and the attention factor."""
    settings = config.rope_parameters[layer_type] if layer_type else config.rope_parameters
    named = {"layer_type": layer_type} if layer_type else {}
    if settings["rope_type"] == "default":
        first, factor = kind.compute_default_rope_parameters(config, **named)
    else:
        first, factor = ROPE_INIT_FUNCTIONS[settings["rope_type"]](config, seq_len=tokens, **named)
    return first.tolist(), float(factor)


def rotary(base, config):
    """The rotary tables in float32 and, throughout, in float64."""
    if config.model_type == "gpt2":
        return {}
    kind = type(base.rotary_emb)
    layer_type = "full_attention" if config.model_type == "gemma3_text" else None
    single, factor = frequencies(kind, config, None, layer_type)
    with all_double():
        double, _ = frequencies(kind, config, None, layer_type)
        far, _ = frequencies(kind, config, LENGTH, layer_type)
        local = frequencies(kind, config, None, "sliding_attention")[0] if layer_type else []
    return {"inv_freq_f32": single, "inv_freq_f64": double, "inv_freq_far_f64": far, "inv_freq_local_f64": local, "attention_factor": factor}


def windows(config, layers):
    if config.model_type in ("mistral", "mixtral", "phi3", "qwen3_moe"):
        return [config.sliding_window or 0] * config.num_hidden_layers
    return [getattr(getattr(layer, "self_attn", None), "sliding_window", None) or 0 for layer in layers]


def describe(name, settings):
    given = {"model_type": name.split("-")[0], **settings}
    config = transformers.AutoConfig.for_model(**json.loads(json.dumps(given)))
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    tied = set(model.all_tied_weights_keys) if config.tie_word_embeddings else set()
    stored = {n: t for n, t in model.state_dict().items() if n not in tied}
    stored = revert_weight_conversion(model, stored)  # experts and heads under the names that files have
    base = model.base_model
    layers = base.h if hasattr(base, "h") else base.layers
    attention = next(getattr(layers[0], n) for n in ("self_attn", "attn", "attention") if hasattr(layers[0], n))
    eps = next(getattr(config, n) for n in ("rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon") if hasattr(config, n))
    return {
        "config": given,
        "tensors": sorted([n, list(t.shape)] for n, t in stored.items()),
        "params": sum(t.numel() for t in stored.values()),
        "windows": windows(config, layers),
        "max_position_embeddings": config.max_position_embeddings,
        "rms_norm_eps": eps,
        "bos": config.bos_token_id,
        "eos": config.eos_token_id,
        "scaling": getattr(attention, "scaling", None) or attention.head_dim**-0.5,
        "embed_scale": getattr(base.get_input_embeddings(), "scalar_embed_scale", 1.0),
        **rotary(base, config),
    }


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", default=FIXTURES, help="folder for the files")
    a = p.parse_args()
    transformers.logging.set_verbosity_error()
    os.makedirs(a.out, exist_ok=True)
    for name, settings in CASES.items():
        rows = describe(name, settings)
        rows["transformers"] = transformers.__version__
        body = ",\n".join(f" {json.dumps(k)}: {json.dumps(v)}" for k, v in rows.items())
        body = body.replace("], [\"", "],\n  [\"")
        with open(os.path.join(a.out, name + ".json"), "w") as f:
            f.write("{\n" + body + "\n}\n")
    print(f"{len(CASES)} cases in {a.out}")


if __name__ == "__main__":
    main()

"""Write what transformers builds for a table of configs: the tensors of the saved state dict and the rotary frequencies.

    shapes.py [--out DIR]

DIR is fixtures/shapes by default. For each case DIR/NAME.json holds the config.json as a user could have written it (defaults absent on purpose), the sorted
names and shapes that save_pretrained would write (a tied head left out), and the resolved sizes. Models are built without
memory for weights, so that sizes can be real ones.
"""

import argparse
import json
import os

import torch
import transformers

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FIXTURES = os.path.join(ROOT, "fixtures", "shapes")
TINY = {"vocab_size": 131, "hidden_size": 48, "intermediate_size": 112, "num_hidden_layers": 2, "num_attention_heads": 4}
LLAMA3 = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 64}
LINEAR = {"type": "linear", "factor": 4.0}

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
}


def describe(name, settings):
    given = {"model_type": name.split("-")[0], **settings}
    config = transformers.AutoConfig.for_model(**json.loads(json.dumps(given)))
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    tied = set(model.all_tied_weights_keys) if config.tie_word_embeddings else set()
    tensors = sorted([n, list(t.shape)] for n, t in model.state_dict().items() if n not in tied)
    rotary = type(model.model.rotary_emb)(config)  # with memory, on the processor
    window = [getattr(layer.self_attn, "sliding_window", None) for layer in model.model.layers]
    if given["model_type"] == "mistral":
        window = [config.sliding_window] * config.num_hidden_layers
    return {
        "config": given,
        "tensors": tensors,
        "params": sum(t.numel() for n, t in model.state_dict().items() if n not in tied),
        "windows": [w or 0 for w in window],
        "max_position_embeddings": config.max_position_embeddings,
        "rms_norm_eps": config.rms_norm_eps,
        "bos": config.bos_token_id,
        "eos": config.eos_token_id,
        "scaling": model.model.layers[0].self_attn.scaling,
        "inv_freq_f32": rotary.inv_freq.tolist(),
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

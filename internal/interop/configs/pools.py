"""Values that variants.py tries for keys of a config.json, and files that it puts beside the weights."""

# For keys of which nothing else is known: values that some key takes somewhere.
POOL = [True, False, None, 0, 1, 2, 4, 0.5, "x", "eager", "full_attention", "sliding_attention", [], [0], [1, 0], {},
        {"0": {"rms_norm_eps": 0.5, "sliding_window": 3}}]

FULL, SLIDING, CHUNKED = "full_attention", "sliding_attention", "chunked_attention"
ACTIVATIONS = ["silu", "swish", "gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "gelu_fast", "quick_gelu"]
IMPLEMENTATIONS = ["eager", "sdpa", "flash_attention_2", "flex_attention", "paged|eager", "paged|sdpa", "x"]
EXPERTS = ["eager", "grouped_mm", "batched_mm", "x"]

SCALINGS = [
    {"type": "linear", "factor": 2.0}, {"rope_type": "linear", "factor": 2.0}, {"rope_type": "linear", "factor": 1.0},
    {"rope_type": "dynamic", "factor": 2.0}, {"rope_type": "default"}, {"type": "default"}, {"rope_type": "axial"},
    {"rope_type": "proportional"}, {"rope_theta": 7.0}, {"rope_type": "default", "rope_theta": 7.0},
    {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
     "original_max_position_embeddings": 16},
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16},
]
BY_LAYER = [
    {FULL: {"rope_type": "default", "rope_theta": 7.0}, SLIDING: {"rope_type": "default", "rope_theta": 9.0}},
    {FULL: {"rope_type": "default", "rope_theta": 7.0}},
]

# Worth trying for a key, beside what is made from its present value and its default.
SPECIAL = {
    "attribute_map": [{"rms_norm_eps": "initializer_range"}, {"num_hidden_layers": "bos_token_id"},
                      {"layer_norm_epsilon": "initializer_range"}, {"layer_norm_eps": "initializer_range"}],
    "per_layer_config": [{"0": {"rms_norm_eps": 0.5}}, {"0": {"skip": ["mlp"]}}, {"1": {"sliding_window": 3}},
                         {"0": {}}],
    "layer_types": [[FULL] * 2, [FULL] * 3, [SLIDING] * 2, [SLIDING] * 3, [FULL, SLIDING], [SLIDING, FULL],
                    [SLIDING, FULL, SLIDING], [CHUNKED] * 2, [CHUNKED] * 3, ["linear_attention"] * 2,
                    ["attention"] * 2, ["attention"] * 3],
    "sliding_window": [1, 2, 3, 4, 5, 6, 8, 64],
    "attention_chunk_size": [1, 3, 4, 64],
    "cache_implementation": ["dynamic", "static", "hybrid", "sliding_window", "offloaded", "offloaded_static",
                             "quantized", "dynamic_full", "hybrid_chunked", "offloaded_hybrid", "mamba", "paged"],
    "cache_config": [{}, {"backend": "quanto", "nbits": 2}],
    "hidden_act": ACTIVATIONS, "hidden_activation": ACTIVATIONS, "activation_function": ACTIVATIONS,
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
    "rope_scaling": SCALINGS, "rope_parameters": SCALINGS + BY_LAYER,
    "_rope_type_labels": [[FULL], ["rope_theta"]],
    "pruned_heads": [{}, {"0": [0]}, {"1": [1]}],
    "problem_type": ["regression", "multi_label_classification"],
    "id2label": [{"0": "a"}, {"0": "a", "1": "b", "2": "c"}],
    "mlp_only_layers": [[], [0], [1], [0, 1], [7]],
    "_attn_implementation": IMPLEMENTATIONS, "attn_implementation": IMPLEMENTATIONS,
    "_attn_implementation_internal": IMPLEMENTATIONS,
    "_experts_implementation": EXPERTS, "experts_implementation": EXPERTS,
    "loss_type": ["ForCausalLM", "ForSequenceClassification", "x"],
    "kv_sharing_modes": [["reuse", "own"], ["reuse", "reuse"], [None, "reuse"], ["store", "reuse"]],
    "eos_token_id": [None, 5, [3, 4], -1, 100000], "bos_token_id": [None, 5, -1, 100000],
    "pad_token_id": [None, 0, 5, -1, 30, 100000],
    "partial_rotary_factor": [0.5, 1.0, 0.25], "rope_theta": [7.0, 100.0, 1000000.0, 10000],
    "rotary_pct": [0.5, 1.0], "rotary_emb_base": [7, 1000],
}

# Files beside the weights, and what is in them; "weights" stands for the weights of another model of the same sizes.
FILES = {
    "pytorch_model.bin": "x", "tf_model.h5": "x", "flax_model.msgpack": "x", "dtype": "float16", ".metadata": "x",
    "model.fp16.safetensors": "weights", "consolidated.safetensors": "weights", "other.safetensors": "weights",
    "model-00001-of-00001.safetensors": "weights", "adapter_model.safetensors": "weights",
    "shard-00001-model-00001-of-00001.safetensors": "weights",
    "model.safetensors.index.json": '{"metadata": {"dtype": "float16"}, "weight_map": {"a": "other.safetensors"}}',
    "params.json": '{"dim": 7}', "config.4.0.0.json": '{"rms_norm_eps": 0.5}', "config.yaml": "x: 1",
    "configuration.json": '{"rms_norm_eps": 0.5}', "kernel_config.json": "{}", "recipe.yaml": "x",
    "adapter_config.json": '{"peft_type": "LORA"}', "quantize_config.json": '{"bits": 4}',
    "quant_config.json": '{"bits": 4}', "hf_quant_config.json": '{"quantization": {}}', "tokenizer.json": "{}",
    "tokenizer_config.json": "{}", "vocab.json": "{}", "chat_template.jinja": "x", "chat_template.json": "{}",
    "modeling_x.py": "raise SystemExit", "__init__.py": "raise SystemExit", "README.md": "x", "plan.json": "{}",
    "custom_generate/generate.py": "raise SystemExit", "preprocessor_config.json": "{}", "proof.json": "{}",
}

# No model of interest is made by larger sizes, and a large one takes long.
LARGE = 4096
EXCEPT = (100000, 1000000)

package arch

import "slices"

// The families' own keys. What they call sizes and rotary settings Rules takes from their defaults.

var biasRule = KeyRule{Keys: []string{"attention_bias"}, Effect: Read, Why: "biases of q, k, v and o"}

// fullOnly lets a family without windows say that it has none.
var fullOnly = KeyRule{Keys: []string{"layer_types"}, Effect: Only, Values: []string{`["full_attention", ...]`},
	Why: "the family has no layer types, but the cache of generation, and in transformers 5 masks, go by them"}

var windowRule = KeyRule{Keys: []string{"sliding_window"}, Effect: Read, Why: "attention's window"}

// routerRule are keys of mixtures that only training reads.
var routerRule = KeyRule{Keys: []string{"router_aux_loss_coef", "router_jitter_noise"}, Effect: Training,
	Why: "loss and noise of the router", Takes: kinds(FloatKind)}

var routerOutputs = KeyRule{Keys: []string{"output_router_logits"}, Effect: Nothing,
	Why: "more outputs, and the router's part of the loss", Takes: kinds(BoolKind)}

var llamaOwn = []KeyRule{
	{Keys: []string{"attention_bias", "mlp_bias"}, Effect: Read, Why: "biases of q, k, v and o, and of the MLP"},
	fullOnly,
}

var mistralOwn = []KeyRule{
	windowRule,
	{
		Keys:   []string{"layer_types"},
		Effect: Read,
		Why:    "must say the one window; transformers then takes the model for a ministral",
	},
}

var qwenWindowsRule = KeyRule{
	Keys:   []string{"use_sliding_window", "sliding_window", "max_window_layers", "layer_types"},
	Effect: Read,
	Why:    "attention's windows, layer by layer",
}

var qwen2Own = []KeyRule{qwenWindowsRule}

var qwen3Own = []KeyRule{biasRule, qwenWindowsRule}

var qwen3MoEOwn = []KeyRule{
	biasRule,
	{Keys: []string{"use_sliding_window", "sliding_window"}, Effect: Read, Why: "attention's window"},
	{Keys: []string{"max_window_layers"}, Effect: Nothing, Why: "one window holds for all layers"},
	{
		Keys:   []string{localExperts, allExperts, perToken, expertSize, "norm_topk_prob", sparseStep, mlpOnly},
		Effect: Read,
		Why:    "the experts, and which layers have them",
	},
	routerRule, routerOutputs,
}

var gemmaBoth = []KeyRule{
	biasRule,
	{Keys: []string{"use_bidirectional_attention"}, Effect: Only, Values: []string{"false"}, Unreadable: true,
		Why: "tokens see those after them"},
}

var gemmaOwn = append(
	slices.Clone(gemmaBoth),
	fullOnly,
	KeyRule{
		Keys:   []string{"hidden_activation"},
		Effect: Read,
		Why:    "activation of the MLP, where transformers 4 looks first",
	},
)

var gemma23Own = append(slices.Clone(gemmaBoth),
	KeyRule{Keys: []string{preAttn}, Effect: Read, Why: "scale of attention's scores"},
	KeyRule{Keys: []string{finalCap}, Effect: Read, Why: "cap of the logits"},
	KeyRule{Keys: []string{"sliding_window", "layer_types"}, Effect: Read, Why: "attention's windows, layer by layer"},
	KeyRule{Keys: []string{"hidden_act"}, Effect: Nothing, Why: "hidden_activation is read in its place"},
)

var gemma2Own = append(slices.Clone(gemma23Own),
	KeyRule{Keys: []string{attnCap}, Effect: Read,
		Why: `cap of attention's scores; transformers 4 passes over it unless it is told attn_implementation="eager"`})

var gemma3Own = append(
	slices.Clone(gemma23Own),
	KeyRule{Keys: []string{attnCap}, Effect: Read, Why: "must be null: transformers reads it and does nothing with it"},
	KeyRule{
		Keys:   []string{"sliding_window_pattern"},
		Effect: Read,
		Why:    "attention's windows where layer_types is not there",
	},
	KeyRule{
		Keys:   []string{"_sliding_window_pattern"},
		Effect: Nothing,
		Why:    "what transformers notes of sliding_window_pattern",
	},
)

const otherHead = "of a model with another head"

var gpt2Own = []KeyRule{
	{Keys: []string{"hidden_size", "num_hidden_layers", "num_attention_heads", "max_position_embeddings"}, Effect: Read,
		Why: "other names of sizes"},
	{Keys: []string{"scale_attn_weights", "scale_attn_by_inverse_layer_idx", "reorder_and_upcast_attn",
		"add_cross_attention"}, Effect: Read, Why: "must be as published models have it"},
	{Keys: []string{"n_ctx"}, Effect: Nothing, Why: "an older name of n_positions that nothing reads any more"},
	{Keys: []string{"summary_type"}, Effect: Nothing, Why: otherHead, Takes: kinds(StringKind)},
	{Keys: []string{"summary_activation"}, Effect: Nothing, Why: otherHead, Takes: kinds(StringKind, NullKind)},
	{Keys: []string{"summary_use_proj", "summary_proj_to_labels"}, Effect: Nothing, Why: otherHead,
		Takes: kinds(BoolKind)},
	{Keys: []string{"summary_first_dropout", "summary_last_dropout"}, Effect: Nothing, Why: otherHead,
		Takes: kinds(FloatKind, IntegerKind), Range: &[2]float64{0, 1}},
	fullOnly,
}

var neoxOwn = []KeyRule{
	{Keys: []string{"use_parallel_residual"}, Effect: Read, Why: "attention and MLP side by side"},
	{Keys: []string{"attention_bias"}, Effect: Read, Why: "biases of q, k, v and o"},
	{Keys: []string{"head_dim"}, Effect: Read, Why: "must be hidden_size / num_attention_heads"},
	fullOnly,
}

var olmo2Own = []KeyRule{biasRule, fullOnly}

var phi3Own = []KeyRule{windowRule}

var mixtralOwn = []KeyRule{
	windowRule,
	{Keys: []string{localExperts, allExperts, perToken}, Effect: Read, Why: "the experts"},
	routerRule, routerOutputs,
}

package arch

// commonRules are of keys that configs of all architectures have or that transformers asks of every config. A
// family's own rules go before them. Which keys there are, and that those of no effect have none, `make interop`
// finds out with transformers 4 and 5.
var commonRules = []KeyRule{
	{Keys: []string{"model_type", "architectures"}, Effect: Read, Why: "the architecture"},
	{Keys: []string{"vocab_size"}, Effect: Read, Why: "a size"},
	{Keys: []string{"tie_word_embeddings"}, Effect: Read, Why: "whether the head is the embedding"},
	{Keys: []string{"dtype", "torch_dtype"}, Effect: Read, Why: "the type in which loaders hold the weights"},
	{Keys: []string{"transformers_weights"}, Effect: Read, Why: "the file of the weights"},
	{Keys: []string{"is_causal"}, Effect: Only, Values: []string{"true"}, NotNull: true, Unreadable: true,
		Why: "transformers 5 lets every token see those after it"},

	{Keys: []string{"attribute_map"}, Effect: Only, Unreadable: true, Values: []string{"{}"}, NotNull: true,
		Why: "transformers reads other keys in place of those that it names"},
	{Keys: []string{"configuration_files"}, Effect: Only, Unreadable: true, Values: []string{"[]", `["config.json"]`},
		NotNull: true, Why: "transformers reads another file in place of config.json"},
	{Keys: []string{"per_layer_config", "_heterogeneity_spec"}, Effect: Only, Unreadable: true,
		Why: "transformers 5 gives layers settings of their own"},
	{Keys: []string{"quantization_config"}, Effect: Only, Unreadable: true, Why: "the weights are quantised"},
	{Keys: []string{"text_config", "decoder", "generator", "encoder", "text_encoder", "audio_encoder", "vision_config"},
		Effect: Only, Unreadable: true,
		Why: "transformers takes a nested config for the language model's, its tie_word_embeddings and windows among it"},
	{Keys: []string{"auto_map"}, Effect: Alike, Takes: kinds(ObjectKind, NullKind),
		Why: "code of the checkpoint's own, which runs in place of the library's where trust_remote_code is asked for"},

	{Keys: []string{"sliding_window", "attention_chunk_size"}, Effect: Only,
		Why: "the family has no windows, but the cache of generation keeps no more tokens than that"},
	{Keys: []string{"layer_types"}, Effect: Only,
		Why: "the family has no layer types, but the cache of generation, and in transformers 5 masks, go by them"},
	{Keys: []string{"kv_sharing_modes", "num_kv_shared_layers"}, Effect: Only,
		Why: "the cache of generation keeps nothing for some layers"},
	{Keys: []string{"_rope_type_labels", "fusion_config", "distributed_config"}, Effect: Only,
		Why: "transformers 5 builds other modules by it"},
	{Keys: []string{"pruned_heads"}, Effect: Only, Values: []string{"{}"}, Why: "transformers 4 leaves heads out"},
	{Keys: []string{"is_encoder_decoder", "add_cross_attention", "tie_encoder_decoder", "torchscript", "is_decoder",
		"output_attentions"}, Effect: Only, Values: []string{"false"},
		Why: "the model is no plain decoder then, or gives its outputs otherwise"},
	{Keys: []string{"return_dict"}, Effect: Only, Values: []string{"true"}, Why: "outputs have no names then"},

	{Keys: []string{"attn_implementation", "_attn_implementation", "_attn_implementation_internal",
		"experts_implementation", "_experts_implementation", "_experts_implementation_internal"}, Effect: Alike,
		Why: "which code runs attention and experts: all round otherwise, and not all cap attention's scores"},

	{Keys: []string{"initializer_range"}, Effect: Training, Why: "spread of fresh weights", Takes: kinds(FloatKind)},
	{Keys: []string{"attention_dropout", "hidden_dropout", "resid_pdrop", "embd_pdrop", "attn_pdrop",
		"classifier_dropout"}, Effect: Training, Why: "dropout", Takes: kinds(FloatKind, IntegerKind)},
	{
		Keys:   []string{"gradient_checkpointing", "loss_type"},
		Effect: Training,
		Why:    "how gradients and losses are computed",
	},

	{Keys: []string{"bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id"}, Effect: Generation,
		Why: "what texts begin, end and are padded with", Takes: kinds(IntegerKind, NullKind, ListKind)},
	{
		Keys:   generationKeys,
		Effect: Generation,
		Why:    "a setting of generate(), which a generation_config.json overrules",
	},
	{Keys: []string{"cache_implementation"}, Effect: Only,
		Values: []string{`"dynamic"`, `"static"`, `"hybrid"`}, Why: "a cache of generation that may keep less"},
	{Keys: []string{"use_cache"}, Effect: Generation, Why: "whether keys and values are kept while generating",
		Takes: kinds(BoolKind)},

	{Keys: []string{"_name_or_path", "name_or_path", "_commit_hash", "transformers_version", "finetuning_task",
		"task_specific_params", "tokenizer_class", "prefix"}, Effect: Nothing, Why: "where the checkpoint comes from"},
	{Keys: []string{"id2label", "label2id", "num_labels", "problem_type"}, Effect: Nothing,
		Why: "of classifiers, which have another head"},
	{Keys: []string{"pretraining_tp", "chunk_size_feed_forward"}, Effect: Nothing,
		Why: "a way to compute the same that none of these architectures takes", Takes: kinds(IntegerKind)},
	{Keys: []string{"output_hidden_states"}, Effect: Nothing, Why: "more outputs", Takes: kinds(BoolKind, NullKind)},
	{Keys: []string{"_attn_implementation_autoset", "use_bfloat16", "tf_legacy_loss", `"transformers.js_config"`},
		Effect: Nothing, Why: "nothing in transformers 4.57 or 5 reads it"},
}

// generationKeys are the settings of generate() that transformers 4 takes from a config.json.
var generationKeys = []string{
	"max_length", "min_length", "do_sample", "early_stopping", "num_beams", "num_beam_groups", "diversity_penalty",
	"temperature", "top_k", "top_p", "typical_p", "repetition_penalty", "length_penalty", "no_repeat_ngram_size",
	"encoder_no_repeat_ngram_size", "bad_words_ids", "num_return_sequences", "output_scores", "return_dict_in_generate",
	"forced_bos_token_id", "forced_eos_token_id", "remove_invalid_values", "exponential_decay_length_penalty",
	"suppress_tokens", "begin_suppress_tokens", "decoder_start_token_id",
}

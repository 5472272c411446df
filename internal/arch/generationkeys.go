package arch

// GenerationFile is the name of the file with the settings of generation.
const GenerationFile = "generation_config.json"

// generationRules are of the keys of generation_config.json. What generate() chooses, where it stops and what it gives
// back may differ between checkpoints of one function; what it keeps of the tokens before may not.
var generationRules = newRuleSet([]KeyRule{
	{Keys: []string{"max_length", "max_new_tokens", "min_length", "min_new_tokens", "max_time",
		"stop_strings"}, Effect: Generation, Why: "where texts end"},
	{Keys: []string{"do_sample", "num_beams", "num_beam_groups", "penalty_alpha", "dola_layers", "low_memory",
		"constraints", "force_words_ids", "temperature", "top_k", "top_p", "min_p", "top_h", "typical_p",
		"epsilon_cutoff", "eta_cutoff", "diversity_penalty", "repetition_penalty", "encoder_repetition_penalty",
		"length_penalty", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "bad_words_ids", "renormalize_logits",
		"forced_bos_token_id", "forced_eos_token_id", "remove_invalid_values", "exponential_decay_length_penalty",
		"suppress_tokens", "begin_suppress_tokens", "sequence_bias", "token_healing", "guidance_scale",
		"watermarking_config"}, Effect: Generation, Why: "which token comes next"},
	{Keys: []string{"early_stopping"}, Effect: Generation, Why: "where texts end", Takes: kinds(BoolKind)},
	{Keys: []string{"compile_config", "assistant_ensemble_weight"}, Effect: Only, Why: unloadable},
	{Keys: []string{"num_return_sequences", "output_attentions", "output_hidden_states", "output_scores",
		"output_logits", "return_dict_in_generate", "return_legacy_cache"}, Effect: Generation,
		Why: "what generate() gives back"},
	{Keys: []string{"pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"}, Effect: Generation,
		Why: "what texts begin, end and are padded with"},
	{Keys: []string{"is_assistant", "num_assistant_tokens", "num_assistant_tokens_schedule",
		"assistant_confidence_threshold", "prompt_lookup_num_tokens", "max_matching_ngram_size", "assistant_early_exit",
		"assistant_lookbehind", "target_lookbehind", "speculation_type", "use_mtp"},
		Effect: Generation, Why: "how tokens are guessed ahead"},
	{Keys: []string{"use_cache", "disable_compile", "max_cache_len", "prefill_chunk_size"},
		Effect: Generation, Why: "how the same is computed"},
	{Keys: []string{"cache_implementation"}, Effect: Only, Values: []string{`"dynamic"`, `"static"`, `"hybrid"`},
		Why: "a cache that may keep less, or less exactly"},
	{Keys: []string{"cache_config", "continuous_batching_config"}, Effect: Only, Values: []string{"{}"},
		Why: "a cache that may keep less, or less exactly"},
	{Keys: []string{"_from_model_config"}, Effect: Generation, Why: "whether config.json's settings hold"},
	{Keys: []string{"transformers_version", "_commit_hash", "_name_or_path"}, Effect: Nothing,
		Why: "where the file comes from"},
})

// GenerationRules lists what is known of the keys of generation_config.json.
func GenerationRules() []KeyRule { return generationRules.list }

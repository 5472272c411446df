package arch

// classNames are the names of the config class's own methods and attributes in transformers 4 and 5. A key of a
// config.json with such a name takes their place. So does one that Python has for every object: see ruleSet.of.
var classNames = KeyRule{Effect: Only, NotNull: true, Why: "it takes the place of a part of the library's config class",
	Keys: []string{
		"_attn_was_changed", "_auto_class", "_check_received_keys", "_create_id_label_maps", "_create_repo",
		"_decode_special_floats", "_dict_from_json_file", "_encode_special_floats", "_get_config_dict",
		"_get_files_timestamps", "_get_generation_parameters", "_get_global_generation_defaults",
		"_get_non_default_generation_parameters", "_getattr_without_heterogeneous_validation",
		"_hasattr_without_heterogeneous_validation", "_is_quantized",
		"_iter_config_keys_with_heterogeneous_adjustment", "_original_object_hash", "_output_attentions",
		"_post_init_done", "_pre_quantization_dtype", "_remove_keys_not_serialized", "_rope_scaling_adjustment",
		"_rope_scaling_validation", "_set_token_in_kwargs", "_update_heterogeneous_to_dict_output",
		"_upload_modified_files", "_validate_axial_rope_parameters", "_validate_default_rope_parameters",
		"_validate_dynamic_rope_parameters", "_validate_linear_rope_parameters", "_validate_llama3_rope_parameters",
		"_validate_longrope_rope_parameters", "_validate_proportional_rope_parameters",
		"_validate_yarn_rope_parameters", "allow_global_per_layer_attribute_access", "base_config_key",
		"base_model_ep_plan", "base_model_fsdp_plan", "base_model_pp_plan", "base_model_tp_plan",
		"convert_rope_params_to_dict", "default_config_fields", "default_rope_type", "default_theta",
		"dict_dtype_to_str", "extra_config_files", "extra_files", "from_dict", "from_json_file", "from_pretrained",
		"from_text_audio_configs", "from_text_vision_configs", "get_config_dict", "get_mtp_config", "get_text_config",
		"has_no_defaults_at_init", "ignore_keys_at_rope_validation", "is_custom_code", "is_heterogeneous",
		"is_remote_code", "keys_to_ignore_at_inference", "nested_rope_parameter_keys", "per_layer_attributes",
		"push_to_hub", "register_for_auto_class", "save_pretrained", "serialize_explicit_per_layer_config",
		"standardize_rope_params", "sub_configs", "sub_configs_defaults", "to_dict", "to_diff_dict", "to_json_file",
		"to_json_string", "update", "update_from_string", "use_return_dict", "validate", "validate_architecture",
		"validate_layer_type", "validate_output_attentions", "validate_rope", "validate_token_ids",
	}}

// foreignKeys are what transformers asks of configs for the sake of other architectures.
var foreignKeys = KeyRule{Effect: Alike, Why: "of other architectures, but the library's shared code asks for it",
	Keys: []string{
		"alibi", "audio_vocab_size", "block_size", "cache_size_limit", "chain_hidden_post_norm",
		"cross_attention_hidden_size", "features_only", "first_k_dense_replace", "from_model_config",
		"get_loading_attributes", "init_std", "initializer_factor", "logits_mup_width_multiplier", "mask_token_id",
		"mlp_layer_types", "mtp_hidden_states_first", "mtp_layer_types", "mtp_mlp_layer_types",
		"mtp_per_layer_config", "num_channels", "num_mtp_layers", "number_of_conv_states", "out_indices",
		"output_vocab_size", "qk_head_dim", "skip", "target_layer_ids", "tie_last_hidden_states",
		"token_classification_bias", "unpadded_vocab_size", "use_alibi", "use_pretrained_backbone", "head_dim",
		"image_token_id", "mm_tokens_per_image", "num_key_value_heads", "num_local_experts",
		"original_max_position_embeddings", "partial_rotary_factor", "rms_norm_eps", "rope_parameters",
		"rope_scaling", "rope_theta",
	}}

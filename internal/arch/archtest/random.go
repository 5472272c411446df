// Package archtest makes small random checkpoints for tests.
package archtest

import (
	"math"
	"math/rand/v2"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/tensor"
)

// Random gives a checkpoint for a config.json whose weights are far from their initialisation, so that any wrong path
// through them shows: gains around 1, biases and matrices large enough to matter.
func Random(seed uint64, config string, dtype tensor.DType) (*format.Memory, error) {
	cfg, err := arch.ParseConfig([]byte(config))
	if err != nil {
		return nil, err
	}
	m, err := arch.Resolve(cfg)
	if err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	src := format.FromTensors(nil, map[string]string{"format": "pt"}, map[string][]byte{"config.json": []byte(config)})
	for _, s := range m.Layout() {
		info := tensor.Info{Name: s.Name, DType: dtype, Shape: s.Shape}
		data := make([]byte, info.Size())
		tensor.Encode(data, values(rng, m, s.Spec, info), dtype)
		src.AddBytes(info, data)
	}
	return src, nil
}

func values(rng *rand.Rand, m *arch.Model, t *arch.TensorSpec, info tensor.Info) []float64 {
	n, err := info.Elems()
	if err != nil {
		panic(err) // Resolve bounds the sizes
	}
	out := make([]float64, n)
	mean, spread := moments(m, t, info.Shape)
	for i := range out {
		out[i] = mean + spread*rng.NormFloat64()
	}
	return out
}

// moments are the mean and the deviation of a tensor's values: effective gains around 1, products of unit size.
func moments(m *arch.Model, t *arch.TensorSpec, shape []int) (mean, spread float64) {
	if t.Dims[0].Use == arch.Scales {
		return 1 - m.GainOffset, 0.3
	}
	if t.Dims[0].Use == arch.Shifts || t.Role.IsBias() {
		return 0, 0.3
	}
	switch t.Role {
	case arch.Embed:
		return 0, 1 / m.EmbedScale
	case arch.PosTable:
		return 0, 0.7
	}
	in := shape[len(shape)-1]
	for i, d := range t.Dims {
		if d.Use == arch.Reads {
			in = shape[i]
		}
	}
	return 0, 1.5 / math.Sqrt(float64(in))
}

// Configs are small models of every architecture: grouped queries, tied and untied, biases, norms of q and k, windows
// shorter than the sequences of most tests, experts, both spellings of the rotary settings.
var Configs = map[string]string{
	"llama": `{"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_size":12,"num_hidden_layers":2,
 "num_attention_heads":6,
 "num_key_value_heads":2,"head_dim":4,"intermediate_size":20,"vocab_size":31,"rms_norm_eps":0.001,"rope_theta":10000.0,
 "max_position_embeddings":64,"tie_word_embeddings":false,"hidden_act":"silu"}`,
	"llama-tied-bias": `{"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_size":12,
 "num_hidden_layers":3,"num_attention_heads":3,
 "num_key_value_heads":3,"head_dim":4,"intermediate_size":18,"vocab_size":29,"rms_norm_eps":0.01,"rope_theta":10000.0,
 "attention_bias":true,"mlp_bias":true,"max_position_embeddings":64,"tie_word_embeddings":true,"hidden_act":"silu"}`,
	"mistral": `{"architectures":["MistralForCausalLM"],"model_type":"mistral","hidden_size":12,"num_hidden_layers":2,
 "num_attention_heads":4,
 "num_key_value_heads":2,"head_dim":6,"intermediate_size":20,"vocab_size":31,"rms_norm_eps":0.001,"sliding_window":5,
 "rope_parameters":{"rope_type":"default","rope_theta":5000.0},"max_position_embeddings":64,
 "tie_word_embeddings":false,"hidden_act":"silu"}`,
	"qwen2": `{"architectures":["Qwen2ForCausalLM"],"model_type":"qwen2","hidden_size":16,"num_hidden_layers":2,
 "num_attention_heads":4,
 "num_key_value_heads":2,"intermediate_size":22,"vocab_size":31,"rms_norm_eps":0.001,"rope_theta":10000.0,
 "use_sliding_window":true,
 "sliding_window":4,"max_window_layers":1,"max_position_embeddings":64,"tie_word_embeddings":true,"hidden_act":"silu"}`,
	"qwen3": `{"architectures":["Qwen3ForCausalLM"],"model_type":"qwen3","hidden_size":12,"num_hidden_layers":2,
 "num_attention_heads":4,
 "num_key_value_heads":2,"head_dim":8,"intermediate_size":20,"vocab_size":31,"rms_norm_eps":0.001,"rope_theta":10000.0,
 "attention_bias":true,"max_position_embeddings":64,"tie_word_embeddings":false,"hidden_act":"silu"}`,
	"gemma": `{"architectures":["GemmaForCausalLM"],"model_type":"gemma","hidden_size":12,"num_hidden_layers":2,
 "num_attention_heads":4,
 "num_key_value_heads":2,"head_dim":6,"intermediate_size":20,"vocab_size":31,"rms_norm_eps":0.001,"rope_theta":10000.0,
 "max_position_embeddings":64,"hidden_act":"gelu_pytorch_tanh"}`,
	"gemma-untied": `{"architectures":["GemmaForCausalLM"],"model_type":"gemma","hidden_size":16,"num_hidden_layers":2,
 "num_attention_heads":3,
 "num_key_value_heads":1,"head_dim":4,"intermediate_size":18,"vocab_size":29,"rms_norm_eps":0.01,"rope_theta":5000.0,
 "attention_bias":true,"max_position_embeddings":64,"tie_word_embeddings":false,"hidden_act":"gelu_pytorch_tanh"}`,
	"gemma2": `{"architectures":["Gemma2ForCausalLM"],"model_type":"gemma2","hidden_size":12,"num_hidden_layers":3,
 "num_attention_heads":4,
 "num_key_value_heads":2,"head_dim":8,"intermediate_size":20,"vocab_size":31,"rms_norm_eps":0.001,
 "rope_theta":10000.0,"sliding_window":4,
 "query_pre_attn_scalar":6,"attn_logit_softcapping":5.0,"final_logit_softcapping":8.0,"max_position_embeddings":64}`,
	"gemma3": `{"architectures":["Gemma3ForCausalLM"],"model_type":"gemma3_text","hidden_size":12,"num_hidden_layers":3,
 "num_attention_heads":4,
 "num_key_value_heads":2,"head_dim":8,"intermediate_size":20,"vocab_size":31,"rms_norm_eps":0.001,"sliding_window":5,
 "sliding_window_pattern":2,
 "rope_parameters":{"full_attention":{"rope_type":"linear","factor":2.0,"rope_theta":100000.0},
 "sliding_attention":{"rope_type":"default","rope_theta":1000.0}},
 "query_pre_attn_scalar":7,"max_position_embeddings":64}`,
	"gemma3-untied": `{"architectures":["Gemma3ForCausalLM"],"model_type":"gemma3_text","hidden_size":16,
 "num_hidden_layers":2,"num_attention_heads":2,
 "num_key_value_heads":1,"head_dim":6,"intermediate_size":18,"vocab_size":29,"rms_norm_eps":0.01,"sliding_window":6,
 "layer_types":["full_attention","sliding_attention"],"rope_theta":50000.0,"rope_local_base_freq":500.0,
 "final_logit_softcapping":6.0,
 "query_pre_attn_scalar":6,"max_position_embeddings":64,"tie_word_embeddings":false}`,
	"gpt2": `{"architectures":["GPT2LMHeadModel"],"model_type":"gpt2","n_embd":12,"n_layer":2,"n_head":3,
 "n_positions":40,"n_inner":null,
 "vocab_size":31,"layer_norm_epsilon":0.001,"activation_function":"gelu_new","bos_token_id":1,"eos_token_id":2}`,
	"gpt2-untied": `{"architectures":["GPT2LMHeadModel"],"model_type":"gpt2","n_embd":16,"n_layer":3,"n_head":2,
 "n_positions":40,"n_inner":22,
 "vocab_size":29,"layer_norm_epsilon":0.01,"activation_function":"gelu_new","tie_word_embeddings":false,
 "bos_token_id":1,"eos_token_id":2}`,
	"gpt_neox": `{"architectures":["GPTNeoXForCausalLM"],"model_type":"gpt_neox","hidden_size":24,"num_hidden_layers":2,
 "num_attention_heads":3,
 "intermediate_size":20,"vocab_size":31,"layer_norm_eps":0.001,"rotary_pct":0.5,"rotary_emb_base":1000,
 "max_position_embeddings":64,"hidden_act":"gelu"}`,
	"gpt_neox-serial": `{"architectures":["GPTNeoXForCausalLM"],"model_type":"gpt_neox","hidden_size":16,
 "num_hidden_layers":2,"num_attention_heads":2,
 "intermediate_size":22,"vocab_size":29,"layer_norm_eps":0.01,"rotary_pct":0.25,"use_parallel_residual":false,
 "attention_bias":false,
 "max_position_embeddings":64,"tie_word_embeddings":true,"hidden_act":"gelu"}`,
	"olmo2": `{"architectures":["Olmo2ForCausalLM"],"model_type":"olmo2","hidden_size":16,"num_hidden_layers":2,
 "num_attention_heads":4,
 "num_key_value_heads":2,"intermediate_size":20,"vocab_size":31,"rms_norm_eps":0.001,"rope_theta":10000.0,
 "max_position_embeddings":64}`,
	"olmo2-tied": `{"architectures":["Olmo2ForCausalLM"],"model_type":"olmo2","hidden_size":12,"num_hidden_layers":2,
 "num_attention_heads":3,
 "num_key_value_heads":3,"head_dim":6,"intermediate_size":18,"vocab_size":29,"rms_norm_eps":0.01,"rope_theta":10000.0,
 "attention_bias":true,
 "max_position_embeddings":64,"tie_word_embeddings":true}`,
	"phi3": `{"architectures":["Phi3ForCausalLM"],"model_type":"phi3","hidden_size":16,"num_hidden_layers":2,
 "num_attention_heads":4,
 "num_key_value_heads":2,"intermediate_size":20,"vocab_size":31,"rms_norm_eps":0.001,"rope_theta":10000.0,
 "partial_rotary_factor":0.5,
 "sliding_window":6,"max_position_embeddings":64,"pad_token_id":0,"eos_token_id":2}`,
	"phi3-longrope": `{"architectures":["Phi3ForCausalLM"],"model_type":"phi3","hidden_size":12,"num_hidden_layers":2,
 "num_attention_heads":2,
 "num_key_value_heads":1,"intermediate_size":18,"vocab_size":29,"rms_norm_eps":0.01,"rope_theta":10000.0,
 "max_position_embeddings":256,
 "original_max_position_embeddings":32,"rope_scaling":{"type":"longrope","short_factor":[1.0,1.5,2.0],
 "long_factor":[2.0,4.0,8.0]},
 "tie_word_embeddings":true,"pad_token_id":0,"eos_token_id":2}`,
	"mixtral": `{"architectures":["MixtralForCausalLM"],"model_type":"mixtral","hidden_size":12,"num_hidden_layers":2,
 "num_attention_heads":4,
 "num_key_value_heads":2,"head_dim":6,"intermediate_size":10,"num_local_experts":4,"num_experts_per_tok":2,
 "vocab_size":31,"rms_norm_eps":0.001,
 "rope_theta":10000.0,"sliding_window":7,"max_position_embeddings":64}`,
	"mixtral-tied": `{"architectures":["MixtralForCausalLM"],"model_type":"mixtral","hidden_size":16,
 "num_hidden_layers":2,"num_attention_heads":4,
 "num_key_value_heads":4,"intermediate_size":8,"num_local_experts":3,"num_experts_per_tok":1,"vocab_size":29,
 "rms_norm_eps":0.01,
 "max_position_embeddings":64,"tie_word_embeddings":true}`,
	"qwen3_moe": `{"architectures":["Qwen3MoeForCausalLM"],"model_type":"qwen3_moe","hidden_size":12,
 "num_hidden_layers":3,"num_attention_heads":4,
 "num_key_value_heads":2,"head_dim":8,"intermediate_size":20,"moe_intermediate_size":10,"num_experts":5,
 "num_experts_per_tok":2,"norm_topk_prob":true,
 "mlp_only_layers":[1],"vocab_size":31,"rms_norm_eps":0.001,"rope_theta":10000.0,"max_position_embeddings":64}`,
	"qwen3_moe-loose": `{"architectures":["Qwen3MoeForCausalLM"],"model_type":"qwen3_moe","hidden_size":16,
 "num_hidden_layers":2,"num_attention_heads":2,
 "num_key_value_heads":1,"head_dim":6,"intermediate_size":18,"moe_intermediate_size":8,"num_local_experts":4,
 "num_experts_per_tok":3,"norm_topk_prob":false,
 "attention_bias":true,"use_sliding_window":true,"sliding_window":5,"vocab_size":29,"rms_norm_eps":0.01,
 "max_position_embeddings":64,
 "tie_word_embeddings":true}`,
	"llama-yarn": `{"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_size":16,"num_hidden_layers":2,
 "num_attention_heads":2,
 "num_key_value_heads":1,"intermediate_size":20,"vocab_size":31,"rms_norm_eps":0.001,"max_position_embeddings":256,
 "rope_parameters":{"rope_type":"yarn","rope_theta":10000.0,"factor":4.0,"original_max_position_embeddings":64}}`,
}

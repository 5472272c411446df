// Package archtest makes small random checkpoints for tests.
package archtest

import (
	"math"
	"math/rand/v2"
	"strings"

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
		tensor.Encode(data, values(rng, s.Spec, info), dtype)
		src.AddBytes(info, data)
	}
	return src, nil
}

func values(rng *rand.Rand, t *arch.TensorSpec, info tensor.Info) []float64 {
	n, err := info.Elems()
	if err != nil {
		panic(err) // Resolve bounds the sizes
	}
	out := make([]float64, n)
	last := info.Shape[len(info.Shape)-1]
	for i := range out {
		z := rng.NormFloat64()
		switch {
		case t.Dims[0].Use == arch.Scales:
			out[i] = 1 + 0.3*z
		case strings.HasSuffix(string(t.Role), ".bias"):
			out[i] = 0.3 * z
		case t.Dims[0].Use == arch.Looks:
			out[i] = z
		default:
			out[i] = 1.5 * z / math.Sqrt(float64(last))
		}
	}
	return out
}

// Configs are small models of every architecture: grouped queries, tied and untied, biases, norms of q and k, windows,
// both spellings of the rotary settings.
var Configs = map[string]string{
	"llama": `{"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_size":12,"num_hidden_layers":2,"num_attention_heads":6,
 "num_key_value_heads":2,"head_dim":4,"intermediate_size":20,"vocab_size":31,"rms_norm_eps":0.001,"rope_theta":10000.0,
 "max_position_embeddings":64,"tie_word_embeddings":false,"hidden_act":"silu"}`,
	"llama-tied-bias": `{"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_size":12,"num_hidden_layers":3,"num_attention_heads":3,
 "num_key_value_heads":3,"head_dim":4,"intermediate_size":18,"vocab_size":29,"rms_norm_eps":0.01,"rope_theta":10000.0,
 "attention_bias":true,"mlp_bias":true,"max_position_embeddings":64,"tie_word_embeddings":true,"hidden_act":"silu"}`,
	"mistral": `{"architectures":["MistralForCausalLM"],"model_type":"mistral","hidden_size":12,"num_hidden_layers":2,"num_attention_heads":4,
 "num_key_value_heads":2,"head_dim":6,"intermediate_size":20,"vocab_size":31,"rms_norm_eps":0.001,"sliding_window":5,
 "rope_parameters":{"rope_type":"default","rope_theta":5000.0},"max_position_embeddings":64,"tie_word_embeddings":false,"hidden_act":"silu"}`,
	"qwen2": `{"architectures":["Qwen2ForCausalLM"],"model_type":"qwen2","hidden_size":16,"num_hidden_layers":2,"num_attention_heads":4,
 "num_key_value_heads":2,"intermediate_size":22,"vocab_size":31,"rms_norm_eps":0.001,"rope_theta":10000.0,"use_sliding_window":true,
 "sliding_window":4,"max_window_layers":1,"max_position_embeddings":64,"tie_word_embeddings":true,"hidden_act":"silu"}`,
	"qwen3": `{"architectures":["Qwen3ForCausalLM"],"model_type":"qwen3","hidden_size":12,"num_hidden_layers":2,"num_attention_heads":4,
 "num_key_value_heads":2,"head_dim":8,"intermediate_size":20,"vocab_size":31,"rms_norm_eps":0.001,"rope_theta":10000.0,
 "attention_bias":true,"max_position_embeddings":64,"tie_word_embeddings":false,"hidden_act":"silu"}`,
}

package decoder_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"famkit/internal/arch"
	"famkit/internal/decoder"
	"famkit/internal/engine"
	"famkit/internal/engine/ref"
	"famkit/internal/tensor"
)

// tiny are models small enough to differentiate numerically by every weight. Together they have all biases, norms of
// q and k, tied and untied heads, groups, head sizes apart from hidden/heads, windows in all and in some layers,
// rotary scaling.
var tiny = map[string]string{
	"llama, all biases, groups": `"model_type": "llama", "num_attention_heads": 4, "num_key_value_heads": 2, "attention_bias": true, "mlp_bias": true,
		"rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8}`,
	"llama, tied, one kv head": `"model_type": "llama", "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 6, "tie_word_embeddings": true, "hidden_act": "gelu"`,
	"mistral, window":          `"model_type": "mistral", "num_attention_heads": 2, "num_key_value_heads": 2, "sliding_window": 3`,
	"qwen2, window in one layer": `"model_type": "qwen2", "num_attention_heads": 4, "num_key_value_heads": 2, "use_sliding_window": true, "sliding_window": 2,
		"max_window_layers": 1, "hidden_act": "gelu_pytorch_tanh"`,
	"gemma": `"model_type": "gemma", "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 4`,
	"gemma2, caps, windows": `"model_type": "gemma2", "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 4, "query_pre_attn_scalar": 6,
		"attn_logit_softcapping": 2.0, "final_logit_softcapping": 3.0, "sliding_window": 3`,
	"gemma3, two rotary bases": `"model_type": "gemma3_text", "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4, "sliding_window": 3,
		"layer_types": ["sliding_attention", "full_attention"], "rope_theta": 1000000.0, "rope_local_base_freq": 100.0`,
	"gpt2":                 `"model_type": "gpt2", "n_embd": 8, "n_head": 2, "n_layer": 2, "n_positions": 32, "n_inner": 6, "layer_norm_epsilon": 1e-3`,
	"gpt_neox, parallel":   `"model_type": "gpt_neox", "num_attention_heads": 2, "rotary_pct": 0.5, "layer_norm_eps": 1e-3`,
	"gpt_neox, one by one": `"model_type": "gpt_neox", "num_attention_heads": 2, "rotary_pct": 1.0, "use_parallel_residual": false, "layer_norm_eps": 1e-3`,
	"olmo2, norms after":   `"model_type": "olmo2", "num_attention_heads": 4, "num_key_value_heads": 2`,
	"phi3, fused, partial": `"model_type": "phi3", "num_attention_heads": 2, "num_key_value_heads": 1, "partial_rotary_factor": 0.5`,
	"mixtral":              `"model_type": "mixtral", "num_attention_heads": 2, "num_key_value_heads": 1, "num_local_experts": 3, "num_experts_per_tok": 2`,
	"qwen3_moe, one dense layer": `"model_type": "qwen3_moe", "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4, "num_experts": 4, "num_experts_per_tok": 2,
		"moe_intermediate_size": 5, "mlp_only_layers": [0], "norm_topk_prob": false`,
	"qwen3, norms of q and k": `"model_type": "qwen3", "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 6, "tie_word_embeddings": true`,
}

// tinyConfig fills in the sizes that all share; changes are keys and values that differ.
func tinyConfig(t *testing.T, special string, changes ...any) (*arch.Config, *arch.Model) {
	t.Helper()
	cfg, err := arch.ParseConfig(fmt.Appendf(nil, `{"vocab_size": 13, "hidden_size": 8, "intermediate_size": 6, "num_hidden_layers": 2,
		"max_position_embeddings": 32, "rms_norm_eps": 1e-3, "initializer_range": 0.5, %s}`, special))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(changes); i += 2 {
		cfg.Set(changes[i].(string), changes[i+1])
	}
	m, err := arch.Resolve(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return cfg, m
}

func refEngine(t *testing.T, threads int) engine.Engine {
	t.Helper()
	e, err := ref.New(engine.Options{Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// newTiny is a decoder with weights far from their initial values: biases and gains too.
func newTiny(t *testing.T, e engine.Engine, m *arch.Model, o decoder.Options) *decoder.Decoder {
	t.Helper()
	d, err := decoder.New(e, m, o)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(7, 8))
	for _, p := range d.Params() {
		x := make([]float64, p.W.N)
		for i := range x {
			x[i] = r.NormFloat64() * 0.5
			if len(p.Shape) == 1 {
				x[i]++
			}
		}
		set(t, e, p.W, x)
	}
	return d
}

func set(t *testing.T, e engine.Engine, b engine.Buf, x []float64) {
	t.Helper()
	raw := make([]byte, 8*len(x))
	tensor.Encode(raw, x, tensor.F64)
	if err := e.Upload(b, raw, tensor.F64); err != nil {
		t.Fatal(err)
	}
}

func randomIDs(seed uint64, n, below int) []int32 {
	r := rand.New(rand.NewPCG(seed, 1))
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(r.IntN(below))
	}
	return ids
}

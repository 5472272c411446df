package arch

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// alternatives are values that a config may have for a key, as JSON text; "" leaves the key out.
var alternatives = map[string][]string{
	"num_key_value_heads": {"", "null", "1", "2", "4"},
	"head_dim":            {"", "", "12", "20"},
	"rms_norm_eps":        {"", "1e-05", "0.000001", "1e-6"},
	"tie_word_embeddings": {"", "true", "false"},
	"attention_bias":      {"", "true", "false"},
	"mlp_bias":            {"", "true"},
	"hidden_act":          {"", `"silu"`, `"gelu_new"`},
	"dtype":               {"", "null", `"bfloat16"`},
	"torch_dtype":         {"", "null", `"bfloat16"`},
	"bos_token_id":        {"", "null", "3"},
	"eos_token_id":        {"", "null", "3", "[3, 4]"},
	"rope_theta":          {"", "10000.0", "5e5", "500000"},
	"rope_scaling": {"", "", "null", "{}", `{"type": "linear", "factor": 2}`, llama3Scaling,
		yarnScaling, dynamicScaling, longScaling},
	"rope_parameters": {"", "null", "{}", `{"rope_type": "linear", "factor": 2.0}`, `{"rope_theta": 5e5}`,
		llama3Params, yarnScaling, dynamicScaling, longScaling},
	"sliding_window":     {"", "null", "8"},
	"use_sliding_window": {"", "true", "false"},
	"max_window_layers":  {"", "1", "2", "28"},
	"layer_types": {"", "", "null", `["full_attention", "full_attention", "full_attention"]`,
		`["sliding_attention", "full_attention", "sliding_attention"]`},
	"_name_or_path":                    {"", `"x/y"`},
	"initializer_range":                {"", "0.5"},
	"query_pre_attn_scalar":            {"", "7", "64"},
	"final_logit_softcapping":          {"", "null", "30.0"},
	"attn_logit_softcapping":           {"", "null", "null", "50.0"},
	"sliding_window_pattern":           {"", "2", "3"},
	"rope_local_base_freq":             {"", "", "10000.0", "500.0"},
	"partial_rotary_factor":            {"", "", "1.0", "0.5"},
	"rotary_pct":                       {"", "0.5", "0.5", "0.7"},
	"rotary_emb_base":                  {"", "10000", "5e5"},
	"use_parallel_residual":            {"", "true", "false"},
	"n_inner":                          {"", "null", "100"},
	"n_ctx":                            {"", "256"},
	"num_experts":                      {"", "4", "4", "5"},
	"num_local_experts":                {"", "4", "4", "0"},
	"num_experts_per_tok":              {"", "2"},
	"moe_intermediate_size":            {"", "24"},
	"norm_topk_prob":                   {"", "true"},
	"decoder_sparse_step":              {"", "1", "2"},
	"mlp_only_layers":                  {"", "null", "[]", "[1]"},
	"original_max_position_embeddings": {"", "", "", "", "16", "32"},
}

// spoilers are keys of one family that others refuse, or refuse in most combinations.
var spoilers = map[string]string{
	"partial_rotary_factor": "phi3 gpt_neox", "rope_local_base_freq": "gemma3_text", "attn_logit_softcapping": "gemma2",
	"rotary_pct": "gpt_neox", "rotary_emb_base": "gpt_neox", "num_experts": "mixtral qwen3_moe",
	"num_local_experts":                "mixtral qwen3_moe",
	"head_dim":                         "llama mistral qwen2 qwen3 gemma gemma2 gemma3_text olmo2 phi3 mixtral qwen3_moe",
	"original_max_position_embeddings": "llama phi3",
}

const (
	yarnScaling    = `{"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}`
	dynamicScaling = `{"type": "dynamic", "factor": 2.0}`
	longScaling    = `{"type": "longrope", "short_factor": [1, 1.5, 2, 2.5, 3, 3.5], "long_factor": [2, 3, 4, 5, 6.0, 7]}`
)

// TestRandomConfigs writes grown models into random configs: the result must mean the grown model, and the keys
// that growth does not touch must keep their text.
func TestRandomConfigs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	good := map[string]int{}
	for range 15000 {
		kind := registry[r.IntN(len(registry))].Name
		c := mustParse(t, tiny(kind, ""))
		for _, key := range slices.Sorted(maps.Keys(alternatives)) {
			values := alternatives[key]
			if only, ok := spoilers[key]; ok && !slices.Contains(strings.Fields(only), kind) {
				continue
			}
			if v := values[r.IntN(len(values))]; v != "" {
				c.Set(key, json.RawMessage(v))
			}
		}
		m, err := Resolve(c)
		if err != nil {
			continue
		}
		good[kind]++
		if r.IntN(2) == 0 {
			grow(r, m)
		}
		d := update(t, c, m)
		for _, key := range []string{"final_logit_softcapping", "hidden_act", "tie_word_embeddings", "eos_token_id",
			"attention_bias", "n_inner", "mlp_bias"} {
			if key == m.Spec.defaults.keys.ffn {
				continue
			}
			want, _ := c.Raw(key)
			wantRaw(t, d, key, string(want))
		}
		// A config that has been written once is at rest.
		e := d.Clone()
		if err := m.Spec.Update(e, m); err != nil || !reflect.DeepEqual(e.raw, d.raw) {
			t.Fatalf("a second update changed the config: %v\n%s\n%s", err, d.Bytes(), e.Bytes())
		}
		if t.Failed() {
			t.Fatalf("config was\n%s", c.Bytes())
		}
	}
	t.Logf("configs understood and written back: %v", good)
	for _, s := range registry {
		if good[s.Name] < 100 {
			t.Errorf("%s: only %d configs were understood", s.Name, good[s.Name])
		}
	}
}

// grow changes some sizes of m, as a growth may.
func grow(r *rand.Rand, m *Model) {
	if r.IntN(2) == 0 {
		from := make([]int, m.Layers+r.IntN(4))
		for i := range from {
			from[i] = i * m.Layers / len(from)
		}
		m.TakeLayers(from)
	}
	fixed := m.Spec.HeadsAreHidden // then heads and hidden size grow together
	both := r.IntN(2) == 0
	if both {
		m.Hidden *= 2
	}
	if fixed && both || !fixed && r.IntN(2) == 0 {
		m.Heads *= 2
		if fixed || r.IntN(2) == 0 {
			m.KVHeads *= 2
		}
	}
	if m.Spec == phi3 && m.Rope.Type == ropeLongrope {
		m.Hidden = m.Heads * m.HeadDim // or transformers miscounts the factors
	}
	m.FFN += r.IntN(2) * 7
	if m.MoE != nil {
		m.MoE.Experts += r.IntN(2)
	}
	if m.Rope.Type != ropeDynamic {
		m.MaxPos *= 1 + r.IntN(2)
	}
	m.Eps *= float64(1 + r.IntN(2))
	m.Derive()
}

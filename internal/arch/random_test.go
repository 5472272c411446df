package arch

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// alternatives are values that a config may have for a key, as JSON text; "" leaves the key out.
var alternatives = map[string][]string{
	"num_key_value_heads":     {"", "null", "1", "2", "4"},
	"head_dim":                {"", "", "12", "20"},
	"rms_norm_eps":            {"", "1e-05", "0.000001", "1e-6"},
	"tie_word_embeddings":     {"", "true", "false"},
	"attention_bias":          {"", "true", "false"},
	"mlp_bias":                {"", "true"},
	"hidden_act":              {"", `"silu"`, `"gelu_new"`},
	"dtype":                   {"", "null", `"bfloat16"`},
	"torch_dtype":             {"", "null", `"bfloat16"`},
	"bos_token_id":            {"", "null", "3"},
	"eos_token_id":            {"", "null", "3", "[3, 4]"},
	"rope_theta":              {"", "10000.0", "5e5", "500000"},
	"rope_scaling":            {"", "", "null", "{}", `{"type": "linear", "factor": 2}`, llama3Scaling},
	"rope_parameters":         {"", "null", "{}", `{"rope_type": "linear", "factor": 2.0}`, `{"rope_theta": 5e5}`, llama3Params},
	"sliding_window":          {"", "null", "8"},
	"use_sliding_window":      {"", "true", "false"},
	"max_window_layers":       {"", "1", "2", "28"},
	"layer_types":             {"", "", "null", `["full_attention", "full_attention", "full_attention"]`, `["sliding_attention", "full_attention", "sliding_attention"]`},
	"_name_or_path":           {"", `"x/y"`},
	"final_logit_softcapping": {"30.0"},
}

// TestRandomConfigs writes grown models into random configs: the result must mean the grown model, and the keys
// that growth does not touch must keep their text.
func TestRandomConfigs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	good := map[string]int{}
	for range 4000 {
		kind := registry[r.IntN(len(registry))].Name
		c := mustParse(t, tiny(kind, ""))
		for _, key := range slices.Sorted(maps.Keys(alternatives)) {
			values := alternatives[key]
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
		for _, key := range []string{"final_logit_softcapping", "hidden_act", "tie_word_embeddings", "eos_token_id", "attention_bias"} {
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
	if r.IntN(2) == 0 {
		m.Hidden *= 2
	}
	if r.IntN(2) == 0 {
		m.Heads *= 2
		if r.IntN(2) == 0 {
			m.KVHeads *= 2
		}
	}
	m.FFN += r.IntN(2) * 7
	m.Eps *= float64(1 + r.IntN(2))
}

package arch

import (
	"strings"
	"testing"
)

// TestOtherVersion: what transformers 4 reads otherwise; `make interop` has both versions run such configs.
func TestOtherVersion(t *testing.T) {
	const (
		longrope = `"short_factor": [1,1,1,1,1,1], "long_factor": [2,2,2,2,2,2], "rope_type": "longrope"`
		five     = `"rope_parameters": {"rope_type": "default", "rope_theta": 5000.0}`
	)
	for _, tc := range []struct{ kind, extra, want string }{
		{"llama", ``, ""},
		{"llama", `"rope_theta": 5000.0`, ""},
		{"llama", five, "Rope is default of theta 10000, not default of theta 5000"},
		{"llama", `"rope_theta": 5000.0, ` + five, ""},
		{"llama", `"rope_scaling": {"type": "linear", "factor": 2.0, "rope_theta": 7.0}`,
			"theta 10000, factor 2, not linear of theta 7"},
		{"llama", `"rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}`,
			"original_max_position_embeddings: wanted a number, found nothing"},
		{"llama", `"original_max_position_embeddings": 64, "rope_scaling": {"rope_type": "yarn", "factor": 4.0}`,
			"from 256 positions on, not yarn of theta 10000, factor 4, from 64 positions on"},
		{"llama", `"rope_scaling": {"factor": 4.0, "original_max_position_embeddings": 64, ` + longrope + `}`,
			"from 256 positions on, not longrope of theta 10000, factor 4, from 64"},
		{"llama", `"original_max_position_embeddings": 64, "rope_scaling": {` + longrope + `}`, ""},
		{"llama", `"original_max_position_embeddings": 64, "rope_scaling": {"factor": 2.0, ` + longrope + `}`, "Rope is"},
		{"llama", `"rope_scaling": {` + longrope + `}`, "factor: wanted a number, found nothing"},
		{"mistral", `"num_key_value_heads": 2, "rope_scaling": {"type": "yarn", "factor": 2.0}`,
			"wanted head_dim beside yarn scaling"},
		{"mistral", `"num_key_value_heads": 2, "head_dim": 12, "rope_scaling": {"type": "yarn", "factor": 2.0}`, ""},
		{"gemma", `"num_key_value_heads": 2, "hidden_act": "gelu"`, `Act is "gelu", not "gelu_pytorch_tanh"`},
		{"gemma2", ``, "AttnSoftcap is 0, not 50"},
		{"qwen3_moe", `"num_local_experts": 9, "num_key_value_heads": 4`, `MoE is {"Experts":128`},
		{"mixtral", `"num_experts": 4, "num_key_value_heads": 4`, `MoE is {"Experts":8`},
		{"gemma3_text", `"rope_parameters": {"sliding_attention": {"rope_theta": 7.0, "rope_type": "default"}}`,
			"LocalRope is"},
	} {
		c := mustParse(t, tiny(tc.kind, tc.extra))
		m, err := Resolve(c)
		if err != nil {
			t.Errorf("%s %s: %v", tc.kind, tc.extra, err)
			continue
		}
		got := inOrder((&Checkpoint{Model: m, Config: c}).otherVersion())
		if tc.want == "" && got != "" || !strings.Contains(got, tc.want) {
			t.Errorf("%s %s: %q, want %q", tc.kind, tc.extra, got, tc.want)
		}
	}
}

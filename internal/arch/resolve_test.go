package arch

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"famkit/internal/tensor"
)

// tiny is a small config of an architecture with extra keys, "k": v, ... put in front so that they must not collide.
func tiny(kind, extra string) string {
	if extra != "" {
		extra += ", "
	}
	return `{` + extra + `"model_type": "` + kind + `", "vocab_size": 131, "hidden_size": 48, "intermediate_size": 112,
 "num_hidden_layers": 3, "num_attention_heads": 4, "max_position_embeddings": 256}`
}

func mustResolve(t *testing.T, text string) *Model {
	t.Helper()
	m, err := Resolve(mustParse(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestResolveDefaults(t *testing.T) {
	full := []string{fullAttention, fullAttention, fullAttention}
	base := Model{Vocab: 131, Hidden: 48, Layers: 3, FFN: 112, Heads: 4, KVHeads: 4, HeadDim: 12, MaxPos: 256, Eps: 1e-6,
		Act:  SiLU,
		Rope: Rope{Theta: 10000, Type: "default"}, Window: []int{0, 0, 0}, LayerType: full, InitRange: 0.02,
		PreNorm: true, Gated: true, EmbedScale: 1}
	for _, tc := range []struct {
		kind, extra string
		change      func(*Model)
	}{
		{"llama", "", func(m *Model) { m.BOS, m.EOS = []int{1}, []int{2} }},
		{"mistral", `"num_key_value_heads": 2`, func(m *Model) {
			m.KVHeads, m.BOS, m.EOS = 2, []int{1}, []int{2}
			m.Window, m.LayerType = []int{4096, 4096, 4096}, []string{slidingAttention, slidingAttention, slidingAttention}
		}},
		{"qwen2", `"num_key_value_heads": null`, func(m *Model) { m.QKVBias = true }},
		{"qwen3", `"num_key_value_heads": 4`, func(m *Model) { m.QKNorm, m.HeadDim = true, 128 }},
	} {
		want := base
		tc.change(&want)
		want.RotaryDim = want.HeadDim
		want.Spec, _ = Lookup(tc.kind)
		if got := mustResolve(t, tiny(tc.kind, tc.extra)); !reflect.DeepEqual(got, &want) {
			t.Errorf("%s:\n got %+v\nwant %+v", tc.kind, got, want)
		}
	}
	// A config that says nothing has the sizes of the class.
	for kind, want := range map[string][8]int{
		"llama":   {32000, 4096, 32, 11008, 32, 32, 128, 2048},
		"mistral": {32000, 4096, 32, 14336, 32, 8, 128, 131072},
		"qwen2":   {151936, 4096, 32, 22016, 32, 32, 128, 32768},
		"qwen3":   {151936, 4096, 32, 22016, 32, 32, 128, 32768},
	} {
		m := mustResolve(t, `{"model_type": "`+kind+`"}`)
		if got := [8]int{m.Vocab, m.Hidden, m.Layers, m.FFN, m.Heads, m.KVHeads, m.HeadDim, m.MaxPos}; got != want {
			t.Errorf("%s: got %v, want %v", kind, got, want)
		}
	}
}

func TestResolveReads(t *testing.T) {
	m := mustResolve(t, tiny("llama", `"attention_bias": true, "mlp_bias": true, "tie_word_embeddings": true, "head_dim": 16, "rms_norm_eps": 1e-05,
 "hidden_act": "gelu_new", "torch_dtype": "bfloat16", "eos_token_id": [2, 5], "bos_token_id": null, "unheard_of": {"x": 1}`))
	if !m.QKVBias || !m.OBias || !m.MLPBias || !m.Tied || m.HeadDim != 16 || m.Eps != 1e-5 || m.Act != GELUTanh ||
		m.DType != tensor.BF16 ||
		!slices.Equal(m.EOS, []int{2, 5}) || m.BOS != nil {
		t.Errorf("got %+v", m)
	}
	m = mustResolve(t, tiny("mistral", `"num_key_value_heads": 4, "sliding_window": null`))
	if slices.Max(m.Window) != 0 {
		t.Errorf("a null window gave %v", m.Window)
	}
	m = mustResolve(t, tiny("qwen3", `"num_key_value_heads": 4, "attention_bias": true`))
	if !m.QKVBias || !m.OBias {
		t.Error("qwen3's attention_bias must cover q, k, v and o")
	}
	m = mustResolve(t, tiny("qwen2", `"num_key_value_heads": 4, "use_sliding_window": true, "max_window_layers": 1`))
	if !slices.Equal(m.Window, []int{0, 4096, 4096}) || m.LayerType[1] != slidingAttention {
		t.Errorf("max_window_layers gave %v %v", m.Window, m.LayerType)
	}
	m = mustResolve(t, tiny("qwen2", `"num_key_value_heads": 4, "use_sliding_window": true, "sliding_window": 8,
 "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]`))
	if !slices.Equal(m.Window, []int{8, 0, 8}) {
		t.Errorf("layer_types gave %v", m.Window)
	}
}

func TestResolveRefuses(t *testing.T) {
	for _, tc := range []struct{ kind, extra, want string }{
		{"bert", "", `unknown architecture "bert", known are llama, mistral, qwen2, qwen3`},
		{"", "", "model_type: wanted one of llama, mistral, qwen2, qwen3, gemma, "},
		{"llama", `"architectures": ["LlamaForSequenceClassification"]`,
			`wanted LlamaForCausalLM for model_type llama, found ["LlamaForSequenceClassification"]`},
		{"llama", `"quantization_config": {"bits": 4}`, "quantization_config: wanted null, found"},
		{"llama", `"attribute_map": {"rms_norm_eps": "x"}`, "attribute_map: wanted nothing, found"},
		{"llama", `"configuration_files": ["config.4.0.0.json"]`, "transformers reads another file"},
		{"llama", `"per_layer_config": {"0": {"rms_norm_eps": 0.5}}`, "gives layers settings of their own"},
		{"llama", `"generator": {"tie_word_embeddings": true}`, "generator: wanted null"},
		{"qwen2", `"is_causal": null`, "is_causal: wanted true, found null"},
		{"qwen2", `"is_causal": 0`, "is_causal: wanted true, found 0"},
		{"qwen2", `"is_causal": false`, "is_causal: wanted true, found false"},
		{"llama", `"num_key_value_heads": 3`, "num_attention_heads: wanted a multiple of num_key_value_heads 3, found 4"},
		{"llama", `"num_key_value_heads": 0`, "num_key_value_heads: wanted 1 to"},
		{"llama", `"head_dim": 13`, "head_dim: wanted an even number for the rotary embedding, found 13"},
		{"llama", `"head_dim": 12.0`, "head_dim: wanted an integer, found 12.0"},
		{"llama", `"hidden_act": "relu"`, `hidden_act: wanted silu, gelu, gelu_new or gelu_pytorch_tanh, found "relu"`},
		{"llama", `"dtype": "float32", "torch_dtype": "bfloat16"`, `dtype says "float32" and torch_dtype says "bfloat16"`},
		{"llama", `"dtype": "auto"`, `dtype: unknown dtype "auto"`},
		{"llama", `"layer_types": ["full_attention"]`, "layer_types: wanted 3 entries as num_hidden_layers says, found 1"},
		{"llama", `"tie_word_embeddings": "yes"`, "tie_word_embeddings: wanted true or false"},
		{"llama", `"rms_norm_eps": -1.0`, "rms_norm_eps: wanted 0 or more"},
		{"llama", `"rope_theta": 0.0`, "rope_theta: wanted a positive number, found 0"},
		{"llama", `"partial_rotary_factor": 0.5`, "partial_rotary_factor: wanted 1, found 0.5"},
		{"mistral", `"num_key_value_heads": 4, "sliding_window": 0`, "sliding_window: wanted a positive number, found 0"},
		{"qwen3", `"num_key_value_heads": 4, "head_dim": null`, "head_dim: wanted an integer, found null"},
		{"qwen2", `"num_key_value_heads": 4, "layer_types": ["chunked_attention", "full_attention", "full_attention"]`,
			`found "chunked_attention" in layer 0`},
		{"qwen2", `"num_key_value_heads": 4, "layer_types": ["full_attention", "sliding_attention", "full_attention"]`,
			"layer 1 is sliding_attention, but"},
	} {
		_, err := Resolve(mustParse(t, tiny(tc.kind, tc.extra)))
		wantErr(t, err, "config.json", tc.want)
	}
	for key, bad := range map[string]string{
		"vocab_size": "0", "hidden_size": "-1", "intermediate_size": "99999999999", "num_hidden_layers": "1000000",
		"num_attention_heads": "5",
	} {
		text := strings.Replace(tiny("llama", ""), `"`+key+`": `, `"`+key+`": `+bad+`, "was_`+key+`": `, 1)
		_, err := Resolve(mustParse(t, text))
		if key == "num_attention_heads" {
			wantErr(t, err, "hidden_size: wanted a multiple of num_attention_heads 5, as transformers insists for llama, "+
				"found 48")
			continue
		}
		wantErr(t, err, key, "found "+bad)
	}
	// The other classes do not insist on it.
	text := strings.Replace(tiny("mistral", `"num_key_value_heads": 1, "head_dim": 12`), `"num_attention_heads": 4`,
		`"num_attention_heads": 5`, 1)
	if m := mustResolve(t, text); m.Heads != 5 || m.HeadDim != 12 {
		t.Errorf("got %d heads of %d", m.Heads, m.HeadDim)
	}
}

func TestOraclesResolve(t *testing.T) {
	for _, dir := range oracleDirs(t) {
		m := mustResolve(t, string(readFile(t, filepath.Join(dir, "config.json"))))
		if m.DType != tensor.F32 || m.Hidden%16 != 0 || m.Layers != 2 {
			t.Errorf("%s: %+v", dir, m)
		}
	}
	read := func(name string) Rope {
		return mustResolve(t, string(readFile(t, "../../fixtures/oracle/"+name+"/config.json"))).Rope
	}
	if five, four := read("llama-rope3"), read("llama-rope3-v4"); !five.Equal(four) || five.Type != "llama3" {
		t.Errorf("the two spellings of one model read as %+v and %+v", five, four)
	}
}

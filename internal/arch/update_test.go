package arch

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"famkit/internal/tensor"
)

// update writes m into a copy of c and demands that the result means m.
func update(t *testing.T, c *Config, m *Model) *Config {
	t.Helper()
	d := c.Clone()
	if err := m.Spec.Update(d, m); err != nil {
		t.Fatal(err)
	}
	again, err := ParseConfig(d.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	got, err := Resolve(again)
	if err != nil {
		t.Fatalf("%v\n%s", err, d.Bytes())
	}
	if !reflect.DeepEqual(got, m) {
		t.Fatalf("update lost something:\n got %+v\nwant %+v\n%s", got, m, d.Bytes())
	}
	return d
}

func wantRaw(t *testing.T, c *Config, key, want string) {
	t.Helper()
	if raw, ok := c.Raw(key); string(raw) != want || ok != (want != "") {
		t.Errorf("%s: got %s, want %s", key, raw, want)
	}
}

func TestUpdateGrowsOracles(t *testing.T) {
	for _, dir := range oracleDirs(t) {
		c := mustParse(t, string(readFile(t, filepath.Join(dir, "config.json"))))
		m, err := Resolve(c)
		if err != nil {
			t.Fatal(err)
		}
		big := m.Clone()
		big.TakeLayers([]int{0, 0, 1, 1})
		big.Hidden, big.Heads, big.KVHeads, big.FFN = 2*m.Hidden, 2*m.Heads, 2*m.KVHeads, 200
		big.Derive()
		d := update(t, c, big)
		wantRaw(t, d, m.Spec.defaults.keys.layers, "4")
		keys := []string{"dtype", "torch_dtype"}
		if m.Spec.defaults.rope != nil {
			keys = append(keys, "rope_theta", "rope_scaling", "rope_parameters")
		}
		for _, key := range keys {
			if !d.Has(key) {
				t.Errorf("%s: %s is not written", dir, key)
			}
		}
		for _, key := range []string{"rms_norm_eps", "attention_dropout", "initializer_range", "transformers_version",
			"pad_token_id"} {
			old, _ := c.Raw(key)
			wantRaw(t, d, key, string(old))
		}
		if types, ok, _ := d.Strings("layer_types"); c.Has("layer_types") && (!ok || len(types) != 4) {
			t.Errorf("%s: layer_types %v", dir, types)
		}
	}
}

func TestUpdateKeepsText(t *testing.T) {
	c := mustParse(t, `{"model_type": "llama", "rope_theta": 5e5, "x": 30.0, "rms_norm_eps": 1e-05, "_name_or_path": "a/b", "torch_dtype": "float16", "hidden_size": 48,
 "rope_scaling": {"type": "linear", "factor": 2.50}, "num_attention_heads": 4}`)
	m, err := Resolve(c)
	if err != nil {
		t.Fatal(err)
	}
	m.DType = tensor.BF16
	d := update(t, c, m)
	for key, want := range map[string]string{
		"x": "30.0", "rms_norm_eps": "1e-05", "_name_or_path": "", "torch_dtype": `"bfloat16"`, "dtype": `"bfloat16"`,
		"rope_theta": "5e5", "rope_scaling": `{"type": "linear", "factor": 2.50}`,
		"rope_parameters": `{"factor":2.50,"rope_theta":5e5,"rope_type":"linear"}`,
		"hidden_size":     "48", "head_dim": "", "num_key_value_heads": "", "num_hidden_layers": "",
	} {
		wantRaw(t, d, key, want)
	}
	m.Rope.Factor = 3
	d = update(t, c, m)
	wantRaw(t, d, "rope_scaling", `{"factor":3.0,"rope_type":"linear"}`)
	m.Rope = Rope{Theta: 10000, Type: "default"}
	m.Eps = 3e-5
	d = update(t, c, m)
	wantRaw(t, d, "rope_parameters", `{"rope_theta":10000.0,"rope_type":"default"}`)
	wantRaw(t, d, "rope_scaling", "null")
	wantRaw(t, d, "rms_norm_eps", "3e-05")
}

func TestUpdateWritesWhatWouldFollow(t *testing.T) {
	// Query heads double on the same kv heads: where num_key_value_heads is absent it would double along.
	for _, text := range []string{tiny("llama", ""), tiny("llama", `"num_key_value_heads": null`)} {
		c := mustParse(t, text)
		m := mustResolve(t, text)
		m.Heads, m.HeadDim = 8, 12
		d := update(t, c, m)
		wantRaw(t, d, "num_key_value_heads", "4")
		wantRaw(t, d, "head_dim", "12")
	}
	text := tiny("mistral", `"num_key_value_heads": 4, "sliding_window": 8`)
	m := mustResolve(t, text)
	m.TakeLayers([]int{0, 1, 2, 2})
	wantRaw(t, update(t, mustParse(t, text), m), "sliding_window", "8")
	for i := range m.Window {
		m.Window[i], m.LayerType[i] = 0, fullAttention
	}
	wantRaw(t, update(t, mustParse(t, text), m), "sliding_window", "null")
}

func TestUpdateWindows(t *testing.T) {
	const window = `"num_key_value_heads": 4, "use_sliding_window": true, "sliding_window": 8, "max_window_layers": `
	for _, kind := range []string{"qwen2", "qwen3"} {
		text := tiny(kind, window+"1")
		m := mustResolve(t, text)
		m.TakeLayers([]int{0, 0, 1, 1, 2, 2})
		d := update(t, mustParse(t, text), m)
		wantRaw(t, d, "layer_types", `["full_attention","full_attention","sliding_attention","sliding_attention","sliding_attention","sliding_attention"]`)
		wantRaw(t, d, "max_window_layers", "2")
		// All three layers are below the mark: the copies must not slide into it.
		text = tiny(kind, window+"3")
		m = mustResolve(t, text)
		m.TakeLayers([]int{0, 1, 2, 2})
		d = update(t, mustParse(t, text), m)
		wantRaw(t, d, "max_window_layers", "4")
		// Without windows, max_window_layers means nothing and stays.
		text = tiny(kind, `"num_key_value_heads": 4, "max_window_layers": 1`)
		m = mustResolve(t, text)
		m.TakeLayers([]int{0, 1, 2, 2})
		d = update(t, mustParse(t, text), m)
		wantRaw(t, d, "max_window_layers", "1")
		wantRaw(t, d, "layer_types", "")
	}
}

func TestUpdateRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		kind   string
		change func(*Model)
		want   string
	}{
		"bias": {"mistral", func(m *Model) { m.QKVBias = true },
			"a mistral model cannot say QKVBias in its config: wanted true, it would mean false"},
		"windows": {"mistral", func(m *Model) { m.Window[1] = 7 }, "one sliding_window for all layers"},
		"types": {"qwen2", func(m *Model) { m.LayerType[1] = slidingAttention },
			"layer 1 is sliding_attention, but its window is 0"},
		"heads":  {"llama", func(m *Model) { m.Heads = 5 }, "num_attention_heads"},
		"layers": {"llama", func(m *Model) { m.Layers = 5 }, "layer_types: wanted 5"},
		"kind":   {"llama", func(m *Model) { m.Spec = mistral }, "model_type: wanted mistral, found llama"},
	} {
		text := tiny(tc.kind, `"num_key_value_heads": 4`)
		m := mustResolve(t, text)
		tc.change(m)
		err := m.Spec.Update(mustParse(t, text), m)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
		}
	}
}

func TestNewConfig(t *testing.T) {
	for _, spec := range Specs() {
		rope := `"rope_parameters": ` + llama3Params
		switch spec {
		case gemma3:
			rope = `"rope_parameters": {"full_attention": ` + llama3Params + `}`
		case phi3:
			rope = `"rope_parameters": {"rope_type": "default"}`
		}
		m := mustResolve(t, tiny(spec.Name, `"num_key_value_heads": 2, "dtype": "bfloat16", "tie_word_embeddings": true, `+rope))
		m.EOS = []int{2, 3}
		if spec.Name == "qwen3" {
			m.Window, m.LayerType = []int{0, 8, 8}, []string{fullAttention, slidingAttention, slidingAttention}
		}
		c, err := NewConfig(m)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Resolve(mustParse(t, string(c.Bytes())))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, m) {
			t.Errorf("%s:\n got %+v\nwant %+v", spec.Name, got, m)
		}
		if !slices.IsSorted(c.Keys()) {
			t.Errorf("%s: keys are not sorted: %v", spec.Name, c.Keys())
		}
		wantRaw(t, c, "torch_dtype", `"bfloat16"`)
		if spec == gpt2 || spec == phi3 {
			continue
		}
		wantRaw(t, c, "rope_scaling", `{"factor":8.0,"high_freq_factor":4.0,"low_freq_factor":1.0,"original_max_position_embeddings":16,"rope_type":"llama3"}`)
	}
}

// TestUpdateForBothLibraries: what one version of transformers derives in another way than the other is written down.
func TestUpdateForBothLibraries(t *testing.T) {
	const sizes = `"hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 60, `
	for _, tc := range []struct{ config, key, inside, want string }{
		{`"model_type": "llama", "max_position_embeddings": 32, "rope_scaling": {"rope_type": "longrope", "short_factor": [1, 1.1, 1.2, 1.3], "long_factor": [2, 3, 4, 5],
		  "factor": 4.0, "original_max_position_embeddings": 16}`, "rope_scaling", "attention_factor", "1.224744871391589"},
		{`"model_type": "mistral", "rope_parameters": {"rope_type": "yarn", "rope_theta": 500.0, "factor": 4.0, "original_max_position_embeddings": 16}`, "head_dim", "", "8"},
		{`"model_type": "mixtral", "rope_scaling": {"rope_type": "dynamic", "factor": 4.0}`, "head_dim", "", "8"},
		{`"model_type": "mixtral", "num_experts": 4`, "num_local_experts", "", "4"},
		{`"model_type": "gemma", "head_dim": 8, "hidden_act": "gelu"`, "hidden_act", "", `"gelu_pytorch_tanh"`},
	} {
		c := mustParse(t, "{"+sizes+tc.config+"}")
		m, err := Resolve(c)
		if err != nil {
			t.Fatal(err)
		}
		d := update(t, c, m)
		if tc.inside != "" {
			if d, _, err = d.Object(tc.key); err != nil {
				t.Fatal(err)
			}
			tc.key = tc.inside
		}
		wantRaw(t, d, tc.key, tc.want)
	}
}

// TestContextByLayerType: settings that go by layer type have a context of their own, whatever stands outside.
func TestContextByLayerType(t *testing.T) {
	c := mustParse(t, `{"model_type": "gemma3_text", "hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
	 "head_dim": 8, "vocab_size": 60, "max_position_embeddings": 64, "original_max_position_embeddings": 8,
	 "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}}`)
	m, err := Resolve(c)
	if err != nil {
		t.Fatal(err)
	}
	if m.Rope.OriginalMaxPos != 64 {
		t.Errorf("the scaling starts from %d positions, want 64", m.Rope.OriginalMaxPos)
	}
}

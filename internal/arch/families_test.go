package arch

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"famkit/internal/tensor"
)

func TestBindFamilies(t *testing.T) {
	for _, spec := range Specs() {
		text := tiny(spec.Name, `"num_key_value_heads": 2, "num_experts": 3, "num_local_experts": 3, "num_experts_per_tok": 2, "rotary_pct": 0.5, "query_pre_attn_scalar": 16`)
		ck, found, err := Check(faked(t, text, text))
		found = slices.DeleteFunc(found, func(f Finding) bool { return spec == gemma2 && f.Code == OneVersion })
		if err != nil || len(found) != 0 {
			t.Fatalf("%s: %v %v", spec.Name, found, err)
		}
		layout := ck.Model.Layout()
		for i, s := range layout {
			if b := ck.Tensors[i]; b.Spec != s.Spec || b.Layer != s.Layer || b.Expert != s.Expert || b.Info().Name != s.Name {
				t.Errorf("%s: tensor %d is %s", spec.Name, i, b.Info())
			}
		}
	}
}

// TestDims: the words of every tensor fit together, so that code which goes by them need not know the families.
func TestDims(t *testing.T) {
	for _, spec := range Specs() {
		for _, group := range [][]TensorSpec{spec.Embed, spec.Block, spec.Head} {
			for i := range group {
				ts := &group[i]
				fused := ts.Role == QKV || ts.Role == QKV.Bias() || ts.Role == GateUp
				parts := 0
				for _, d := range ts.Dims {
					parts += len(d.Parts)
					if (len(d.Parts) > 0) == (len(d.Axes) > 0) {
						t.Errorf("%s: %s: a dimension wants axes or parts: %+v", spec.Name, ts.Name, d)
					}
					for _, p := range d.Parts {
						if d.Interleave != "" && p.Axes[0] != d.Interleave {
							t.Errorf("%s: %s: part %s does not begin with %s", spec.Name, ts.Name, p.Role, d.Interleave)
						}
					}
				}
				if fused != (parts > 0) {
					t.Errorf("%s: %s: %d parts of role %s", spec.Name, ts.Name, parts, ts.Role)
				}
				if n := strings.Count(ts.Name, "%d"); ts.PerExpert != (n == 2) {
					t.Errorf("%s: %s: %d numbers in the name", spec.Name, ts.Name, n)
				}
			}
		}
	}
}

func TestBindBareGPT2(t *testing.T) {
	text := tiny("gpt2", `"tie_word_embeddings": false, "dtype": "bfloat16"`)
	f := faked(t, text, text)
	bare := &fake{tensors: map[string]fakeTensor{}, files: f.files}
	for _, name := range f.names {
		bare.put(strings.TrimPrefix(name, "transformer."), tensor.BF16, 1, f.tensors[name].info.Shape...)
	}
	for layer := range 3 {
		bare.put(fmt.Sprintf("h.%d.attn.bias", layer), tensor.F32, 0, 1, 1, 256, 256)
		f.put(fmt.Sprintf("transformer.h.%d.attn.masked_bias", layer), tensor.F32, 0)
	}
	for _, src := range []*fake{f, bare} {
		ck, found, err := Check(src)
		others := slices.DeleteFunc(found, func(f Finding) bool { return f.Code == Ignored })
		if err != nil || len(found) < 3 || (len(others) > 0) != (src == bare) || src == bare && others[0].Code != OneVersion {
			t.Fatal(found, err)
		}
		b, ok := ck.Find(QKV, 2)
		if !ok || b.Info().Name != "transformer.h.2.attn.c_attn.weight" || !slices.Equal(b.Info().Shape, []int{48, 144}) {
			t.Errorf("found %v", b.Info())
		}
		if _, ok := ck.Find(PosTable, -1); !ok {
			t.Error("no table of positions")
		}
	}
	bare.put("transformer.wpe.weight", tensor.BF16, 1, 256, 48) // once under each name
	_, err := Bind(bare)
	wantErr(t, err, `"transformer.wpe.weight"`, "twice")
}

func TestBindNeoXIgnores(t *testing.T) {
	text := tiny("gpt_neox", `"rotary_pct": 0.5`)
	f := faked(t, text, text)
	f.put("gpt_neox.layers.1.attention.bias", tensor.U8, 0, 1, 1, 256, 256)
	f.put("gpt_neox.layers.1.attention.masked_bias", tensor.F32, 0)
	f.put("gpt_neox.layers.1.attention.rotary_emb.inv_freq", tensor.F32, 0, 3)
	if _, err := Bind(f); err != nil {
		t.Error(err)
	}
	f.put("gpt_neox.layers.1.attention.other", tensor.F32, 0, 3)
	_, err := Bind(f)
	wantErr(t, err, `"gpt_neox.layers.1.attention.other": unknown to gpt_neox`)
}

func TestMixtureLayers(t *testing.T) {
	m := mustResolve(t, tiny("qwen3_moe", `"num_key_value_heads": 2, "num_experts": 2, "num_experts_per_tok": 1, "mlp_only_layers": [1]`))
	count := map[string]int{}
	for _, s := range m.Layout() {
		if s.Layer >= 0 && (s.Spec.Role == Up || s.Spec.Role == Router) {
			count[fmt.Sprintf("%d %s %v", s.Layer, s.Spec.Role, s.Expert >= 0)]++
		}
	}
	want := map[string]int{"0 router false": 1, "0 up true": 2, "1 up false": 1, "2 router false": 1, "2 up true": 2}
	if !reflect.DeepEqual(count, want) {
		t.Errorf("tensors %v, want %v", count, want)
	}
	sum := int64(0)
	for _, s := range m.Layout() {
		n := int64(1)
		for _, d := range s.Shape {
			n *= int64(d)
		}
		sum += n
	}
	if p := m.Params(); p != sum {
		t.Errorf("%d parameters, the layout has %d", p, sum)
	}
	c := m.Clone()
	c.TakeLayers([]int{0, 0, 1, 2})
	if !slices.Equal(c.MoE.Layer, []bool{true, true, false, true}) ||
		!slices.Equal(m.MoE.Layer, []bool{true, false, true}) {
		t.Errorf("layers %v of %v", c.MoE.Layer, m.MoE.Layer)
	}
}

func TestFamiliesRefuse(t *testing.T) {
	const kv = `"num_key_value_heads": 4, `
	for _, tc := range []struct{ kind, extra, want string }{
		{"gemma3", `"text_config": {"hidden_size": 8}`, `model_type "gemma3" reads more than text, with the language model in text_config: not supported`},
		{"gemma", kv + `"use_bidirectional_attention": true`,
			"use_bidirectional_attention: wanted null or false, found true"},
		{"gemma", kv + `"hidden_act": "silu", "hidden_activation": "gelu"`,
			"hidden_act means silu, but hidden_activation says gelu"},
		{"gemma2", kv + `"num_attention_heads_": 5, "query_pre_attn_scalar": 0`,
			"query_pre_attn_scalar: wanted a positive number, found 0"},
		{"gemma2", kv + `"query_pre_attn_scalar": 16.0`, "query_pre_attn_scalar: wanted an integer, found 16.0"},
		{"gemma2", kv + `"attn_logit_softcapping": 0.0`, "attn_logit_softcapping: wanted a positive number or null, found 0"},
		{"gemma2", kv + `"sliding_window": null`, "layer_types: layer 0 is sliding_attention, but sliding_window gives no " +
			"window"},
		{"gemma2", kv + `"layer_types": ["full_attention", "full_attention"]`,
			"layer_types: wanted 3 entries as num_hidden_layers says, found 2"},
		{"gemma3_text", kv + `"attn_logit_softcapping": 50.0`,
			"attn_logit_softcapping: wanted null for gemma3_text, found 50.0"},
		{"gemma3_text", kv + `"rope_parameters": {"rope_type": "default"}`,
			`wanted settings by layer type, full_attention and sliding_attention, found "rope_type"`},
		{"gemma3_text", kv + `"rope_parameters": {"sliding_attention": {"rope_type": "linear", "factor": 2.0}}`,
			`rope_type: wanted default for sliding layers, found "linear"`},
		{"gemma3_text", kv + `"rope_local_base_freq": 500.0, "rope_parameters": {"sliding_attention": {"rope_theta": 10000.0}}`, "rope_local_base_freq says 500, but config.json: rope_parameters: sliding_attention says 10000"},
		{"gemma3_text", kv + `"rope_theta": 500.0, "rope_parameters": {"full_attention": {"rope_theta": 10000.0}}`,
			"but rope_theta says 500.0"},
		{"gemma3_text", kv + `"rope_scaling": {"type": "linear", "factor": 2.0}`,
			"rope_scaling: wanted rope_type, found only type"},
		{"gemma3_text", kv + `"rope_scaling": {"rope_type": "yarn", "factor": 4.0, "truncate": false}`,
			"truncate: wanted true where settings go by layer type, found false"},
		{"mistral", `"sliding_window": 8, "layer_types": ["full_attention", "sliding_attention", "full_attention"]`,
			`layer_types: wanted sliding_attention in all layers of a mistral model, as sliding_window says, found "full_attention" in layer 0`},
		{"gpt2", `"scale_attn_by_inverse_layer_idx": true`, "scale_attn_by_inverse_layer_idx: wanted false, found true"},
		{"gpt2", `"reorder_and_upcast_attn": true`, "reorder_and_upcast_attn: wanted false, found true"},
		{"gpt2", `"scale_attn_weights": false`, "scale_attn_weights: wanted true, found false"},
		{"gpt2", `"add_cross_attention": true`, "add_cross_attention: wanted false, found true"},
		{"gpt2", `"n_embd": 64`, "n_embd says 64, but hidden_size, another name for it, says 48"},
		{"gpt2", `"n_inner": 0`, "n_inner: wanted 1 to"},
		{"gpt_neox", `"rotary_emb_base": 10000, "rope_theta": 500.0`,
			"rope_theta says 500.0, but rotary_emb_base says 10000"},
		{"gpt_neox", `"rotary_pct": 0.5, "partial_rotary_factor": 0.25`,
			"partial_rotary_factor says 0.25, but rotary_pct says 0.5"},
		{"gpt_neox", `"rotary_pct": 0.01`, "found 0 of 12 elements"},
		{"gpt_neox", `"rotary_pct": 0.5, "rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.25}`,
			"but rotary_pct says 0.5"},
		{"gpt_neox", `"rotary_pct": 0.5, "head_dim": 16`, "head_dim: wanted 12, hidden_size / num_attention_heads, found 16"},
		{"phi3", `"rope_scaling": {"type": "linear", "factor": 2.0}`,
			`rotary scaling "linear" is not supported, known are default, longrope`},
		{"phi3", `"head_dim": 8, "rope_scaling": {"type": "longrope", "short_factor": [1, 2, 3, 4], "long_factor": [1, 2, 3, 4]}`, "short_factor: wanted 6 numbers for hidden_size 48 and 4 heads, as transformers insists for phi3, found 4"},
		{"phi3", `"rope_scaling": {"type": "longrope", "original_max_position_embeddings": 64, "short_factor": [1], "long_factor": [1]}`, "original_max_position_embeddings says 4096, config.json: rope_scaling says 64"},
		{"olmo2", `"partial_rotary_factor": 0.5`, "partial_rotary_factor: wanted 1, found 0.5"},
		{"mixtral", kv + `"num_local_experts": 0`, "num_local_experts: wanted 1 to"},
		{"mixtral", kv + `"num_local_experts": 2, "num_experts_per_tok": 3`,
			"num_experts_per_tok: wanted 1 to 2 as there are experts, found 3"},
		{"mixtral", kv + `"num_local_experts": 2, "num_experts": 3`,
			"num_local_experts says 2, but num_experts, another name for it, says 3"},
		{"qwen3_moe", kv + `"decoder_sparse_step": 0`, "decoder_sparse_step: wanted a positive number, found 0"},
		{"qwen3_moe", kv + `"num_experts": 10000000`, "num_local_experts: wanted 1 to"},
	} {
		_, err := Resolve(mustParse(t, tiny(tc.kind, tc.extra)))
		wantErr(t, err, "config.json", tc.want)
	}
	for kind, want := range map[string]string{
		"gpt2": "hidden_size: wanted a multiple", "gpt_neox": "hidden_size: wanted a multiple",
		"gemma2": "hidden_size: wanted a multiple", "gemma3_text": "hidden_size: wanted a multiple",
	} {
		text := strings.Replace(tiny(kind, `"num_key_value_heads": 5`), `"num_attention_heads": 4`,
			`"num_attention_heads": 5`, 1)
		_, err := Resolve(mustParse(t, text))
		wantErr(t, err, want)
	}
}

func TestUpdateFamilies(t *testing.T) {
	grown := func(kind, extra string, change func(*Model)) *Config {
		text := tiny(kind, extra)
		m := mustResolve(t, text)
		change(m)
		m.Derive()
		return update(t, mustParse(t, text), m)
	}
	double := func(m *Model) { m.TakeLayers([]int{0, 0, 1, 1, 2, 2}) }

	// Inserted layers would change sides in an alternating pattern that goes by number.
	d := grown("gemma2", `"num_key_value_heads": 2`, double)
	wantRaw(t, d, "layer_types", `["sliding_attention","sliding_attention","full_attention","full_attention","sliding_attention","sliding_attention"]`)
	d = grown("gemma3_text", `"num_key_value_heads": 2, "sliding_window_pattern": 3, "rope_theta": 5e5`, double)
	wantRaw(t, d, "layer_types", `["sliding_attention","sliding_attention","sliding_attention","sliding_attention","full_attention","full_attention"]`)
	wantRaw(t, d, "rope_parameters", `{"full_attention":{"rope_theta":5e5,"rope_type":"default"},"sliding_attention":{"rope_theta":10000.0,"rope_type":"default"}}`)
	wantRaw(t, d, "rope_local_base_freq", "10000.0")

	// The MLP does not follow the hidden size.
	d = grown("gpt2", `"n_ctx": 256`, func(m *Model) { m.Hidden, m.Heads, m.KVHeads, m.MaxPos = 96, 8, 8, 512 })
	wantRaw(t, d, "n_inner", "192")
	wantRaw(t, d, "n_embd", "96")
	wantRaw(t, d, "n_ctx", "512")
	wantRaw(t, d, "hidden_size", "")
	wantRaw(t, d, "rope_theta", "")

	// Half as large a part of twice as large a head.
	d = grown("gpt_neox", `"rotary_pct": 0.5, "rotary_emb_base": 10000`, func(m *Model) { m.Hidden, m.HeadDim = 96, 24 })
	wantRaw(t, d, "rotary_pct", "0.25")
	wantRaw(t, d, "partial_rotary_factor", "0.25")
	wantRaw(t, d, "rotary_emb_base", "10000")
	wantRaw(t, d, "rope_parameters", `{"rope_theta":10000,"rope_type":"default","partial_rotary_factor":0.25}`)

	// A window and a sparse layer go with their layer.
	const experts = `"num_key_value_heads": 2, "num_local_experts": 4, "num_experts_per_tok": 2, `
	d = grown("qwen3_moe", experts+`"mlp_only_layers": [1]`, double)
	wantRaw(t, d, "mlp_only_layers", "[2,3]")
	wantRaw(t, d, "num_experts", "4")
	d = grown("qwen3_moe", experts+`"decoder_sparse_step": 2`, func(m *Model) { m.TakeLayers([]int{0, 1, 2, 1}) })
	wantRaw(t, d, "decoder_sparse_step", "2") // the rule still gives it
	wantRaw(t, d, "mlp_only_layers", "")
	d = grown("mixtral", experts+`"sliding_window": 8`, func(m *Model) { m.FFN, m.MoE.Experts, m.MoE.TopK = 200, 8, 4 })
	wantRaw(t, d, "num_local_experts", "8")
	wantRaw(t, d, "num_experts_per_tok", "4")

	// longrope's attention factor would follow the number of positions.
	d = grown("phi3", `"rope_scaling": `+longScaling, func(m *Model) { m.MaxPos = 1 << 17 })
	if o, _, _ := d.Object(ropeScaling); !o.IsSet("attention_factor") {
		t.Errorf("no attention factor in %s", d.raw[ropeScaling])
	}
	d = grown("phi3", `"rope_parameters": `+longScaling, double)
	wantRaw(t, d, ropeScaling, `{"type":"longrope","short_factor":[1, 1.5, 2, 2.5, 3, 3.5],"long_factor":[2, 3, 4, 5, 6.0, 7]}`)
	wantRaw(t, d, originalMaxPos, "4096")
}

func TestUpdateFamiliesRefuse(t *testing.T) {
	for name, tc := range map[string]struct {
		kind, extra string
		change      func(*Model)
		want        string
	}{
		"neox head": {"gpt_neox", `"rotary_pct": 0.5`, func(m *Model) { m.HeadDim = 24 },
			"hidden_size: wanted num_attention_heads x head_dim"},
		"gpt2 kv":     {"gpt2", "", func(m *Model) { m.KVHeads = 2 }, "one kv head for each head"},
		"gemma scale": {"gemma", `"num_key_value_heads": 4`, func(m *Model) { m.Hidden = 96 }, "cannot say EmbedScale"},
		"gemma2 scale": {"gemma2", `"num_key_value_heads": 4`, func(m *Model) { m.ScoreScale = 0.3 },
			"cannot say ScoreScale"},
		"mixtral size":  {"mixtral", `"num_key_value_heads": 4`, func(m *Model) { m.FFN = 200 }, "cannot say MoE"},
		"mixtral dense": {"mixtral", `"num_key_value_heads": 4`, func(m *Model) { m.MoE.Layer[1] = false }, "cannot say MoE"},
		"olmo2 norms":   {"olmo2", "", func(m *Model) { m.PreNorm = true }, "cannot say PreNorm"},
		"dynamic":       {"llama", `"rope_scaling": ` + dynamicScaling, func(m *Model) { m.MaxPos = 512 }, "cannot say Rope"},
		"gemma3 local": {"gemma3_text", `"num_key_value_heads": 4`, func(m *Model) { m.LocalRope = nil },
			"wanted a rotary embedding for sliding layers"},
	} {
		text := tiny(tc.kind, tc.extra)
		m := mustResolve(t, text)
		tc.change(m)
		t.Run(name, func(t *testing.T) {
			wantErr(t, m.Spec.Update(mustParse(t, text), m), tc.want)
		})
	}
}

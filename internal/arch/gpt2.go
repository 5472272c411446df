package arch

import "famkit/internal/fault"

// GPT-2, as GPT2LMHeadModel: LayerNorm, biases, a table of positions in place of rotation, and projections stored
// [in, out]. The intermediate size is four times the hidden one where n_inner is null.
var gpt2 = &Spec{
	Name: "gpt2", Class: "GPT2LMHeadModel",
	Embed: gpt2Embed(), Block: gpt2Block(), Head: gpt2Head(),
	Prefix: gpt2Prefix,
	Ignore: []string{gpt2Prefix + "h.*.attn.bias", gpt2Prefix + "h.*.attn.masked_bias"},

	HeadsDivideHidden: true, HeadsAreHidden: true,
	defaults: &gpt2Defaults,
	Parse:    parseGPT2,
	Update:   updateGPT2,
	keys:     gpt2Own,
}

var gpt2Defaults = defaults{
	keys: keys{
		hidden: "n_embd", layers: "n_layer", heads: "n_head", ffn: "n_inner", maxPos: "n_positions",
		eps: "layer_norm_epsilon", act: "activation_function",
	},
	act: GELUTanh, tied: true,
	vocab: 50257, hidden: 768, layers: 12, heads: 12, maxPos: 1024,
	eps: 1e-5, bos: []int{50256}, eos: []int{50256},
}

const gpt2Prefix = "transformer."

// layerNorm is a norm's gain and bias.
func layerNorm(role Role, name string) []TensorSpec {
	return []TensorSpec{
		{Role: role, Name: name + ".weight", Dims: []Dim{scales(Hidden)}},
		{Role: role.Bias(), Name: name + ".bias", Dims: []Dim{shifts(Hidden)}},
	}
}

func gpt2Embed() []TensorSpec {
	return []TensorSpec{
		{Role: Embed, Name: gpt2Prefix + "wte.weight", Dims: []Dim{looks(Vocab), writes(Hidden)}},
		{Role: PosTable, Name: gpt2Prefix + "wpe.weight", Dims: []Dim{looks(Pos), writes(Hidden)}},
	}
}

func gpt2Head() []TensorSpec {
	return append(layerNorm(FinalNorm, gpt2Prefix+"ln_f"),
		TensorSpec{Role: Head, Name: "lm_head.weight", Dims: []Dim{writes(Vocab), reads(Hidden)}, When: untied})
}

func gpt2Block() []TensorSpec {
	const block = gpt2Prefix + "h.%d."
	qkv := Dim{Use: Writes, Parts: qkvParts()}
	specs := append(layerNorm(AttnNorm, block+"ln_1"),
		TensorSpec{Role: QKV, Name: block + "attn.c_attn.weight", Dims: []Dim{reads(Hidden), qkv}},
		TensorSpec{Role: QKV.Bias(), Name: block + "attn.c_attn.bias", Dims: []Dim{qkv}},
		TensorSpec{Role: O, Name: block + "attn.c_proj.weight", Dims: []Dim{reads(KV, Group, HeadDim), writes(Hidden)}},
		TensorSpec{Role: O.Bias(), Name: block + "attn.c_proj.bias", Dims: []Dim{writes(Hidden)}})
	specs = append(specs, layerNorm(MLPNorm, block+"ln_2")...)
	return append(specs,
		TensorSpec{Role: Up, Name: block + "mlp.c_fc.weight", Dims: []Dim{reads(Hidden), writes(FFN)}},
		TensorSpec{Role: Up.Bias(), Name: block + "mlp.c_fc.bias", Dims: []Dim{writes(FFN)}},
		TensorSpec{Role: Down, Name: block + "mlp.c_proj.weight", Dims: []Dim{reads(FFN), writes(Hidden)}},
		TensorSpec{Role: Down.Bias(), Name: block + "mlp.c_proj.bias", Dims: []Dim{writes(Hidden)}})
}

// gpt2Names pairs GPT-2's own names with the general ones that transformers takes for them.
var gpt2Names = [][2]string{
	{"n_embd", "hidden_size"}, {"n_layer", "num_hidden_layers"}, {"n_head", "num_attention_heads"},
	{"n_positions", "max_position_embeddings"},
}

func parseGPT2(c *Config) (*Model, error) {
	for _, pair := range gpt2Names {
		var err error
		if c, err = alias(c, pair[0], pair[1]); err != nil {
			return nil, err
		}
	}
	r := &reader{Config: c}
	m := r.common(&gpt2Defaults)
	m.LayerNorm, m.LearnedPos, m.Gated = true, true, false
	m.QKVBias, m.OBias, m.MLPBias = true, true, true
	for _, flag := range []struct {
		key  string
		want bool
	}{
		{"scale_attn_weights", true}, {"scale_attn_by_inverse_layer_idx", false}, {"reorder_and_upcast_attn", false},
		{"add_cross_attention", false},
	} {
		if r.bool(flag.key, flag.want) != flag.want && r.err == nil {
			r.keep(fault.Inputf("%s: %s: wanted %v, found %v", r.path, flag.key, flag.want, !flag.want))
		}
	}
	return m, r.err
}

func updateGPT2(c *Config, m *Model) error {
	w, err := newWriter(c, m)
	if err != nil {
		return err
	}
	for _, pair := range gpt2Names {
		if raw, ok := c.Raw(pair[1]); ok { // one name for one thing
			c.Set(pair[0], raw)
			c.Delete(pair[1])
		}
	}
	if c.Has("n_ctx") { // an older name, which nothing reads any more
		w.int("n_ctx", w.was.MaxPos, m.MaxPos)
	}
	w.common(&gpt2Defaults)
	return w.finish()
}

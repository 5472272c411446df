package arch

import "famkit/internal/fault"

// GPT-NeoX (Pythia), as GPTNeoXForCausalLM: LayerNorm and biases, attention and MLP side by side unless
// use_parallel_residual is false, a quarter of each head turned, q, k and v of one projection head by head.
var gptNeoX = &Spec{
	Name: "gpt_neox", Class: "GPTNeoXForCausalLM",
	Embed: neoxEmbed(), Block: neoxBlock(), Head: neoxHead(),
	Ignore: []string{
		neoxPrefix + "layers.*.attention.bias", neoxPrefix + "layers.*.attention.masked_bias",
		neoxPrefix + "layers.*.attention.rotary_emb.inv_freq",
	},
	HeadsDivideHidden: true, HeadsAreHidden: true,
	defaults: &neoxDefaults,
	Parse:    parseNeoX,
	Update:   updateNeoX,
	keys:     neoxOwn,
}

var neoxDefaults = defaults{
	keys: keys{
		hidden: "hidden_size", layers: "num_hidden_layers", heads: "num_attention_heads", ffn: "intermediate_size",
		maxPos: "max_position_embeddings", eps: "layer_norm_eps", act: "hidden_act",
	},
	rope:  &ropeKeys{theta: "rotary_emb_base", partial: "rotary_pct", partialDefault: 0.25, types: ropeTypes},
	act:   GELU,
	vocab: 50432, hidden: 6144, ffn: 24576, layers: 44, heads: 64, maxPos: 2048,
	eps: 1e-5, theta: 10000, bos: []int{0}, eos: []int{2},
}

const neoxPrefix = "gpt_neox."

func neoxEmbed() []TensorSpec {
	return []TensorSpec{
		{Role: Embed, Name: neoxPrefix + "embed_in.weight", Dims: []Dim{looks(Vocab), writes(Hidden)}},
	}
}

func neoxHead() []TensorSpec {
	return append(layerNorm(FinalNorm, neoxPrefix+"final_layer_norm"),
		TensorSpec{Role: Head, Name: "embed_out.weight", Dims: []Dim{writes(Vocab), reads(Hidden)}, When: untied})
}

func neoxBlock() []TensorSpec {
	const block = neoxPrefix + "layers.%d."
	qkv := Dim{Use: Writes, Parts: qkvParts(), Interleave: KV}
	specs := append(layerNorm(AttnNorm, block+"input_layernorm"),
		TensorSpec{Role: QKV, Name: block + "attention.query_key_value.weight", Dims: []Dim{qkv, reads(Hidden)}},
		TensorSpec{Role: QKV.Bias(), Name: block + "attention.query_key_value.bias", Dims: []Dim{qkv}, When: withQKVBias},
		TensorSpec{Role: O, Name: block + "attention.dense.weight", Dims: []Dim{writes(Hidden), reads(KV, Group, HeadDim)}},
		TensorSpec{Role: O.Bias(), Name: block + "attention.dense.bias", Dims: []Dim{writes(Hidden)}, When: withOBias})
	specs = append(specs, layerNorm(MLPNorm, block+"post_attention_layernorm")...)
	return append(specs,
		TensorSpec{Role: Up, Name: block + "mlp.dense_h_to_4h.weight", Dims: []Dim{writes(FFN), reads(Hidden)}},
		TensorSpec{Role: Up.Bias(), Name: block + "mlp.dense_h_to_4h.bias", Dims: []Dim{writes(FFN)}},
		TensorSpec{Role: Down, Name: block + "mlp.dense_4h_to_h.weight", Dims: []Dim{writes(Hidden), reads(FFN)}},
		TensorSpec{Role: Down.Bias(), Name: block + "mlp.dense_4h_to_h.bias", Dims: []Dim{writes(Hidden)}})
}

func parseNeoX(c *Config) (*Model, error) {
	r := &reader{Config: c}
	m := r.common(&neoxDefaults)
	m.LayerNorm, m.Gated, m.MLPBias = true, false, true
	m.Parallel = r.bool("use_parallel_residual", true)
	m.QKVBias = r.bool("attention_bias", true)
	m.OBias = m.QKVBias
	// transformers would turn by it and divide the heads without it
	if r.IsSet("head_dim") && r.int("head_dim", 0) != m.HeadDim {
		r.keep(fault.Inputf("%s: head_dim: wanted %d, hidden_size / num_attention_heads, found %s", r.path, m.HeadDim,
			clip(r.raw["head_dim"])))
	}
	return m, r.err
}

func updateNeoX(c *Config, m *Model) error {
	w, err := newWriter(c, m)
	if err != nil {
		return err
	}
	w.common(&neoxDefaults)
	w.bool("use_parallel_residual", w.was.Parallel, m.Parallel)
	w.bool("attention_bias", w.was.QKVBias, m.QKVBias)
	return w.finish()
}

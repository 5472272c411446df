package arch

// OLMo 2, as Olmo2ForCausalLM: norms on what the branches add and none on what they read, and norms of q and k over
// all their heads at once; attention_bias covers q, k, v and o.
var olmo2 = &Spec{
	Name: "olmo2", Class: "Olmo2ForCausalLM",
	Embed: llamaEmbed(), Block: olmo2Block(), Head: llamaHead(), Ignore: llamaIgnore(),
	defaults: &olmo2Defaults,
	Parse:    parseOlmo2,
	Update:   updateOlmo2,
	keys:     olmo2Own,
}

var olmo2Defaults = defaults{
	keys: llamaKeys, rope: &ropeKeys{theta: ropeTheta, types: ropeTypes, short: true},
	vocab: 50304, hidden: 4096, ffn: 11008, layers: 32, heads: 32, maxPos: 2048,
	eps: 1e-5, theta: 10000, eos: []int{50279},
}

func olmo2Block() []TensorSpec {
	gain := []Dim{scales(Hidden)}
	block := without(llamaBlock(), AttnNorm, MLPNorm)
	for i := range block {
		switch t := &block[i]; t.Role {
		case QNorm:
			t.Dims, t.When = []Dim{scales(KV, Group, HeadDim)}, nil
		case KNorm:
			t.Dims, t.When = []Dim{scales(KV, HeadDim)}, nil
		}
	}
	return append(block,
		TensorSpec{Role: AttnPostNorm, Name: blockPrefix + "post_attention_layernorm.weight", Dims: gain},
		TensorSpec{Role: MLPPostNorm, Name: blockPrefix + "post_feedforward_layernorm.weight", Dims: gain})
}

func parseOlmo2(c *Config) (*Model, error) {
	r := &reader{Config: c}
	m := r.common(&olmo2Defaults)
	m.PreNorm, m.PostNorm = false, true
	m.QKNormFull = true
	m.QKVBias = r.bool("attention_bias", false)
	m.OBias = m.QKVBias
	return m, r.err
}

func updateOlmo2(c *Config, m *Model) error {
	w, err := newWriter(c, m)
	if err != nil {
		return err
	}
	w.common(&olmo2Defaults)
	w.bool("attention_bias", w.was.QKVBias, m.QKVBias)
	return w.finish()
}

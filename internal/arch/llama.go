package arch

// Llama, as LlamaForCausalLM: attention_bias gives q, k, v and o a bias, mlp_bias all three projections.
var llama = &Spec{
	Name: "llama", Class: "LlamaForCausalLM",
	Embed: llamaEmbed(), Block: llamaBlock(), Head: llamaHead(), Ignore: llamaIgnore(),
	HeadsDivideHidden: true,
	defaults:          &llamaDefaults,
	Parse:             parseLlama,
	Update:            updateLlama,
	keys:              llamaOwn,
}

var llamaDefaults = defaults{
	keys: llamaKeys, rope: llamaRope,
	vocab: 32000, hidden: 4096, ffn: 11008, layers: 32, heads: 32, maxPos: 2048,
	eps: 1e-6, theta: 10000, bos: []int{1}, eos: []int{2},
}

func parseLlama(c *Config) (*Model, error) {
	r := &reader{Config: c}
	m := r.common(&llamaDefaults)
	m.QKVBias = r.bool("attention_bias", false)
	m.OBias = m.QKVBias
	m.MLPBias = r.bool("mlp_bias", false)
	return m, r.err
}

func updateLlama(c *Config, m *Model) error {
	w, err := newWriter(c, m)
	if err != nil {
		return err
	}
	w.common(&llamaDefaults)
	w.bool("attention_bias", w.was.QKVBias, m.QKVBias)
	w.bool("mlp_bias", w.was.MLPBias, m.MLPBias)
	return w.finish()
}

package arch

// Qwen 3, as Qwen3ForCausalLM: a norm on each head of q and k, and a head_dim of its own (128 when absent,
// not hidden_size / heads); attention_bias covers q, k, v and o.
var qwen3 = &Spec{
	Name: "qwen3", Class: "Qwen3ForCausalLM",
	Embed: llamaEmbed(), Block: llamaBlock(), Head: llamaHead(), Ignore: llamaIgnore(),
	defaults: &qwen3Defaults,
	Parse:    parseQwen3,
	Update:   updateQwen3,
	keys:     qwen3Own,
}

var qwen3Defaults = defaults{
	keys: llamaKeys, rope: llamaRope,
	vocab: 151936, hidden: 4096, ffn: 22016, layers: 32, heads: 32, kv: 32, headDim: 128, maxPos: 32768,
	eps: 1e-6, theta: 10000,
}

func parseQwen3(c *Config) (*Model, error) {
	r := &reader{Config: c}
	m := r.common(&qwen3Defaults)
	m.QKNorm = true
	m.QKVBias = r.bool("attention_bias", false)
	m.OBias = m.QKVBias
	r.qwenWindows(m)
	return m, r.err
}

func updateQwen3(c *Config, m *Model) error {
	w, err := newWriter(c, m)
	if err != nil {
		return err
	}
	w.common(&qwen3Defaults)
	w.bool("attention_bias", w.was.QKVBias, m.QKVBias)
	if err := w.qwenWindows(); err != nil {
		return err
	}
	return w.finish()
}

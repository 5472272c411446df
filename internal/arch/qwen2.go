package arch

// Qwen 2 and 2.5, as Qwen2ForCausalLM: q, k and v always have a bias, o never.
var qwen2 = &Spec{
	Name: "qwen2", Class: "Qwen2ForCausalLM",
	Embed: llamaEmbed(), Block: llamaBlock(), Head: llamaHead(), Ignore: llamaIgnore(),
	defaults: &qwen2Defaults,
	Parse:    parseQwen2,
	Update:   updateQwen2,
	keys:     qwen2Own,
}

var qwen2Defaults = defaults{
	keys: llamaKeys, rope: llamaRope,
	vocab: 151936, hidden: 4096, ffn: 22016, layers: 32, heads: 32, kv: 32, maxPos: 32768,
	eps: 1e-6, theta: 10000,
}

func parseQwen2(c *Config) (*Model, error) {
	r := &reader{Config: c}
	m := r.common(&qwen2Defaults)
	m.QKVBias = true
	r.qwenWindows(m)
	return m, r.err
}

func updateQwen2(c *Config, m *Model) error {
	w, err := newWriter(c, m)
	if err != nil {
		return err
	}
	w.common(&qwen2Defaults)
	if err := w.qwenWindows(); err != nil {
		return err
	}
	return w.finish()
}

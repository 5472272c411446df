package arch

import "famkit/internal/tensor"

// NewConfig builds a config.json for m from scratch, keys sorted as transformers writes them, with both
// spellings of the rotary settings and of the dtype. Every size is explicit, so that no default matters.
func NewConfig(m *Model) (*Config, error) {
	c := EmptyConfig()
	d := m.Spec.defaults
	set := func(key string, value any) {
		if key != "" { // the family has no such key
			c.Set(key, value)
		}
	}
	c.Set("architectures", []string{m.Spec.Class})
	c.Set("bos_token_id", idsValue(m.BOS))
	c.Set("eos_token_id", idsValue(m.EOS))
	if m.DType != tensor.Invalid {
		c.Set("dtype", m.DType.Torch())
	}
	set(d.keys.headDim, m.HeadDim)
	set(d.keys.act, string(m.Act))
	set(d.keys.hidden, m.Hidden)
	c.Set("initializer_range", m.InitRange)
	set(d.keys.ffn, m.FFN)
	set(d.keys.maxPos, m.MaxPos)
	c.Set("model_type", m.Spec.Name)
	set(d.keys.heads, m.Heads)
	set(d.keys.layers, m.Layers)
	set(d.keys.kv, m.KVHeads)
	set(d.keys.eps, m.Eps)
	if d.rope != nil {
		c.Set("attention_dropout", 0.0)
		d.rope.set(c, m)
	}
	c.Set("pad_token_id", nil) // some classes' own may lie outside the vocabulary
	c.Set("tie_word_embeddings", m.Tied)
	c.Set("use_cache", true)
	c.Set("vocab_size", m.Vocab)
	// The rest, and whatever only this architecture's config can say, comes from its own rules.
	if err := m.Spec.Update(c, m); err != nil {
		return nil, err
	}
	c.sort()
	return c, nil
}

package arch

import "famkit/internal/tensor"

// NewConfig builds a config.json for m from scratch, keys sorted as transformers writes them, with both
// spellings of the rotary settings and of the dtype. Every size is explicit, so that no default matters.
func NewConfig(m *Model) (*Config, error) {
	c := EmptyConfig()
	c.Set("architectures", []string{m.Spec.Class})
	c.Set("attention_dropout", 0.0)
	c.Set("bos_token_id", idsValue(m.BOS))
	c.Set("eos_token_id", idsValue(m.EOS))
	if m.DType != tensor.Invalid {
		c.Set("dtype", m.DType.Torch())
	}
	c.Set("head_dim", m.HeadDim)
	c.Set("hidden_act", string(m.Act))
	c.Set("hidden_size", m.Hidden)
	c.Set("initializer_range", m.InitRange)
	c.Set("intermediate_size", m.FFN)
	c.Set("max_position_embeddings", m.MaxPos)
	c.Set("model_type", m.Spec.Name)
	c.Set("num_attention_heads", m.Heads)
	c.Set("num_hidden_layers", m.Layers)
	c.Set("num_key_value_heads", m.KVHeads)
	c.Set("rms_norm_eps", m.Eps)
	c.Set(ropeParams, ropeObject(m.Rope))
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

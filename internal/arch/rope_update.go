package arch

import "math"

// rope writes both spellings. Numbers that stay keep their text: it is taken from whichever spelling was there.
func (w *writer) rope(d *defaults) {
	k := d.rope
	if k == nil {
		return
	}
	c, rope := w.c, w.m.Rope
	same := w.sameRope()
	part := w.part(d)
	params := w.ropeParams(k, same)
	if k.partial != "" {
		setPart(params, ropePartial, part)
		setPart(c, k.partial, part)
		setPart(c, ropePartial, part)
	}
	scaling, four, _ := c.Object(ropeScaling)
	if k.local != 0 {
		w.localRope(params)
	} else {
		c.Set(ropeParams, params)
	}
	theta, _ := params.Raw(ropeTheta)
	c.Set(ropeTheta, theta)
	c.Set(k.theta, theta)
	if rope.Type == ropeLongrope && (!c.Has(originalMaxPos) || w.was.Rope.OriginalMaxPos != rope.OriginalMaxPos) {
		c.Set(originalMaxPos, rope.OriginalMaxPos)
	}
	// transformers 4 takes longrope's factor from the context's sizes, and the attention factor after it
	implied := rope.Type == ropeLongrope && rope.Factor != 0 && !scaling.has("attention_factor")
	switch keep := (!rope.hasContext() || scaling.has(originalMaxPos) || k.short) && !implied; {
	case rope.Type == ropeDefault:
		c.Set(ropeScaling, nil)
	case four && len(scaling.keys) > 0 && same && keep:
	default:
		c.Set(ropeScaling, k.oldObject(params, w.m))
	}
}

// sameRope reports whether the settings' text still means what it meant. longrope's attention factor follows from
// max_position_embeddings where it is not given.
func (w *writer) sameRope() bool {
	moved := w.m.Rope.Type == ropeLongrope && w.was.MaxPos != w.m.MaxPos
	return w.was.Rope.Equal(w.m.Rope) && !moved
}

// ropeParams is transformers 5's object of settings.
func (w *writer) ropeParams(k *ropeKeys, same bool) *Config {
	c, rope := w.c, w.m.Rope
	params, five, _ := c.Object(ropeParams) // Resolve has read the objects
	if k.local != 0 && five {
		params, five, _ = params.Object(fullAttention)
	}
	scaling, four, _ := c.Object(ropeScaling)
	switch {
	case !same:
		params = ropeObject(rope)
	case five && len(params.keys) > 0:
	case four && len(scaling.keys) > 0:
		params = scaling.Clone()
		params.Delete("type")
	default:
		params = EmptyConfig()
	}
	if !params.IsSet(ropeTheta) {
		if raw, ok := c.Raw(k.theta); ok && same {
			params.Set(ropeTheta, raw)
		} else {
			params.Set(ropeTheta, rope.Theta)
		}
	}
	if !params.IsSet("rope_type") {
		params.Set("rope_type", rope.Type)
	}
	if rope.Type == ropeLongrope && rope.Factor != 0 && !params.IsSet("attention_factor") {
		params.Set("attention_factor", rope.AttentionFactor)
	}
	if rope.hasContext() && !params.IsSet(originalMaxPos) {
		params.Set(originalMaxPos, rope.OriginalMaxPos)
	}
	return params
}

// hasContext reports whether the config gives the context that the scaling starts from.
func (r Rope) hasContext() bool {
	return r.Type == ropeLlama3 || r.Type == ropeYarn || r.Type == ropeLongrope
}

func (c *Config) has(key string) bool { return c != nil && c.IsSet(key) }

// part is the part of each head that turns: what the config says while that gives the same number of elements.
func (w *writer) part(d *defaults) float64 {
	r := &reader{Config: w.c}
	if part := r.turning(w.was, d).part; rotaryDim(w.m.HeadDim, part) == w.m.RotaryDim {
		return part
	}
	return partOf(w.m)
}

// partOf is a part of the head of which rotaryDim gives the model's number of elements.
func partOf(m *Model) float64 {
	part := float64(m.RotaryDim) / float64(m.HeadDim)
	if rotaryDim(m.HeadDim, part) < m.RotaryDim {
		part = math.Nextafter(part, 2)
	}
	return part
}

// setPart writes a part where the config does not say it already.
func setPart(c *Config, key string, part float64) {
	if now, err := c.Float(key, math.NaN()); err != nil || now != part {
		c.Set(key, part)
	}
}

// ropeObject spells settings as transformers 5 does, nothing left to defaults.
func ropeObject(rope Rope) *Config {
	o := EmptyConfig()
	if rope.AttentionFactor != 0 {
		o.Set("attention_factor", rope.AttentionFactor)
	}
	if rope.Type == ropeYarn {
		o.Set("beta_fast", rope.BetaFast)
		o.Set("beta_slow", rope.BetaSlow)
	}
	if rope.Factor != 0 {
		o.Set("factor", rope.Factor)
	}
	if rope.Type == ropeLlama3 {
		o.Set("high_freq_factor", rope.HighFreqFactor)
	}
	if rope.Type == ropeLongrope {
		o.Set("long_factor", rope.LongFactor)
	}
	if rope.Type == ropeLlama3 {
		o.Set("low_freq_factor", rope.LowFreqFactor)
	}
	if rope.hasContext() {
		o.Set(originalMaxPos, rope.OriginalMaxPos)
	}
	o.Set(ropeTheta, rope.Theta)
	o.Set("rope_type", rope.Type)
	if rope.Type == ropeLongrope {
		o.Set("short_factor", rope.ShortFactor)
	}
	if rope.Type == ropeYarn {
		o.Set("truncate", rope.Whole)
	}
	return o
}

// oldObject is transformers 4's object for the same settings. Where that takes only its older keys, it has just
// these, as long as nothing else needs saying: transformers 4 then refuses the config, which beats computing
// something else.
func (k *ropeKeys) oldObject(params *Config, m *Model) *Config {
	old := params.Clone()
	old.Delete(ropeTheta)
	old.Delete(ropePartial)
	rope := m.Rope
	switch {
	case !k.short || rope.Type == ropeLlama3 || rope.Type == ropeYarn:
		return old
	case rope.Type == ropeLongrope && (rope.Factor != 0 || rope.AttentionFactor != rope.ownAttention(m.MaxPos)):
		return old
	}
	old.Set("type", rope.Type)
	for _, key := range []string{"rope_type", originalMaxPos, "attention_factor"} {
		old.Delete(key)
	}
	return old
}

// set writes the model's rotary settings into a new config, as far as a first reading needs them.
func (k *ropeKeys) set(c *Config, m *Model) {
	params := ropeObject(m.Rope)
	if k.partial != "" {
		params.Set(ropePartial, partOf(m))
	}
	if m.Rope.Type == ropeLongrope {
		c.Set(originalMaxPos, m.Rope.OriginalMaxPos)
	}
	if k.local == 0 {
		c.Set(ropeParams, params)
		return
	}
	both := EmptyConfig()
	both.Set(fullAttention, params)
	both.Set(slidingAttention, ropeObject(*m.LocalRope))
	c.Set(ropeParams, both)
}

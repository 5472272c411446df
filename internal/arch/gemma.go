package arch

import (
	"math"

	"famkit/internal/fault"
)

// Gemma, as GemmaForCausalLM: gains are stored less one, the embedding is scaled by sqrt(hidden_size), the head is tied
// unless the config says otherwise.
var gemma = &Spec{
	Name: "gemma", Class: "GemmaForCausalLM",
	Embed: llamaEmbed(), Block: llamaBlock(), Head: llamaHead(), Ignore: llamaIgnore(),
	defaults: &gemmaDefaults,
	derive:   gemmaDerive,
	Parse:    parseGemma,
	Update:   updateGemma,
	keys:     gemmaOwn,
	four:     gemmaFour,
}

var gemmaDefaults = defaults{
	keys: llamaKeys, rope: llamaRope, act: GELUTanh, tied: true,
	vocab: 256000, hidden: 3072, ffn: 24576, layers: 28, heads: 16, kv: 16, headDim: 256, maxPos: 8192,
	eps: 1e-6, theta: 10000, bos: []int{2}, eos: []int{1},
}

// gemmaFamily reads what all Gemmas have in common.
func (r *reader) gemmaFamily(d *defaults) *Model {
	m := r.common(d)
	m.GainOffset = 1
	gemmaDerive(m)
	m.QKVBias = r.bool("attention_bias", false)
	m.OBias = m.QKVBias
	return m
}

// gemmaDerive sets the embedding's scale as transformers has it before it rounds it to the weights' type.
func gemmaDerive(m *Model) { m.EmbedScale = math.Sqrt(float64(m.Hidden)) }

func parseGemma(c *Config) (*Model, error) {
	r := &reader{Config: c}
	m := r.gemmaFamily(&gemmaDefaults)
	if m.Act == GELU { // the first releases said gelu and meant the other; transformers 5 reads it so
		m.Act = GELUTanh
	}
	if r.IsSet("hidden_activation") {
		if now := r.activation("hidden_activation", GELUTanh); now != m.Act && r.err == nil {
			r.keep(fault.Inputf("%s: hidden_act means %s, but hidden_activation says %s", r.path, m.Act, now))
		}
	}
	return m, r.err
}

// gemmaFour takes hidden_act at its word, as transformers 4 does.
func gemmaFour(c *Config, m *Model) error {
	r := &reader{Config: c}
	m.Act = r.activation("hidden_act", GELUTanh)
	return r.err
}

func updateGemma(c *Config, m *Model) error {
	w, err := newWriter(c, m)
	if err != nil {
		return err
	}
	w.gemmaFamily(&gemmaDefaults)
	if act, err := c.String("hidden_act", ""); err == nil &&
		act == string(GELU) { // which transformers 4 takes at its word
		c.Set("hidden_act", string(m.Act))
	}
	if c.IsSet("hidden_activation") && w.was.Act != m.Act {
		c.Set("hidden_activation", string(m.Act))
	}
	return w.finish()
}

func (w *writer) gemmaFamily(d *defaults) {
	w.common(d)
	w.bool("attention_bias", w.was.QKVBias, w.m.QKVBias)
}

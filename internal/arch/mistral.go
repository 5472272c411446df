package arch

import "famkit/internal/fault"

// Mistral, as MistralForCausalLM: no biases, and one attention window for all layers, which is 4096 when the
// config does not say null.
var mistral = &Spec{
	Name: "mistral", Class: "MistralForCausalLM",
	Embed: llamaEmbed(), Block: llamaBlock(), Head: llamaHead(), Ignore: llamaIgnore(),
	Parse:  parseMistral,
	Update: updateMistral,
}

var mistralDefaults = defaults{
	vocab: 32000, hidden: 4096, ffn: 14336, layers: 32, heads: 32, kv: 8, maxPos: 131072,
	eps: 1e-6, theta: 10000, bos: []int{1}, eos: []int{2},
}

const mistralWindow = 4096

func parseMistral(c *Config) (*Model, error) {
	r := &reader{Config: c}
	m := r.common(&mistralDefaults)
	if window, on := r.intOrNull("sliding_window", mistralWindow); on {
		r.positive("sliding_window", window)
		for i := range m.Window {
			m.Window[i], m.LayerType[i] = window, slidingAttention
		}
	}
	return m, r.err
}

func updateMistral(c *Config, m *Model) error {
	w, err := newWriter(c, m)
	if err != nil {
		return err
	}
	w.common(&mistralDefaults)
	window := m.Window[0]
	for i, x := range m.Window {
		if x != window {
			return fault.Inputf("mistral has one sliding_window for all layers, wanted %d in layer 0 and %d in layer %d", window, x, i)
		}
	}
	if window != w.was.Window[0] {
		if window == 0 {
			c.Set("sliding_window", nil) // absent would mean 4096
		} else {
			c.Set("sliding_window", window)
		}
	}
	return w.finish()
}

package arch

import "famkit/internal/fault"

// Mistral, as MistralForCausalLM: no biases, and one attention window for all layers, which is 4096 when the
// config does not say null.
var mistral = &Spec{
	Name: "mistral", Class: "MistralForCausalLM",
	Embed: llamaEmbed(), Block: llamaBlock(), Head: llamaHead(), Ignore: llamaIgnore(),
	defaults: &mistralDefaults,
	Parse:    parseMistral,
	Update:   updateMistral,
	keys:     mistralOwn,
}

var mistralDefaults = defaults{
	keys: llamaKeys, rope: llamaRope,
	vocab: 32000, hidden: 4096, ffn: 14336, layers: 32, heads: 32, kv: 8, maxPos: 131072,
	eps: 1e-6, theta: 10000, bos: []int{1}, eos: []int{2},
}

const mistralWindow = 4096

func parseMistral(c *Config) (*Model, error) {
	r := &reader{Config: c}
	m := r.common(&mistralDefaults)
	window, on := r.intOrNull("sliding_window", mistralWindow)
	r.oneWindow(m, window, on)
	r.listedAsOne(m, on)
	return m, r.err
}

// listedAsOne refuses layer_types that say anything else than the one window: transformers takes a config that has
// the key for a ministral's, whose layers go by it.
func (r *reader) listedAsOne(m *Model, on bool) {
	types, listed, err := r.Strings("layer_types")
	r.keep(err)
	kind := fullAttention
	if on {
		kind = slidingAttention
	}
	for i, t := range types {
		if listed && t != kind && r.err == nil {
			r.keep(fault.Inputf("%s: layer_types: wanted %s in all layers of a mistral model, as sliding_window says, found "+
				"%q in layer %d", r.path, kind, t, i))
		}
	}
}

func updateMistral(c *Config, m *Model) error {
	w, err := newWriter(c, m)
	if err != nil {
		return err
	}
	w.common(&mistralDefaults)
	if err := w.oneWindow(); err != nil {
		return err
	}
	return w.finish()
}

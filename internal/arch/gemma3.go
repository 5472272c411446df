package arch

import "famkit/internal/fault"

// Gemma 3's language model, as Gemma3ForCausalLM: Gemma 2 with a norm on each head of q and k in place of the
// capped scores, every sixth layer full, and a rotary embedding of their own for the sliding layers.
var gemma3 = &Spec{
	Name: "gemma3_text", Class: "Gemma3ForCausalLM",
	Embed: llamaEmbed(), Block: gemma2Block(), Head: llamaHead(), Ignore: llamaIgnore(),
	HeadsDivideHidden: true,
	defaults:          &gemma3Defaults,
	derive:            gemmaDerive,
	Parse:             parseGemma3,
	Update:            updateGemma3,
	keys:              gemma3Own,
}

var gemma3Defaults = defaults{
	keys: gemmaKeys, rope: &ropeKeys{theta: ropeTheta, types: ropeTypes, local: 10000}, act: GELUTanh, tied: true,
	vocab: 262208, hidden: 2304, ffn: 9216, layers: 26, heads: 8, kv: 4, headDim: 256, maxPos: 131072,
	eps: 1e-6, theta: 1e6, bos: []int{2}, eos: []int{1},
}

func parseGemma3(c *Config) (*Model, error) {
	r := &reader{Config: c}
	m := r.gemmaFamily(&gemma3Defaults)
	m.PostNorm, m.QKNorm = true, true
	r.preAttn(m)
	if r.IsSet(attnCap) { // transformers reads it and does nothing with it
		r.keep(fault.Inputf("%s: %s: wanted null for gemma3_text, found %s", r.path, attnCap, clip(r.raw[attnCap])))
	}
	m.FinalSoftcap = r.softcap(finalCap, 0)
	pattern := r.int("sliding_window_pattern", 6)
	r.positive("sliding_window_pattern", pattern)
	r.listedWindows(m, gemmaWindow, func(layer int) string {
		if (layer+1)%pattern == 0 {
			return fullAttention
		}
		return slidingAttention
	})
	return m, r.err
}

func updateGemma3(c *Config, m *Model) error {
	w, err := newWriter(c, m)
	if err != nil {
		return err
	}
	w.gemmaFamily(&gemma3Defaults)
	w.preAttn()
	w.softcap(finalCap, w.was.FinalSoftcap, m.FinalSoftcap)
	if err := w.listedWindows(); err != nil {
		return err
	}
	return w.finish()
}

package arch

import (
	"math"

	"famkit/internal/fault"
)

// Gemma 2, as Gemma2ForCausalLM: norms before and after both branches, every other layer slides from the first on,
// scores scaled by query_pre_attn_scalar^-1/2, scores and logits capped.
var gemma2 = &Spec{
	Name: "gemma2", Class: "Gemma2ForCausalLM",
	Embed: llamaEmbed(), Block: gemma2Block(), Head: llamaHead(), Ignore: llamaIgnore(),
	HeadsDivideHidden: true,
	defaults:          &gemma2Defaults,
	derive:            gemmaDerive,
	Parse:             parseGemma2,
	Update:            updateGemma2,
	keys:              gemma2Own,
	four:              gemma2Four,
}

var gemma2Defaults = defaults{
	keys: gemmaKeys, rope: llamaRope, act: GELUTanh, tied: true,
	vocab: 256000, hidden: 2304, ffn: 9216, layers: 26, heads: 8, kv: 4, headDim: 256, maxPos: 8192,
	eps: 1e-6, theta: 10000, bos: []int{2}, eos: []int{1},
}

const (
	attnCap  = "attn_logit_softcapping"
	finalCap = "final_logit_softcapping"
	preAttn  = "query_pre_attn_scalar"

	gemmaWindow = 4096
)

// gemma2Block has Llama's tensors and two more norms: what Llama calls post_attention_layernorm is the norm before
// the MLP, here it is the one after attention.
func gemma2Block() []TensorSpec {
	gain := []Dim{scales(Hidden)}
	block := without(llamaBlock(), MLPNorm)
	return append(block,
		TensorSpec{Role: AttnPostNorm, Name: blockPrefix + "post_attention_layernorm.weight", Dims: gain},
		TensorSpec{Role: MLPNorm, Name: blockPrefix + "pre_feedforward_layernorm.weight", Dims: gain},
		TensorSpec{Role: MLPPostNorm, Name: blockPrefix + "post_feedforward_layernorm.weight", Dims: gain})
}

func parseGemma2(c *Config) (*Model, error) {
	r := &reader{Config: c}
	m := r.gemmaFamily(&gemma2Defaults)
	m.PostNorm = true
	r.preAttn(m)
	m.AttnSoftcap = r.softcap(attnCap, 50)
	m.FinalSoftcap = r.softcap(finalCap, 30)
	r.listedWindows(m, gemmaWindow, func(layer int) string {
		if layer%2 == 0 {
			return slidingAttention
		}
		return fullAttention
	})
	return m, r.err
}

// preAttn reads the scale of the attention scores.
func (r *reader) preAttn(m *Model) {
	scalar := r.int(preAttn, 256)
	r.positive(preAttn, scalar)
	m.ScoreScale = math.Pow(float64(scalar), -0.5)
}

// softcap reads a cap; null means none.
func (r *reader) softcap(key string, def float64) float64 {
	if r.Has(key) && !r.IsSet(key) {
		return 0
	}
	v := r.float(key, def)
	if r.Has(key) && v <= 0 {
		r.keep(fault.Inputf("%s: %s: wanted a positive number or null, found %v", r.path, key, v))
	}
	return v
}

// gemma2Four leaves out the cap of the scores: the attention that transformers 4 takes unless it is told another has
// none.
func gemma2Four(_ *Config, m *Model) error {
	m.AttnSoftcap = 0
	return nil
}

func updateGemma2(c *Config, m *Model) error {
	w, err := newWriter(c, m)
	if err != nil {
		return err
	}
	w.gemmaFamily(&gemma2Defaults)
	w.preAttn()
	w.softcap(attnCap, w.was.AttnSoftcap, m.AttnSoftcap)
	w.softcap(finalCap, w.was.FinalSoftcap, m.FinalSoftcap)
	if err := w.listedWindows(); err != nil {
		return err
	}
	return w.finish()
}

// preAttn writes the scale of the scores, which must be that of an integer.
func (w *writer) preAttn() {
	if w.was.ScoreScale != w.m.ScoreScale {
		w.c.Set(preAttn, int(math.Round(math.Pow(w.m.Scale(), -2))))
	}
}

func (w *writer) softcap(key string, was, now float64) {
	switch {
	case was == now:
	case now == 0:
		w.c.Set(key, nil)
	default:
		w.c.Set(key, now)
	}
}

package train

import (
	"math"

	"famkit/internal/decoder"
	"famkit/internal/engine"
	"famkit/internal/trainstate"
)

// adamW holds the state of torch.optim.AdamW over a decoder's parameters: decoupled decay on tensors of two or
// more dimensions, bias correction, one global gradient norm.
type adamW struct {
	d                       *decoder.Decoder
	params                  []decoder.Param
	m, v                    []engine.Buf // exp_avg, exp_avg_sq; as params
	beta1, beta2, eps, clip float64
	decay                   float64
	// trainable are the blocks that are trained, nil: all of the model.
	trainable map[int]bool
}

// frozen reports whether a parameter is left alone.
func (o *adamW) frozen(p *decoder.Param) bool { return o.trainable != nil && !o.trainable[p.Layer] }

// newAdamW allocates zero moments, laid out as the decoder's weights: two buffers, a view for each parameter.
func newAdamW(d *decoder.Decoder, s *trainstate.Settings) (*adamW, error) {
	o := &adamW{d: d, params: d.Params(), beta1: s.Beta1, beta2: s.Beta2, eps: s.Eps, clip: s.Clip, decay: s.WeightDecay}
	all := d.Weights()
	for _, views := range []*[]engine.Buf{&o.m, &o.v} {
		b, err := d.Engine().Alloc(all.Type, all.N)
		if err != nil {
			return nil, err
		}
		for _, p := range o.params {
			*views = append(*views, b.At(p.Off, p.W.N))
		}
	}
	return o, nil
}

// step updates every weight by its gradient, as update number t counted from 1. Gradients are scaled down where their
// norm exceeds the clip; where it or the loss is not finite nothing changes.
func (o *adamW) step(t int, lr float64) {
	for i := range o.params {
		if p := &o.params[i]; o.frozen(p) {
			o.d.Engine().Zero(p.G) // it is not part of the norm
		}
	}
	o.d.Clip(o.clip)
	u := engine.AdamW{LR: lr, Beta1: o.beta1, Beta2: o.beta2, Eps: o.eps, Factor: o.d.Factor(),
		C1: 1 - math.Pow(o.beta1, float64(t)), C2: 1 - math.Pow(o.beta2, float64(t))}
	for i, p := range o.params {
		if o.frozen(&p) {
			continue
		}
		u.W, u.Copy, u.G, u.M, u.V, u.Decay = p.W, p.Copy, p.G, o.m[i], o.v[i], 0
		if len(p.Shape) >= 2 {
			u.Decay = o.decay
		}
		o.d.Engine().AdamW(&u)
	}
}

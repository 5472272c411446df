package train

import (
	"math"

	"famkit/internal/decoder"
	"famkit/internal/engine"
	"famkit/internal/fault"
	"famkit/internal/trainstate"
)

// adamW holds the state of torch.optim.AdamW over a decoder's parameters: decoupled decay on tensors of two or
// more dimensions, bias correction, one global gradient norm.
type adamW struct {
	e                       engine.Engine
	params                  []decoder.Param
	grads                   engine.Buf   // all gradients
	m, v                    []engine.Buf // exp_avg, exp_avg_sq; as params
	beta1, beta2, eps, clip float64
	decay                   float64
}

// newAdamW allocates zero moments, laid out as the decoder's weights: two buffers, a view for each parameter.
func newAdamW(d *decoder.Decoder, s *trainstate.Settings) (*adamW, error) {
	o := &adamW{e: d.Engine(), params: d.Params(), grads: d.Gradients(), beta1: s.Beta1, beta2: s.Beta2, eps: s.Eps, clip: s.Clip, decay: s.WeightDecay}
	all := d.Weights()
	for _, views := range []*[]engine.Buf{&o.m, &o.v} {
		b, err := o.e.Alloc(all.Type, all.N)
		if err != nil {
			return nil, err
		}
		for _, p := range o.params {
			off := int(uintptr(p.W.Ptr)-uintptr(all.Ptr)) / all.Type.Size()
			*views = append(*views, b.At(off, p.W.N))
		}
	}
	return o, nil
}

// gradNorm is the Euclidean norm of all gradients together.
func (o *adamW) gradNorm() float64 { return math.Sqrt(o.e.SumSquares(o.grads)) }

// step updates every weight by its gradient, as update number t counted from 1. norm is gradNorm's; gradients
// are scaled down where it exceeds the clip.
func (o *adamW) step(t int, lr, norm float64) {
	scale := 1.0
	if o.clip > 0 {
		scale = min(1, o.clip/(norm+1e-6)) // torch.nn.utils.clip_grad_norm_
	}
	u := engine.AdamW{LR: lr, Beta1: o.beta1, Beta2: o.beta2, Eps: o.eps, GradScale: scale,
		C1: 1 - math.Pow(o.beta1, float64(t)), C2: 1 - math.Pow(o.beta2, float64(t))}
	for i, p := range o.params {
		u.W, u.G, u.M, u.V, u.Decay = p.W, p.G, o.m[i], o.v[i], 0
		if len(p.Shape) >= 2 {
			u.Decay = o.decay
		}
		o.e.AdamW(&u)
	}
}

// finite refuses a figure that is not a number before it does harm.
func finite(step int, name string, v float64) error {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return fault.Hint(fault.Failedf("step %d: %s is %v; stopped before the update", step, name, v),
			"a lower --lr, a longer --warmup or a smaller --clip; famkit inspect --values finds weights that are not finite")
	}
	return nil
}

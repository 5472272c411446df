package proof

import (
	"fmt"
	"math"

	"famkit/internal/arch"
	"famkit/internal/rowsum"
)

// norm judges a gain or a norm's bias: g'(t) = k(t) g(src t) sqrt(rho) / a(t). k is 1 before attention and MLP, a for a
// norm of what a block adds. A norm's bias is copied, 0 at fresh entries.
func (p *pass) norm(w *rowsum.Worker, order int, b, source arch.Bound) error {
	g, err := p.gainsOf(b)
	if err != nil {
		p.refusef(condNorms, order, b.Info().Name, "%v", err)
		return nil
	}
	g.Parent, g.Child = sameType(source.Tensor, b.Tensor)
	g.MayRound, g.Roundings = p.rounds(b.Spec)
	o, err := w.Gains(g)
	if err != nil {
		return err
	}
	p.judge(condNorms, order, b.Info().Name, o)
	if o.Excess != nil && o.Bad == nil {
		p.mu.Lock()
		p.offsets = append(p.offsets, offsetGain{order, b, o.Excess, o.Allowed})
		p.mu.Unlock()
	}
	return nil
}

// gainsOf says what the elements of a norm's gain or bias must be.
func (s *space) gainsOf(b arch.Bound) (*rowsum.Gains, error) {
	one := func(int) float64 { return 1 }
	rel, in, out, rho := s.stream, s.stream.ScaleAt, one, s.rho
	switch b.Spec.Role.Weight() {
	case arch.AttnNorm, arch.MLPNorm:
	case arch.AttnPostNorm, arch.MLPPostNorm:
		out = s.stream.ScaleAt
	case arch.FinalNorm:
		if s.child.Model.Tied {
			out = s.tiedGain()
		}
	case arch.QNorm, arch.KNorm:
		var err error
		if rel, rho, err = s.headNorm(b); err != nil {
			return nil, err
		}
		in = one
		if b.Spec.Role == arch.QNorm {
			out = func(int) float64 { return s.kappa }
		}
	default:
		return nil, fmt.Errorf("no condition is known for a norm of role %s", b.Spec.Role)
	}
	g := &rowsum.Gains{Rel: rel, Offset: s.parent.Model.GainOffset,
		Factor: func(t int) float64 { return out(t) * math.Sqrt(rho) / in(t) }}
	if b.Spec.Dims[0].Use == arch.Shifts {
		g.Offset, g.Zeros, g.Factor = 0, true, out
	}
	return g, nil
}

// tiedGain is what the final norm must give where the embedding is the head too: read through the same columns that
// wrote the stream, the copies of an index add up to the parent's: sum over t -> s of e(t) k(t) = 1.
func (s *space) tiedGain() func(t int) float64 {
	embed := s.stream.Scaled(s.embed)
	read := make([]float64, s.stream.From)
	for t, src := range s.stream.Src {
		if src >= 0 {
			read[src] += embed.ScaleAt(t) * s.stream.ScaleAt(t)
		}
	}
	return func(t int) float64 {
		if src := s.stream.Src[t]; src >= 0 {
			return s.stream.ScaleAt(t) / read[src]
		}
		return 1
	}
}

// headNorm: a norm of q or k keeps its mean square under equal copies. With fresh elements the epsilon, which all norms
// share, follows: it is rho times the parent's.
func (s *space) headNorm(b arch.Bound) (*rowsum.Relation, float64, error) {
	rel := rowsum.Identity(1)
	for _, a := range b.Spec.Dims[0].Axes {
		r, err := s.axis(b.Layer, a)
		if err != nil {
			return nil, 0, err
		}
		rel = rel.Times(r)
	}
	c := rel.Copies()
	for e := range c {
		if c[e] != c[0] || c[e] == 0 {
			return nil, 0, fmt.Errorf("element %d has %d copies, element 0 %d: the norm over them is not kept", e, c[e], c[0])
		}
	}
	rho := float64(c[0]) * float64(rel.From) / float64(rel.To())
	if want := s.parent.Model.Eps * rho; !near(s.child.Model.Eps, want) {
		return nil, 0, fmt.Errorf("the norm's epsilon is %v, wanted %v for %d of %d elements", s.child.Model.Eps, want,
			rel.From*c[0], rel.To())
	}
	return rel, rho, nil
}

// gainAt reads the effective gain of a norm of the child in a layer, and its bias; nil where it has none.
func (s *space) gainAt(w *rowsum.Worker, ck *arch.Checkpoint, role arch.Role, layer int) (gains, biases []float64,
	err error) {
	if b, ok := ck.At(arch.Key{Role: role, Layer: layer, Expert: -1}); ok {
		if gains, err = w.Vector(b.Tensor); err != nil {
			return nil, nil, err
		}
		for i := range gains {
			gains[i] += ck.Model.GainOffset
		}
	}
	if b, ok := ck.At(arch.Key{Role: role.Bias(), Layer: layer, Expert: -1}); ok {
		biases, err = w.Vector(b.Tensor)
	}
	return gains, biases, err
}

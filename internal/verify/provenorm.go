package verify

import (
	"fmt"
	"math"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/tensor"
)

// vector reads a vector.
func vector(t tensor.Tensor) ([]float64, error) {
	raw, err := format.ReadAll(t)
	if err != nil {
		return nil, err
	}
	info := t.Info()
	out := make([]float64, len(raw)*8/info.DType.Bits())
	tensor.Decode(out, raw, info.DType)
	return out, nil
}

// normed is what a norm's gain must do: from elements that are in[t] times the parent's it makes elements that are out[t]
// times the parent's. rho is the mean square of what it reads over the parent's.
type normed struct {
	rel     *relation
	in, out func(t int) float64
	rho     float64
	offset  float64
	shift   bool // a norm's bias
	// roundings and rough are product's.
	roundings float64
	rough     bool
	fresh     float64 // the largest gain where nothing of the parent stands
}

// normOf says what norm a gain belongs to.
func (p *prover) normOf(b arch.Bound) (normed, error) {
	one := func(int) float64 { return 1 }
	role, shift := b.Spec.Role, b.Spec.Dims[0].Use == arch.Shifts
	m := p.parent.Model
	n := normed{rel: p.stream, in: p.stream.scale, out: one, rho: p.rho, offset: m.GainOffset, shift: shift,
		roundings: p.claim.rounds(), rough: p.claim.Roundings > 0}
	switch trimBias(role) {
	case arch.AttnNorm, arch.MLPNorm:
	case arch.AttnPostNorm, arch.MLPPostNorm:
		n.out = p.stream.scale
	case arch.FinalNorm:
		if p.child.Model.Tied {
			n.out = p.tiedGain()
		}
	case arch.QNorm, arch.KNorm:
		n.rel = sameRelation(1)
		for _, a := range b.Spec.Dims[0].Axes {
			n.rel = n.rel.times(p.axis(b.Layer, a))
		}
		n.in = one
		if trimBias(role) == arch.QNorm {
			n.out = func(int) float64 { return p.kappa }
		}
		return n, p.headNorm(&n)
	default:
		return n, fmt.Errorf("no condition is known for a norm of role %s", role)
	}
	return n, nil
}

func trimBias(r arch.Role) arch.Role {
	if isBias(r) {
		return r[:len(r)-5]
	}
	return r
}

// tiedGain is what the final norm must give where the embedding is the head too: read through the same columns that wrote the
// stream, the copies of an index must add up to the parent's.
func (p *prover) tiedGain() func(t int) float64 {
	embed := p.stream.scaled(p.embed)
	read := make([]float64, p.stream.from)
	for t, s := range p.stream.src {
		if s >= 0 {
			read[s] += embed.scale(t) * p.stream.scale(t)
		}
	}
	return func(t int) float64 {
		if s := p.stream.src[t]; s >= 0 {
			return p.stream.scale(t) / read[s]
		}
		return 1
	}
}

// headNorm: a norm of q or k keeps its mean square under equal copies. With fresh elements the epsilon, which all norms
// share, would have to change with them.
func (p *prover) headNorm(n *normed) error {
	c := n.rel.copies()
	for s := range c {
		if c[s] != c[0] || c[s] == 0 {
			return fmt.Errorf("element %d has %d copies, element 0 %d: the norm over them is not kept", s, c[s], c[0])
		}
	}
	n.rho = float64(c[0]) * float64(n.rel.from) / float64(n.rel.to())
	if want := p.parent.Model.Eps * n.rho; !near(p.child.Model.Eps, want) {
		return fmt.Errorf("the norm's epsilon is %v, wanted %v for %d of %d elements", p.child.Model.Eps, want, n.rel.from*c[0], n.rel.to())
	}
	return nil
}

// norm judges a gain or a norm's bias.
func (p *prover) norm(w *worker, order int, b, source arch.Bound) error {
	name := b.Info().Name
	n, err := p.normOf(b)
	if err != nil {
		p.refusef(condNorms, order, name, "%v", err)
		return nil
	}
	was, err := vector(source.Tensor)
	if err != nil {
		return err
	}
	is, err := vector(b.Tensor)
	if err != nil {
		return err
	}
	n.fresh = math.Inf(1) // what stands there is zero
	if p.parent.Model.LayerNorm {
		n.fresh = asLarge * math.Max(p.usual(b), largestOf(was))
	}
	o := &outcome{bytes: source.Info().Size() + b.Info().Size()}
	d := b.Info().DType
	switch {
	case d != source.Info().DType:
		o.bad = &Counterexample{Where: name, Text: fmt.Sprintf("is %s, its source is %s", d, source.Info().DType)}
	case len(was) != n.rel.from || len(is) != n.rel.to():
		o.bad = &Counterexample{Where: name, Text: fmt.Sprintf("has %d elements, its source %d; wanted %d and %d", len(is), len(was), n.rel.to(), n.rel.from)}
	default:
		for t := 0; t < len(is) && o.bad == nil; t++ {
			o.bad = n.element(o, t, was, is, d)
			if o.bad != nil {
				o.bad.Where, o.bad.Index = name, []int{t}
			}
		}
	}
	p.judge(condNorms, order, name, o)
	return nil
}

// element judges one gain: offset + stored must be the parent's times out sqrt(rho) / in.
func (n *normed) element(o *outcome, t int, was, is []float64, d tensor.DType) *Counterexample {
	if math.IsNaN(is[t]) || math.IsInf(is[t], 0) {
		return &Counterexample{Text: fmt.Sprintf("found %v", is[t])}
	}
	s := n.rel.src[t]
	if s < 0 {
		if n.shift && is[t] != 0 {
			return &Counterexample{Text: fmt.Sprintf("wanted 0 where nothing of the parent stands, found %v", is[t])}
		}
		if !(math.Abs(is[t]) <= n.fresh) {
			return &Counterexample{Text: fmt.Sprintf("what is normed there is zero but for rounding: wanted at most %.3g, found %v", n.fresh, is[t])}
		}
		return nil
	}
	f, offset := n.out(t)*math.Sqrt(n.rho)/n.in(t), n.offset
	if n.shift {
		f, offset = n.out(t), 0
	}
	var want sum
	want.addProduct(was[s], f)
	want.addProduct(offset, f)
	want.add(-offset)
	diff := math.Abs(sum{hi: is[t]}.minus(want))
	if diff == 0 {
		o.rounded = o.rounded || !isPower(f) && want.hi != 0
		return nil
	}
	size := math.Max(math.Abs(want.hi), math.Abs(is[t]))
	held := size
	if n.rough {
		held += math.Abs(offset) // what was rounded in between
	}
	bound := n.roundings * (roundingBound(d, held) + claimError*math.Abs(offset))
	h, l := twoSum(want.hi, want.lo)
	sure := isPower(f) && !n.rough && !(offset != 0 && d == tensor.F64) // an offset may round once more in float64
	if sure && !want.lossy && representable(h, l, d) || !(diff <= bound) {
		return &Counterexample{Text: fmt.Sprintf("wanted %v, %v times the parent's, found %v", h, f, is[t])}
	}
	o.rounded = true
	o.worst = math.Max(o.worst, diff/ulpOf(size, d))
	return nil
}

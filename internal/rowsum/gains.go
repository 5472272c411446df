package rowsum

import (
	"fmt"
	"math"

	"famkit/internal/tensor"
)

// Gains is the condition on a norm's gain or bias: element t, Offset counted, is Factor(t) times the parent's element
// of its source.
type Gains struct {
	Parent, Child tensor.Tensor
	Rel           *Relation
	Factor        func(t int) float64
	// Offset is what the architecture adds to what is stored.
	Offset float64
	// Zeros: elements without a source must be zero. Else they are free.
	Zeros bool
	// MayRound and Roundings are Comparison's.
	MayRound  bool
	Roundings int
}

// Gains compares a norm's vectors.
func (w *Worker) Gains(g *Gains) (*Outcome, error) {
	was, err := w.Vector(g.Parent)
	if err != nil {
		return nil, err
	}
	is, err := w.Vector(g.Child)
	if err != nil {
		return nil, err
	}
	p, c := g.Parent.Info(), g.Child.Info()
	o := &Outcome{Bytes: p.Size() + c.Size()}
	o.allow(max(1, g.Roundings), c.DType)
	switch {
	case c.DType != p.DType:
		o.Bad = &Counterexample{Where: c.Name, Text: fmt.Sprintf("is %s, its source is %s", c.DType, p.DType)}
	case len(was) != g.Rel.From || len(is) != g.Rel.To():
		o.Bad = &Counterexample{Where: c.Name, Text: fmt.Sprintf("has %d elements, its source %d; wanted %d and %d",
			len(is), len(was), g.Rel.To(), g.Rel.From)}
	}
	for t := 0; t < len(is) && o.Bad == nil; t++ {
		if text := g.element(o, t, was, is[t]); text != "" {
			o.Bad = &Counterexample{Where: c.Name, Index: []int{t}, Text: text}
		}
	}
	return o, nil
}

// element judges one number, and says what is wrong with it. A gain that is zero, offset counted, stays zero.
func (g *Gains) element(o *Outcome, t int, was []float64, is float64) string {
	d, s := g.Child.Info().DType, g.Rel.Src[t]
	switch {
	case is-is != 0:
		return fmt.Sprintf("found %v", is)
	case s < 0 && g.Zeros && is != 0:
		return fmt.Sprintf("wanted 0 where nothing of the parent stands, found %v", is)
	case s < 0:
		return ""
	}
	f := g.Factor(t)
	var want sum
	want.addProduct(was[s], f)
	want.addProduct(g.Offset, f)
	want.add(-g.Offset)
	diff := math.Abs(sum{hi: is}.minus(want))
	if diff == 0 && !want.lossy {
		o.Rounded = o.Rounded || !IsPower(f) && want.hi != 0
		return ""
	}
	h, l := twoSum(want.hi, want.lo)
	text := fmt.Sprintf("wanted %v, %v times the parent's, found %v", h, f, is)
	rough := g.MayRound && g.Roundings > 0
	// an offset may round once more in float64
	sure := IsPower(f) && !rough && !(g.Offset != 0 && d == tensor.F64)
	if !g.MayRound || want.zero() || was[s]+g.Offset == 0 || sure && !want.lossy && representable(h, l, d) {
		return text
	}
	size := math.Max(math.Abs(want.hi), math.Abs(is))
	held := size
	if rough {
		held += math.Abs(g.Offset) // what was rounded in between
	}
	times := float64(max(1, g.Roundings))
	fair := times * (relativeBound(d)*held + ClaimError*math.Abs(g.Offset))
	if !(diff <= fair+times*d.Smallest()/2) || diff-fair > excessShares*o.Allowed*size {
		return text
	}
	o.Rounded = true
	o.ULP = math.Max(o.ULP, diff/ulpOf(size, d))
	o.Moved = math.Max(o.Moved, diff/math.Max(size, math.Abs(g.Offset)))
	if over := diff - times*relativeBound(d)*math.Abs(f*(was[s]+g.Offset)); g.Offset != 0 && over > 0 {
		if o.Excess == nil {
			o.Excess = make([]float64, g.Rel.To())
		}
		o.Excess[t] = over
	}
	return ""
}

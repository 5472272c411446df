package expand

import (
	"fmt"
	"math"

	"famkit/internal/arch"
	"famkit/internal/growth"
)

// keeps reports why the maps of a plan that calls itself exact would not keep the function, whatever method made them.
// It judges the maps alone, as docs/growth.md states the rules; that the numbers are what they should be is for the
// proof, which shares nothing with this.
func keeps(p *growth.Plan, m *arch.Model) error {
	if len(p.Inexact) > 0 {
		return nil
	}
	switch {
	case p.Rope != nil:
		return fmt.Errorf("its rotary scaling is another")
	case p.NextLayer:
		return fmt.Errorf("it takes copies from the next block")
	case p.Upcycle != nil && p.Upcycle.Redraw > 0:
		return fmt.Errorf("it draws neurons anew")
	case p.From.Experts > 0 && p.To.TopK*p.From.Experts != p.To.Experts*p.From.TopK:
		return fmt.Errorf("%d of %d experts are used, in the parent %d of %d", p.To.TopK, p.To.Experts, p.From.TopK,
			p.From.Experts)
	}
	for _, a := range growth.Axes {
		axis, ok := p.Maps[a]
		if !ok {
			continue
		}
		if err := keepsAxis(axis, p, m, a); err != nil {
			return fmt.Errorf("axis %s: %w", a, err)
		}
	}
	for a, axis := range p.Pairs {
		if err := cancels(axis); err != nil {
			return fmt.Errorf("axis %s in blocks of pairs: %w", a, err)
		}
	}
	return nil
}

// keepsAxis judges the map of one axis.
func keepsAxis(axis growth.AxisMap, p *growth.Plan, m *arch.Model, a arch.Axis) error {
	from := p.From.Of(a)
	if a != arch.Hidden && axis.Write != nil || axis.Read != nil {
		return fmt.Errorf("its copies are scaled")
	}
	switch a {
	case arch.Vocab, arch.Pos:
		return keepsNumbers(axis, from)
	case arch.Hidden:
		return keepsStream(axis, from, m)
	case arch.HeadDim:
		if m.QKNorm && p.To.HeadDim != p.From.HeadDim {
			return fmt.Errorf("each head of q and k is normed, with an epsilon that would have to change")
		}
		return onceEach(axis, from)
	case arch.Experts:
		return equalCopies(axis, from)
	case arch.KV, arch.Group:
		if m.QKNormFull {
			return equalCopies(axis, from)
		}
	}
	if axis.Fill == growth.FillMean {
		return fmt.Errorf("new indices hold the mean and are read")
	}
	return nil
}

// keepsStream asks of x' = E x that the norms keep their scale: E^T E = (to/from) I. LayerNorm also asks for equal
// copies, all written alike, and padding with the mean.
func keepsStream(axis growth.AxisMap, from int, m *arch.Model) error {
	write := func(t int) float64 {
		if axis.Write == nil {
			return 1
		}
		return axis.Write[t]
	}
	squares := make([]float64, from)
	for t, s := range axis.Src {
		if s == growth.Fresh {
			if want := streamFill(m); axis.Fill != want {
				return fmt.Errorf("new channels are filled by %q, which the norms ask to be %q", axis.Fill, want)
			}
			continue
		}
		squares[s] += write(t) * write(t)
	}
	want := float64(len(axis.Src)) / float64(from)
	for s, q := range squares {
		if !(math.Abs(q-want) <= 1e-12*want) {
			return fmt.Errorf("the squares of the scales of channel %d's copies add up to %v, which must be %v for the "+
				"norms' sake", s, q, want)
		}
	}
	if !m.LayerNorm {
		return nil
	}
	for t := range axis.Src {
		if write(t) != write(0) {
			return fmt.Errorf("channel %d is scaled by %v, channel 0 by %v: LayerNorm's mean is not kept", t, write(t), write(0))
		}
	}
	return equalCopies(growth.AxisMap{Src: axis.Src}, from)
}

// streamFill is what padding of the residual stream must hold.
func streamFill(m *arch.Model) growth.Fill {
	if m.LayerNorm {
		return growth.FillMean
	}
	return growth.FillZero
}

// keepsNumbers asks that every index of the parent keeps its number.
func keepsNumbers(axis growth.AxisMap, from int) error {
	for s := range from {
		if int(axis.Src[s]) != s {
			return fmt.Errorf("index %d is no longer index %d", axis.Src[s], s)
		}
	}
	return nil
}

// onceEach asks that every source stands there once: scores add up over the elements of a head.
func onceEach(axis growth.AxisMap, from int) error {
	for s, n := range axis.Counts(from) {
		if n != 1 {
			return fmt.Errorf("element %d has %d copies, and scores add up over them", s, n)
		}
	}
	return nil
}

// equalCopies asks for as many copies of every source, and nothing fresh, except where a fill says how.
func equalCopies(axis growth.AxisMap, from int) error {
	count := axis.Counts(from)
	for s, n := range count {
		if n != count[0] {
			return fmt.Errorf("index %d has %d copies, index 0 has %d", s, n, count[0])
		}
	}
	if axis.Fill != growth.FillNone {
		return fmt.Errorf("it has new indices besides copies")
	}
	return nil
}

// cancels asks that what neighbours with one source are written with adds up to zero.
func cancels(axis growth.AxisMap) error {
	for t := 0; t < len(axis.Src); t++ {
		if axis.Read[t] == 0 {
			continue
		}
		if t%2 == 1 || t+1 == len(axis.Src) || axis.Src[t+1] != axis.Src[t] || axis.Read[t+1] != -axis.Read[t] {
			return fmt.Errorf("index %d has no partner that cancels it", t)
		}
		t++
	}
	return nil
}

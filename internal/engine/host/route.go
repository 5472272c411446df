package host

import (
	"slices"

	"famkit/internal/engine"
)

// Best is the index of the largest number that is not among those taken, the first of equals. Numbers that are NaN
// come last.
func Best[T float32 | float64](p []T, taken []int32) int {
	best := -1
	for i, v := range p {
		if (best < 0 || v > p[best] || p[best] != p[best] && v == v) && !slices.Contains(taken, int32(i)) {
			best = i
		}
	}
	return best
}

// Places fills Place, Source and Starts of a Route from the experts chosen.
func Places(o *engine.Route) {
	n := o.Rows * o.TopK
	chosen, place, source, starts := I32s(o.Chosen)[:n], I32s(o.Place), I32s(o.Source), I32s(o.Starts)[:o.Experts+1]
	clear(starts)
	for _, x := range chosen {
		starts[x]++
	}
	next := int32(0)
	for x, c := range starts {
		starts[x], next = next, next+c
	}
	for i, x := range chosen {
		place[i], source[starts[x]] = starts[x], int32(i/o.TopK)
		starts[x]++
	}
	copy(starts[1:], starts) // each is now where the next expert starts
	starts[0] = 0
}

// EachGroup calls f with the product of every group that has rows. p is where it is made, so that nothing is allocated.
func EachGroup(o *engine.Grouped, p *engine.MatMul, f func(*engine.MatMul)) {
	starts := I32s(o.Starts)
	for g := range o.Groups {
		first, rows := int(starts[g]), int(starts[g+1]-starts[g])
		if rows == 0 {
			continue
		}
		*p = o.MatMul
		p.A = o.A.From(first * o.LDA)
		if o.TransA {
			p.K, p.B, p.C = rows, o.B.From(first*o.LDB), o.C.From(g*o.Step)
		} else {
			p.M, p.B, p.C = rows, o.B.From(g*o.Step), o.C.From(first*o.LDC)
		}
		f(p)
	}
}

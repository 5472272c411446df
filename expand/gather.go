package expand

import (
	"slices"

	"famkit/internal/arch"
)

// gather says how one dimension of a grown tensor is taken from its parent's: index, scale, and for a reader
// which of the copies of a source column this is.
type gather struct {
	from, to int
	src      []int32   // nil: identity
	scale    []float64 // nil: 1
	slot     []int32   // readers with copies: t is copy number slot[t] of src[t]; nil: no source has two
	count    []int32   // with slot: the copies of each source index
	runs     []run     // src as runs of consecutive indices
}

// run is a stretch of grown indices [to, to+n) that come from source indices [from, from+n).
type run struct{ to, from, n int }

func (g *gather) identity() bool { return g.src == nil && g.scale == nil }

// axisGrowth is how one axis grows: its source size, and its map where it changes.
type axisGrowth struct {
	from int
	m    *AxisMap
}

func (a axisGrowth) to() int {
	if a.m == nil {
		return a.from
	}
	return len(a.m.Src)
}

// newGather composes the maps of a dimension's axes, outermost first. size is the dimension's source size: where no
// axis changes it is kept, so that axes of unknown size do no harm.
func newGather(d arch.Dim, size int, growth func(arch.Axis) axisGrowth) *gather {
	changed, scaled := false, false
	for _, a := range d.Axes {
		if m := growth(a).m; m != nil {
			changed, scaled = true, scaled || m.Write != nil
		}
	}
	if !changed {
		return &gather{from: size, to: size}
	}
	g := &gather{from: 1, to: 1}
	src, scale := []int32{0}, []float64{1}
	for _, a := range d.Axes {
		ag := growth(a)
		src, scale = compose(src, scale, ag)
		g.from, g.to = g.from*ag.from, g.to*ag.to()
	}
	g.src = src
	if scaled && (d.Use == arch.Writes || d.Use == arch.Scales) {
		g.scale = scale
	}
	if scaled && d.Use == arch.Scales {
		for t := range g.scale {
			g.scale[t] = 1 / g.scale[t]
		}
	}
	if d.Use == arch.Reads {
		g.number()
	}
	g.runs = runsOf(g.src)
	return g
}

// compose appends an inner axis to the product so far.
func compose(src []int32, scale []float64, a axisGrowth) ([]int32, []float64) {
	inner := a.to()
	outSrc := make([]int32, 0, len(src)*inner)
	outScale := make([]float64, 0, len(src)*inner)
	for i, s := range src {
		for t := range inner {
			from, w := int32(t), 1.0
			if a.m != nil {
				from = a.m.Src[t]
			}
			if a.m != nil && a.m.Write != nil {
				w = a.m.Write[t]
			}
			outSrc = append(outSrc, s*int32(a.from)+from)
			outScale = append(outScale, scale[i]*w)
		}
	}
	return outSrc, outScale
}

// number fills slot and count, where any source index has two copies or more.
func (g *gather) number() {
	count := make([]int32, g.from)
	slot := make([]int32, g.to)
	for t, s := range g.src {
		slot[t] = count[s]
		count[s]++
	}
	if slices.Max(count) > 1 {
		g.slot, g.count = slot, count
	}
}

func runsOf(src []int32) []run {
	var out []run
	for i := 0; i < len(src); {
		k := i + 1
		for k < len(src) && src[k] == src[k-1]+1 {
			k++
		}
		out = append(out, run{i, int(src[i]), k - i})
		i = k
	}
	return out
}

package expand

import (
	"math"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/growth"
)

// fresh says what stands in a row or column that has no source. Where rows and columns meet the larger wins.
type fresh uint8

const (
	sourced   fresh = iota
	freshOne        // a gain of 1
	freshMean       // the mean over the sources
	freshRandom
	freshZero
)

// gather says how one dimension of a grown tensor is taken from its parent's: index, scale, and for a reader
// which of the copies of a source column this is.
type gather struct {
	from, to int
	use      arch.Use
	src      []int32   // nil: identity; growth.Fresh: none
	scale    []float64 // nil: 1
	fresh    []fresh   // nil: every index has a source
	nth      []int32   // t is copy number nth[t] of src[t]; nil: no source has two
	count    []int32   // with nth: the copies of each source index
	shared   bool      // the copies share what is read
	root     []int32   // pairs: the index whose fresh numbers t repeats; nil: its own
	sign     []float64 // what a fresh number is multiplied by; nil: 1
	runs     []run     // src as runs of consecutive indices, where all have sources or are zero
}

// run is a stretch of grown indices [to, to+n) that come from source indices [from, from+n): copy number nth of
// count, all of one scale. From growth.Fresh: zeros.
type run struct {
	to, from, n int
	nth, count  int32
}

func (g *gather) identity() bool { return g.src == nil && g.scale == nil }

// source is the index that t is taken from, growth.Fresh without one.
func (g *gather) source(t int) int {
	if g.src == nil {
		return t
	}
	return int(g.src[t])
}

func (g *gather) freshAt(t int) fresh {
	if g.fresh == nil {
		return sourced
	}
	return g.fresh[t]
}

func (g *gather) scaleAt(t int) float64 {
	if g.scale == nil {
		return 1
	}
	return g.scale[t]
}

// rootOf is the index whose draw t repeats.
func (g *gather) rootOf(t int) int {
	if g.root == nil {
		return t
	}
	return int(g.root[t])
}

// signAt is what a fresh number at t is multiplied by.
func (g *gather) signAt(t int) float64 {
	if g.sign == nil {
		return 1
	}
	return g.sign[t]
}

// cell is one grown index of a product of axes.
type cell struct {
	src   int32
	scale float64
	fresh fresh
	root  int32
	sign  float64
}

// scaled reports whether the scale counts: a fresh index that is no mean of sources has none.
func (c cell) scaled() bool { return c.fresh == sourced || c.fresh == freshMean }

// axisRule is how one axis grows in one use: its source size, its map where it changes, and what the use makes of both.
type axisRule struct {
	from  int
	m     *growth.AxisMap
	scale func(t int) float64 // nil: 1
	fresh fresh               // what fresh indices hold
	pairs bool                // neighbours with equal sources are pairs
	// opposed: fresh indices come in twos, the second with the first's numbers and the other sign. What reads channels
	// that hold the rounded mean then reads nothing of the rounding.
	opposed bool
}

func (a axisRule) to() int {
	if a.m == nil {
		return a.from
	}
	return len(a.m.Src)
}

func (a axisRule) cell(t int) cell {
	c := cell{src: int32(t), scale: 1, root: int32(t), sign: 1}
	if a.m == nil {
		return c
	}
	c.src = a.m.Src[t]
	if c.src == growth.Fresh {
		c.fresh = a.fresh
		if a.opposed {
			c.root, c.sign = a.oppose(t)
		}
	}
	if a.scale != nil && (c.fresh == sourced || c.fresh == freshMean) {
		c.scale = a.scale(t)
	}
	if c.src == growth.Fresh {
		return c
	}
	if a.pairs && t > 0 && t%2 == 1 && a.m.Src[t-1] == c.src {
		c.root = int32(t - 1)
	}
	return c
}

// oppose gives the index whose fresh numbers index t repeats, and their sign: 0 for one that is left over.
func (a axisRule) oppose(t int) (root int32, sign float64) {
	first := t
	for first > 0 && a.m.Src[first-1] == growth.Fresh {
		first--
	}
	switch {
	case (t-first)%2 == 1:
		return int32(t - 1), -1
	case t+1 == len(a.m.Src) || a.m.Src[t+1] != growth.Fresh:
		return int32(t), 0
	}
	return int32(t), 1
}

// product composes the rules of a dimension's axes, outermost first. factor multiplies what has a source.
func product(rules []axisRule, factor float64) (cells []cell, from int) {
	cells, from = []cell{{scale: factor, sign: 1}}, 1
	for _, a := range rules {
		inner := a.to()
		out := make([]cell, 0, len(cells)*inner)
		for _, o := range cells {
			for t := range inner {
				c := a.cell(t)
				c.scale *= o.scale
				c.sign *= o.sign
				c.fresh = max(c.fresh, o.fresh)
				c.root += o.root * int32(inner)
				if c.fresh != sourced {
					c.src = growth.Fresh
				} else {
					c.src += o.src * int32(a.from)
				}
				out = append(out, c)
			}
		}
		cells, from = out, from*a.from
	}
	return cells, from
}

// newGather makes the gather of a dimension from its cells.
func newGather(use arch.Use, cells []cell, from int) *gather {
	g := &gather{from: from, to: len(cells), use: use, src: make([]int32, len(cells))}
	same := from == len(cells)
	for t, c := range cells {
		g.src[t] = c.src
		same = same && int(c.src) == t
		if c.scaled() && c.scale != 1 && g.scale == nil {
			g.scale = slices.Repeat([]float64{1}, len(cells))
		}
		if c.fresh != sourced && g.fresh == nil {
			g.fresh = make([]fresh, len(cells))
		}
		if int(c.root) != t && g.root == nil {
			g.root = make([]int32, len(cells))
		}
		if c.sign != 1 && g.sign == nil {
			g.sign = make([]float64, len(cells))
		}
	}
	for t, c := range cells {
		if g.scale != nil && c.scaled() {
			g.scale[t] = c.scale
		}
		if g.fresh != nil {
			g.fresh[t] = c.fresh
		}
		if g.root != nil {
			g.root[t] = c.root
		}
		if g.sign != nil {
			g.sign[t] = c.sign
		}
	}
	if same {
		g.runs = g.runsOf()
		g.src = nil
		return g
	}
	g.number()
	if !slices.ContainsFunc(g.fresh, func(f fresh) bool { return f != sourced && f != freshZero }) {
		g.runs = g.runsOf()
	}
	return g
}

// stretches are the runs; nil where an index is neither sourced nor zero.
func (g *gather) stretches() []run {
	if g.runs == nil && g.src == nil && g.fresh == nil && g.scale == nil {
		return []run{{n: g.to, count: 1}}
	}
	return g.runs
}

// number fills nth and count, where any source index has two copies or more.
func (g *gather) number() {
	count := make([]int32, g.from)
	nth := make([]int32, g.to)
	for t, s := range g.src {
		if s >= 0 {
			nth[t] = count[s]
			count[s]++
		}
	}
	if slices.Max(count) > 1 {
		g.nth, g.count = nth, count
	}
}

// runsOf cuts the dimension where sources do not follow one another, or the number of copies, the copy's own or the
// scale changes.
func (g *gather) runsOf() []run {
	var out []run
	for i := 0; i < len(g.src); {
		u := g.runAt(i)
		k := i + 1
		for k < len(g.src) && g.follows(u, k) {
			k++
		}
		u.n = k - i
		out = append(out, u)
		i = k
	}
	return out
}

// follows reports whether index t goes on with run u.
func (g *gather) follows(u run, t int) bool {
	want := u
	want.to = t
	if u.from != growth.Fresh {
		want.from += t - u.to
	}
	return g.runAt(t) == want && math.Float64bits(g.scaleAt(t)) == math.Float64bits(g.scaleAt(u.to))
}

func (g *gather) runAt(t int) run {
	u := run{to: t, from: int(g.src[t]), count: 1}
	if g.nth != nil && u.from != growth.Fresh {
		u.nth, u.count = g.nth[t], g.count[g.src[t]]
	}
	return u
}

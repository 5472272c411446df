package conform

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"

	"famkit/internal/engine"
)

// routeSizes are rows, experts and experts for a row.
var routeSizes = [][3]int{{1, 1, 1}, {5, 4, 2}, {33, 7, 3}, {64, 8, 8}, {200, 60, 4}, {900, 17, 1}}

func mixtures(r *rand.Rand) []check {
	var out []check
	for _, s := range routeSizes {
		for _, normalise := range []bool{false, true} {
			o := engine.Route{Rows: s[0], Experts: s[1], TopK: s[2], Normalise: normalise}
			out = append(out, routeForward(r, o), routeBackward(r, o))
		}
	}
	for _, s := range [][3]int{{1, 1, 1}, {5, 2, 7}, {33, 3, 48}, {130, 2, 131}} {
		out = append(out, combineForward(r, s, false, true), combineForward(r, s, true, true),
			combineForward(r, s, true, false), combineBackward(r, s))
	}
	return out
}

func routeName(o *engine.Route, what string) string {
	return fmt.Sprintf("%s/%d of %d for %d rows/normalise=%t", what, o.TopK, o.Experts, o.Rows, o.Normalise)
}

// scores are the logits of a router: some experts get no row, some rows have equal logits.
func scores(r *rand.Rand, o *engine.Route) []float64 {
	z := scaled(random(r, o.Rows*o.Experts), 4)
	for row := range o.Rows {
		if o.Experts > o.TopK+1 {
			z[row*o.Experts+1] = -64
		}
		if row%3 == 0 {
			z[row*o.Experts+o.Experts-1] = z[row*o.Experts]
		}
	}
	return z
}

func routeBufs(r *rand.Rand, o *engine.Route) []data {
	n := o.Rows * o.TopK
	return []data{{f: scores(r, o), off: 1, kind: stat}, {f: poison(o.Rows * o.Experts), off: 2, kind: stat},
		{f: poison(n), off: 3, kind: stat},
		{i: make([]int32, n), off: 1}, {i: make([]int32, n), off: 2}, {i: make([]int32, n)},
		{i: make([]int32, o.Experts+1), off: 1}}
}

func (c *routing) set(b []engine.Buf) {
	c.Logits, c.P, c.Weight, c.Chosen, c.Place, c.Source, c.Starts = b[0], b[1], b[2], b[3], b[4], b[5], b[6]
}

type routing struct{ engine.Route }

// seen reads integers back: as the rows that a lookup in tables of their digits finds, since activations may hold few
// bits.
func seen(e engine.Engine, ids engine.Buf, below int) []float64 {
	spec := e.Spec()
	const base = 128
	var digits [2][]float64
	for i := range digits {
		x := make([]float64, below)
		for v := range x {
			x[v] = float64([]int{v % base, v / base}[i])
		}
		var b [2]engine.Buf
		for j, n := range []int{below, ids.N} {
			var err error
			if b[j], err = e.Alloc(spec.Act, n); err != nil {
				panic(err)
			}
		}
		write(e, b[0], x)
		e.Embed(&engine.Embed{Rows: ids.N, Dim: 1, Vocab: below, Scale: 1, Table: b[0], IDs: ids, Y: b[1]})
		digits[i] = read(e, b[1])
	}
	for i, high := range digits[1] {
		digits[0][i] += base * high
	}
	return digits[0]
}

func routeForward(r *rand.Rand, o engine.Route) check {
	return check{name: routeName(&o, "Route"), bufs: routeBufs(r, &o),
		run: func(e engine.Engine, b []engine.Buf) []float64 {
			c := routing{o}
			c.set(b)
			e.Route(&c.Route)
			out := append(seen(e, c.Chosen, o.Experts), seen(e, c.Place, o.Rows*o.TopK)...)
			return append(append(out, seen(e, c.Source, o.Rows)...), seen(e, c.Starts, o.Rows*o.TopK+1)...)
		},
		plain: func(x [][]float64) []float64 { return plainRoute(&o, x[0], x[1], x[2]) }}
}

// plainRoute sorts: experts of a row by logit, then all choices by expert.
func plainRoute(o *engine.Route, z, p, weight []float64) []float64 {
	var chosen []float64
	starts := []float64{0}
	for row := range o.Rows {
		zs, ps := z[row*o.Experts:][:o.Experts], p[row*o.Experts:][:o.Experts]
		var sum float64
		for _, v := range zs {
			sum += math.Exp(v)
		}
		order := make([]int, o.Experts)
		for i := range order {
			order[i], ps[i] = i, math.Exp(zs[i])/sum
		}
		sort.SliceStable(order, func(a, b int) bool { return zs[order[a]] > zs[order[b]] })
		total := 1.0
		if o.Normalise {
			total = 0
			for _, x := range order[:o.TopK] {
				total += ps[x]
			}
		}
		for k, x := range order[:o.TopK] {
			chosen = append(chosen, float64(x))
			weight[row*o.TopK+k] = ps[x] / total
		}
	}
	choices := make([]int, len(chosen))
	for i := range choices {
		choices[i] = i
	}
	sort.SliceStable(choices, func(a, b int) bool { return chosen[choices[a]] < chosen[choices[b]] })
	place, source := make([]float64, len(chosen)), make([]float64, len(chosen))
	for s, c := range choices {
		place[c], source[s] = float64(s), float64(c/o.TopK)
	}
	for x := range o.Experts {
		n := 0
		for _, c := range chosen {
			if int(c) == x {
				n++
			}
		}
		starts = append(starts, starts[x]+float64(n))
	}
	return slices.Concat(chosen, place, source, starts)
}

func routeBackward(r *rand.Rand, o engine.Route) check {
	return check{name: routeName(&o, "RouteGrad"), terms: 0.1,
		bufs: append(routeBufs(r, &o), data{f: random(r, o.Rows*o.TopK), off: 1, kind: stat},
			data{f: poison(o.Rows * o.Experts), off: 3}),
		run: func(e engine.Engine, b []engine.Buf) []float64 {
			c := routing{o}
			c.set(b)
			e.Route(&c.Route)
			c.DWeight, c.DLogits = b[7], b[8]
			e.RouteGrad(&c.Route)
			return nil
		}}
}

// combineBufs are X, the weights, the places, a permutation, and Y.
func combineBufs(r *rand.Rand, rows, topK, dim int) []data {
	n := rows * topK
	places := make([]int32, n)
	for i, v := range r.Perm(n) {
		places[i] = int32(v)
	}
	return []data{{f: random(r, n*dim), off: 1}, {f: random(r, n), off: 2, kind: stat}, {i: places, off: 1}}
}

func combineForward(r *rand.Rand, s [3]int, add, weights bool) check {
	o := engine.Combine{Rows: s[0], TopK: s[1], Dim: s[2]}
	bufs := combineBufs(r, o.Rows, o.TopK, o.Dim)
	places := bufs[2].i
	return check{name: fmt.Sprintf("Combine/%dx%dx%d/add=%t/weights=%t", o.Rows, o.TopK, o.Dim, add, weights), terms: 1,
		bufs: append(bufs, data{f: poison(o.Rows * o.Dim), off: 3}, data{f: random(r, o.Rows*o.Dim), off: 1}),
		run: func(e engine.Engine, b []engine.Buf) []float64 {
			p := o
			p.X, p.Weight, p.Place, p.Y = b[0], b[1], b[2], b[3]
			if add {
				p.Add = b[4]
			}
			if !weights { // in place, as gradients are added up
				p.Weight, p.Y = engine.Buf{}, b[4]
			}
			e.Combine(&p)
			return nil
		},
		plain: func(x [][]float64) []float64 {
			for i := range x[3] {
				row, j := i/o.Dim, i%o.Dim
				x[3][i] = 0
				if add {
					x[3][i] = x[4][i]
				}
				for c := row * o.TopK; c < (row+1)*o.TopK; c++ {
					w := 1.0
					if weights {
						w = x[1][c]
					}
					x[3][i] += w * x[0][int(places[c])*o.Dim+j]
				}
			}
			if !weights {
				x[3], x[4] = poison(len(x[3])), x[3]
			}
			return nil
		}}
}

func combineBackward(r *rand.Rand, s [3]int) check {
	o := engine.Combine{Rows: s[0], TopK: s[1], Dim: s[2]}
	bufs := combineBufs(r, o.Rows, o.TopK, o.Dim)
	places := bufs[2].i
	return check{name: fmt.Sprintf("CombineGrad/%dx%dx%d", o.Rows, o.TopK, o.Dim), terms: 1,
		bufs: append(bufs, data{f: poison(len(bufs[0].f)), off: 3}, data{f: random(r, o.Rows*o.Dim), off: 1},
			data{f: poison(o.Rows * o.TopK), off: 1, kind: stat}),
		run: func(e engine.Engine, b []engine.Buf) []float64 {
			p := o
			p.X, p.Weight, p.Place, p.DX, p.DY, p.DWeight = b[0], b[1], b[2], b[3], b[4], b[5]
			e.CombineGrad(&p)
			return nil
		},
		plain: func(x [][]float64) []float64 {
			for c, at := range places {
				x[5][c] = 0
				for j := range o.Dim {
					d := x[4][c/o.TopK*o.Dim+j]
					x[3][int(at)*o.Dim+j] = x[1][c] * d
					x[5][c] += d * x[0][int(at)*o.Dim+j]
				}
			}
			return nil
		}}
}

// mixtureDerivative differentiates routing and combination together, by the logits and by what the experts give.
func mixtureDerivative(t Reporter, e engine.Engine, r *rand.Rand, normalise bool) derivative {
	const rows, experts, topK, dim = 5, 6, 3, 4
	o := routing{engine.Route{Rows: rows, Experts: experts, TopK: topK, Normalise: normalise}}
	var held []engine.Buf
	for _, d := range routeBufs(r, &o.Route) {
		held = append(held, place(t, e, d))
	}
	o.set(held)
	o.DWeight, o.DLogits = hold(t, e, make([]float64, rows*topK)), hold(t, e, make([]float64, rows*experts))
	c := engine.Combine{Rows: rows, TopK: topK, Dim: dim, Weight: o.Weight, Place: o.Place, DWeight: o.DWeight}
	z := make([]float64, 0, rows*experts) // far apart: a step of the difference must not change the choice
	for range rows {
		for _, v := range r.Perm(experts) {
			z = append(z, float64(v)/2)
		}
	}
	return derivative{name: fmt.Sprintf("Mixture/normalise=%t", normalise),
		inputs: [][]float64{z, random(r, rows*topK*dim)}, out: rows * dim,
		forward: func(e engine.Engine, in []engine.Buf, out engine.Buf) {
			e.Copy(o.Logits, in[0])
			e.Route(&o.Route)
			p := c
			p.X, p.Y = in[1], out
			e.Combine(&p)
		},
		backward: func(e engine.Engine, in []engine.Buf, _, dout engine.Buf, din []engine.Buf) {
			p := c
			p.X, p.DY, p.DX = in[1], dout, din[1]
			e.CombineGrad(&p)
			e.RouteGrad(&o.Route)
			e.Copy(din[0], o.DLogits)
		}}
}

package conform

import (
	"fmt"
	"math"
	"math/rand/v2"

	"famkit/internal/engine"
)

// clips are norms over one buffer and over three, above and below the bound, with numbers that are not finite among
// the gradients or those that guard them.
func clips(r *rand.Rand) []check {
	var out []check
	for _, sizes := range [][]int{{1}, {17, 3, 1000}, {70001, 5, 40000}} {
		for _, c := range []struct {
			what                   string
			limit, gradient, guard float64
		}{
			{"clipped", 0.01, 0, 0}, {"not clipped", 1e6, 0, 0}, {"no limit", 0, 0, 0}, {"NaN gradient", 1, math.NaN(), 0},
			{"infinite gradient", 1, math.Inf(1), 0}, {"NaN guard", 1, 0, math.NaN()}, {"infinite guard", 0, 0, math.Inf(-1)},
		} {
			out = append(out, clip(r, fmt.Sprintf("Clip/%v/%s", sizes, c.what), sizes, c.limit, c.gradient, c.guard))
		}
	}
	return out
}

func clip(r *rand.Rand, name string, sizes []int, limit, bad, guard float64) check {
	c := check{name: name, bufs: []data{{f: []float64{1, guard}, off: 1, kind: result},
		{f: poison(2), off: 1, kind: result}}}
	for i, n := range sizes {
		c.bufs = append(c.bufs, data{f: random(r, n), off: i, kind: master})
		if bad != 0 {
			c.bufs[2].f[n/2%sizes[0]] = bad
		}
	}
	c.run = func(e engine.Engine, b []engine.Buf) []float64 {
		e.Clip(&engine.Clip{Grads: b[2:], Max: limit, Guard: b[0], Norm: b[1].At(0, 1), Factor: b[1].At(1, 1)})
		return nil
	}
	c.plain = func(x [][]float64) []float64 {
		s := 0.0
		for _, g := range x[2:] {
			for _, v := range g {
				s += v * v
			}
		}
		x[1][0], x[1][1] = math.Sqrt(s), 1
		switch {
		case bad != 0 || guard != 0:
			x[1][1] = math.NaN()
		case limit > 0:
			x[1][1] = min(1, limit/(x[1][0]+1e-6))
		}
		return nil
	}
	return c
}

func adams(r *rand.Rand) []check {
	var out []check
	for _, n := range []int{1, 17, 1000, 33001} {
		for _, factor := range []float64{0.25, 1, math.NaN()} {
			o := engine.AdamW{LR: 1e-2, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, Decay: 0.1, C1: 1 - 0.9*0.9*0.9,
				C2: 1 - 0.95*0.95*0.95}
			out = append(out, adam(r, o, n, factor))
		}
	}
	return out
}

// adam has a factor of 1 left out, and with NaN changes nothing.
func adam(r *rand.Rand, o engine.AdamW, n int, factor float64) check {
	second, w := random(r, n), random(r, n)
	for i := range second {
		second[i] = math.Abs(second[i])
	}
	return check{name: fmt.Sprintf("AdamW/%d/factor=%g", n, factor),
		bufs: []data{{f: w, off: 1, kind: master}, {f: random(r, n), off: 1, kind: master},
			{f: random(r, n), off: 2, kind: master},
			{f: second, off: 3, kind: master}, {f: []float64{factor}, off: 1, kind: result}, {f: w, off: 3, kind: weight}},
		run: func(e engine.Engine, b []engine.Buf) []float64 {
			p, spec := o, e.Spec()
			p.W, p.G, p.M, p.V = b[0], b[1], b[2], b[3]
			if factor != 1 {
				p.Factor = b[4]
			}
			if spec.Copied() {
				p.Copy = b[5]
			}
			e.AdamW(&p)
			if !spec.Copied() {
				e.Copy(b[5], b[0])
			}
			return differences(read(e, b[5]), rounded(read(e, b[0]), spec.Weight))
		},
		plain: func(x [][]float64) []float64 {
			if factor == factor {
				plainAdamW(&o, x, factor)
			}
			copy(x[5], x[0])
			return []float64{0}
		}}
}

func plainAdamW(o *engine.AdamW, x [][]float64, factor float64) {
	for i := range x[0] {
		g := x[1][i] * factor
		x[2][i] = o.Beta1*x[2][i] + (1-o.Beta1)*g
		x[3][i] = o.Beta2*x[3][i] + (1-o.Beta2)*g*g
		x[0][i] = x[0][i]*(1-o.LR*o.Decay) - o.LR*(x[2][i]/o.C1)/(math.Sqrt(x[3][i]/o.C2)+o.Eps)
	}
}

// differences is the number of elements that differ.
func differences(x, y []float64) []float64 {
	n := 0.0
	for i, v := range x {
		if v != y[i] {
			n++
		}
	}
	return []float64{n}
}

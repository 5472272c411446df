package conform

import (
	"fmt"
	"math/rand/v2"

	"famkit/internal/engine"
)

// matmulSizes are M, N, K: single rows and columns, one more and less than what kernels tile by, and enough to be
// split between threads.
var matmulSizes = [][3]int{{1, 1, 1}, {1, 5, 3}, {7, 1, 9}, {5, 9, 1}, {16, 16, 16}, {31, 33, 32}, {33, 17, 65},
	{130, 67, 259},
	{3, 300, 70}, {65, 257, 130}, {1, 515, 384}, {260, 96, 40}}

func matmuls(r *rand.Rand, short bool) []check {
	var out []check
	variant, variants := 0, 3
	if short {
		variants = 1
	}
	for _, s := range matmulSizes {
		for trans := range 4 {
			for range variants { // walk through all variants, over sizes
				out = append(out, matmul(r, s, trans, variant))
				variant = (variant*5 + 7) % 64
			}
		}
	}
	for v := range 64 {
		out = append(out, matmul(r, [3]int{19, 37, 23}, v%4, v))
	}
	return append(out, matmulInPacked(r))
}

// matmul's variant says by its bits: beta, bias, add, padded rows, odd starts, a weight's gradient.
func matmul(r *rand.Rand, s [3]int, trans, variant int) check {
	o := engine.MatMul{M: s[0], N: s[1], K: s[2], TransA: trans&1 != 0, TransB: trans&2 != 0}
	bit := func(i int) bool { return variant>>i&1 != 0 }
	pad, off := 0, 0
	if bit(3) {
		pad = 3
	}
	if bit(4) {
		off = 1 + variant%7
	}
	rowsA, rowsB := o.M, o.K
	o.LDA, o.LDB, o.LDC, o.LDAdd = o.K+pad, o.N+2*pad, o.N+pad, o.N+2*pad
	if o.TransA {
		rowsA, o.LDA = o.K, o.M+pad
	}
	if o.TransB {
		rowsB, o.LDB = o.N, o.K+2*pad
	}
	c := poison(o.M * o.LDC)
	if bit(0) {
		o.Beta = 1
		c = random(r, o.M*o.LDC)
	}
	bufs := []data{{f: random(r, rowsA*o.LDA), off: off}, {f: random(r, rowsB*o.LDB), off: off, kind: weight},
		{f: c, off: off},
		{f: random(r, o.N), off: off, kind: master}, {f: random(r, o.M*o.LDAdd), off: off}}
	if bit(5) {
		bufs[1].kind, bufs[2].kind = act, master
	}
	name := fmt.Sprintf("MatMul/%dx%dx%d/trans=%d/variant=%d", o.M, o.N, o.K, trans, variant)
	return check{name: name, bufs: bufs,
		run: func(e engine.Engine, b []engine.Buf) []float64 {
			p := o
			p.A, p.B, p.C = b[0], b[1], b[2]
			if bit(1) {
				p.Bias = b[3]
			}
			if bit(2) {
				p.Add = b[4]
			}
			e.MatMul(&p)
			return nil
		},
		plain: func(x [][]float64) []float64 {
			plainMatMul(&o, x[0], x[1], x[2], x[3], x[4], bit(1), bit(2))
			return nil
		}}
}

func plainMatMul(o *engine.MatMul, a, b, c, bias, add []float64, withBias, withAdd bool) {
	for i := range o.M {
		for j := range o.N {
			s := 0.0
			if o.Beta != 0 {
				s = c[i*o.LDC+j]
			}
			for k := range o.K {
				ia, ib := i*o.LDA+k, k*o.LDB+j
				if o.TransA {
					ia = k*o.LDA + i
				}
				if o.TransB {
					ib = j*o.LDB + k
				}
				s += a[ia] * b[ib]
			}
			if withBias {
				s += bias[j]
			}
			if withAdd {
				s += add[i*o.LDAdd+j]
			}
			c[i*o.LDC+j] = s
		}
	}
}

// matmulInPacked reads a column block of a wider matrix and writes one: views that end before their last row's stride
// does.
func matmulInPacked(r *rand.Rand) check {
	const m, n, k, wide = 21, 13, 18, 50
	o := engine.MatMul{M: m, N: n, K: k, LDA: wide, LDB: wide, LDC: wide, TransB: true}
	return check{name: "MatMul/column blocks", bufs: []data{{f: random(r, m*wide)}, {f: random(r, n*wide), kind: weight},
		{f: poison(m * wide)}},
		run: func(e engine.Engine, b []engine.Buf) []float64 {
			p := o
			p.A, p.B, p.C = b[0].At(7, (m-1)*wide+k), b[1].At(11, (n-1)*wide+k), b[2].At(30, (m-1)*wide+n)
			e.MatMul(&p)
			return nil
		},
		plain: func(x [][]float64) []float64 {
			plainMatMul(&o, x[0][7:], x[1][11:], x[2][30:], nil, nil, false, false)
			return nil
		}}
}

func vectors(r *rand.Rand) []check {
	var out []check
	for _, n := range []int{1, 2, 15, 16, 17, 100, 4099, 70001} {
		out = append(out, vector(r, n, n%5))
	}
	for _, s := range [][3]int{{1, 1, 1}, {5, 7, 9}, {70, 33, 33}, {300, 129, 140}} {
		rows, n, stride := s[0], s[1], s[2]
		out = append(out, check{name: fmt.Sprintf("BiasGrad/%dx%d", rows, n),
			bufs: []data{{f: random(r, n), off: 1, kind: master}, {f: random(r, rows*stride), off: 2}},
			run: func(e engine.Engine, b []engine.Buf) []float64 {
				e.BiasGrad(b[0], b[1], rows, n, stride)
				return nil
			},
			plain: func(x [][]float64) []float64 {
				for i := range rows {
					for j := range n {
						x[0][j] += x[1][i*stride+j]
					}
				}
				return nil
			}})
	}
	return out
}

// vector checks copies, sums and the cap on n elements.
func vector(r *rand.Rand, n, off int) check {
	big := random(r, n)
	for i := range big {
		big[i] *= 64
	}
	return check{name: fmt.Sprintf("vectors/%d", n),
		bufs: []data{{f: random(r, n), off: off}, {f: random(r, n), off: 2 * off}, {f: poison(n), off: off},
			{f: big, off: off}, {f: random(r, n), off: off},
			{f: []float64{1, 2}, off: off, kind: result}, {f: random(r, n), off: off, kind: stat}},
		run: func(e engine.Engine, b []engine.Buf) []float64 {
			e.Sum(b[5], b[0])
			e.Sum(b[5].From(1), b[6])
			e.Copy(b[2], b[0])
			e.AddTo(b[1], b[0])
			e.Softcap(b[3], 30)
			e.Zero(b[4].From(n / 2))
			return host(e, b[5])
		},
		plain: func(x [][]float64) []float64 {
			for i := range n {
				x[5][0] += x[0][i]
				x[5][1] += x[6][i]
				x[2][i] = x[0][i]
				x[1][i] += x[0][i]
				x[3][i] = cap30(x[3][i])
				if i >= n/2 {
					x[4][i] = 0
				}
			}
			return x[5]
		}}
}

// host reads results.
func host(e engine.Engine, b engine.Buf) []float64 {
	x := make([]float64, b.N)
	if err := e.Read(x, b); err != nil {
		panic(err)
	}
	return x
}

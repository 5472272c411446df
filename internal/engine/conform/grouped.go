package conform

import (
	"fmt"
	"math/rand/v2"

	"famkit/internal/engine"
)

// groupSizes are the rows of each group: groups without rows at either end and inside, of one row, of more than a tile.
var groupSizes = [][]int{{1}, {0, 3, 0}, {5, 1, 0, 17, 2}, {70, 0, 130, 33}}

func groupeds(r *rand.Rand) []check {
	var out []check
	for i, sizes := range groupSizes {
		for j, s := range [][2]int{{7, 5}, {16, 24}, {65, 33}, {48, 130}} {
			pad := (i + j) % 3
			for _, trans := range []bool{false, true} {
				out = append(out, grouped(r, sizes, s[0], s[1], pad, trans), groupedGradient(r, sizes, s[0], s[1], pad))
			}
		}
	}
	return out
}

func startsOf(sizes []int) (starts []int32, rows int) {
	starts = []int32{0}
	for _, n := range sizes {
		rows += n
		starts = append(starts, int32(rows))
	}
	return starts, rows
}

// grouped multiplies rows by the weight of their group, stored [n, k] with trans, else [k, n].
func grouped(r *rand.Rand, sizes []int, n, k, pad int, trans bool) check {
	starts, rows := startsOf(sizes)
	o := engine.Grouped{MatMul: engine.MatMul{M: rows, N: n, K: k, LDA: k + pad, LDB: n + pad, LDC: n + 2*pad,
		TransB: trans},
		Groups: len(sizes), Step: k*(n+pad) + 16}
	if trans {
		o.LDB, o.Step = k+pad, n*(k+pad)+pad
	}
	return check{name: fmt.Sprintf("Grouped/%v/%dx%d/trans=%t", sizes, n, k, trans), terms: 1,
		bufs: []data{{f: random(r, rows*o.LDA), off: pad}, {f: random(r, len(sizes)*o.Step), off: pad, kind: weight},
			{f: poison(rows * o.LDC), off: pad},
			{i: starts, off: pad}},
		run: func(e engine.Engine, b []engine.Buf) []float64 {
			p := o
			p.A, p.B, p.C, p.Starts = b[0], b[1], b[2], b[3]
			e.Grouped(&p)
			return nil
		},
		plain: func(x [][]float64) []float64 {
			for g, m := range sizes {
				p, at := o.MatMul, int(starts[g])
				p.M = m
				plainMatMul(&p, x[0][at*o.LDA:], x[1][g*o.Step:], x[2][at*o.LDC:], nil, nil, false, false)
			}
			return nil
		}}
}

// groupedGradient adds the products of each group's rows to the gradient of its weight.
func groupedGradient(r *rand.Rand, sizes []int, m, n, pad int) check {
	starts, rows := startsOf(sizes)
	o := engine.Grouped{MatMul: engine.MatMul{M: m, N: n, K: rows, LDA: m + pad, LDB: n + 2*pad, LDC: n, TransA: true,
		Beta: 1},
		Groups: len(sizes), Step: m*n + 16*pad}
	return check{name: fmt.Sprintf("Grouped/%v/%dx%d/gradient", sizes, m, n), terms: 1,
		bufs: []data{{f: random(r, rows*o.LDA), off: pad}, {f: random(r, rows*o.LDB), off: pad},
			{f: random(r, len(sizes)*o.Step), off: pad, kind: master},
			{i: starts, off: pad}},
		run: func(e engine.Engine, b []engine.Buf) []float64 {
			p := o
			p.A, p.B, p.C, p.Starts = b[0], b[1], b[2], b[3]
			e.Grouped(&p)
			return nil
		},
		plain: func(x [][]float64) []float64 {
			for g, k := range sizes {
				p, at := o.MatMul, int(starts[g])
				p.K = k
				plainMatMul(&p, x[0][at*o.LDA:], x[1][at*o.LDB:], x[2][g*o.Step:], nil, nil, false, false)
			}
			return nil
		}}
}

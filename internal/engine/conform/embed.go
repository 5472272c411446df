package conform

import (
	"fmt"
	"math/rand/v2"

	"famkit/internal/engine"
)

func embeds(r *rand.Rand) []check {
	var out []check
	for _, s := range [][4]int{{1, 1, 1, 1}, {50, 7, 5, 10}, {129, 64, 40, 43}, {300, 33, 3, 300}} {
		o := engine.Embed{Rows: s[0], Dim: s[1], Vocab: s[2], T: s[3], Scale: float64(1 + s[0]%2)}
		ids := ints(r, o.Rows, o.Vocab)
		out = append(out, embedForward(r, o, ids, false), embedForward(r, o, ids, true), embedBackward(r, o, ids, false),
			embedBackward(r, o, ids, true))
	}
	return out
}

func embedName(o *engine.Embed, what string, positions bool) string {
	return fmt.Sprintf("%s/%dx%d/positions=%t", what, o.Rows, o.Dim, positions)
}

func embedForward(r *rand.Rand, o engine.Embed, ids []int32, positions bool) check {
	return check{name: embedName(&o, "Embed", positions), terms: 1,
		bufs: []data{{f: random(r, o.Vocab*o.Dim), off: 1, kind: weight}, {f: random(r, o.T*o.Dim), off: 2, kind: weight},
			{i: ids, off: 1},
			{f: poison(o.Rows * o.Dim), off: 3}},
		run: func(e engine.Engine, b []engine.Buf) []float64 {
			p := o
			p.Table, p.IDs, p.Y = b[0], b[2], b[3]
			if positions {
				p.Pos = b[1]
			}
			e.Embed(&p)
			return nil
		},
		plain: func(x [][]float64) []float64 {
			for i := range x[3] {
				x[3][i] = o.Scale * x[0][int(ids[i/o.Dim])*o.Dim+i%o.Dim]
				if positions {
					x[3][i] += x[1][i/o.Dim%o.T*o.Dim+i%o.Dim]
				}
			}
			return nil
		}}
}

func embedBackward(r *rand.Rand, o engine.Embed, ids []int32, positions bool) check {
	order := make([]int32, len(ids))
	engine.SortRows(order, ids, make([]int32, o.Vocab+1))
	return check{name: embedName(&o, "EmbedGrad", positions), terms: 1,
		bufs: []data{{f: random(r, o.Vocab*o.Dim), off: 1, kind: master}, {f: random(r, o.T*o.Dim), off: 2, kind: master},
			{i: ids, off: 1},
			{i: order, off: 3}, {f: random(r, o.Rows*o.Dim), off: 3}},
		run: func(e engine.Engine, b []engine.Buf) []float64 {
			p := o
			p.DTable, p.IDs, p.Order, p.DY = b[0], b[2], b[3], b[4]
			if positions {
				p.DPos = b[1]
			}
			e.EmbedGrad(&p)
			return nil
		},
		plain: func(x [][]float64) []float64 {
			for i, v := range x[4] {
				x[0][int(ids[i/o.Dim])*o.Dim+i%o.Dim] += o.Scale * v
				if positions {
					x[1][i/o.Dim%o.T*o.Dim+i%o.Dim] += v
				}
			}
			return nil
		}}
}

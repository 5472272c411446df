package conform

import (
	"fmt"
	"math"
	"math/rand/v2"

	"famkit/internal/engine"
)

// cachedAttentions are queries that see keys of earlier rows.
func cachedAttentions() []check {
	r := rand.New(rand.NewPCG(3, 4))
	var out []check
	for _, o := range attentionCases {
		o.B, o.Scale = 1, 2/math.Sqrt(float64(o.HeadDim))
		for _, past := range []int{1, o.T - 1, o.T / 2} {
			if past > 0 && past < o.T {
				part := o
				part.Past, part.T = past, o.T-past
				out = append(out, cachedAttention(r, part))
			}
		}
	}
	return out
}

// cachedAttention runs the forward pass of T queries over Past+T keys, against the last rows of a whole sequence.
func cachedAttention(r *rand.Rand, o engine.Attention) check {
	rows, q, kv := o.Past+o.T, o.Heads*o.HeadDim, o.KVHeads*o.HeadDim
	o.StrideQ, o.StrideK, o.StrideV, o.StrideO = q+3, kv, kv+2, q
	return check{name: fmt.Sprintf("%s past=%d", attentionName(&o, "Attention/cached"), o.Past),
		bufs: []data{{f: random(r, o.T*o.StrideQ), off: 1}, {f: random(r, rows*o.StrideK)}, {f: random(r, rows*o.StrideV)},
			{f: poison(o.T * q)}},
		run: func(e engine.Engine, b []engine.Buf) []float64 {
			p := o
			p.Q, p.K, p.V, p.O = b[0], b[1], b[2], b[3]
			p.Work = work(e, &p)
			e.Attention(&p)
			return nil
		},
		plain: func(x [][]float64) []float64 {
			whole := o
			whole.T, whole.Past = rows, 0
			queries, out := make([]float64, rows*o.StrideQ), make([]float64, rows*q)
			copy(queries[o.Past*o.StrideQ:], x[0])
			plainAttention(&whole, queries, x[1], x[2], out)
			copy(x[3], out[o.Past*q:])
			return nil
		}}
}

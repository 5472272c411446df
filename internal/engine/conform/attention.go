package conform

import (
	"fmt"
	"math"
	"math/rand/v2"

	"famkit/internal/engine"
)

// attentionCases cover one head and many, groups, head sizes on and off vector widths, sequences shorter and longer
// than tiles, windows from one token to more than all, capped scores.
var attentionCases = []engine.Attention{
	{B: 1, T: 1, Heads: 1, KVHeads: 1, HeadDim: 4},
	{B: 2, T: 5, Heads: 2, KVHeads: 2, HeadDim: 3},
	{B: 3, T: 17, Heads: 4, KVHeads: 2, HeadDim: 12},
	{B: 1, T: 33, Heads: 6, KVHeads: 2, HeadDim: 16},
	{B: 2, T: 31, Heads: 3, KVHeads: 1, HeadDim: 20, Window: 8},
	{B: 1, T: 70, Heads: 2, KVHeads: 1, HeadDim: 32, Window: 1},
	{B: 1, T: 65, Heads: 2, KVHeads: 2, HeadDim: 64, Softcap: 1.5},
	{B: 2, T: 40, Heads: 4, KVHeads: 4, HeadDim: 24, Window: 33, Softcap: 3},
	{B: 1, T: 129, Heads: 2, KVHeads: 1, HeadDim: 48, Window: 64},
	{B: 1, T: 200, Heads: 1, KVHeads: 1, HeadDim: 128},
	{B: 2, T: 64, Heads: 3, KVHeads: 3, HeadDim: 7, Window: 500},
}

func attentions(r *rand.Rand) []check {
	var out []check
	for i, o := range attentionCases {
		o.Scale = 2 / math.Sqrt(float64(o.HeadDim))
		out = append(out, packedAttention(r, o, i%2, i%3), apartAttention(r, o), turnsAttention(r, o))
	}
	return out
}

func attentionName(o *engine.Attention, what string) string {
	return fmt.Sprintf("%s/b=%d t=%d h=%d kv=%d d=%d w=%d cap=%g", what, o.B, o.T, o.Heads, o.KVHeads, o.HeadDim, o.Window,
		o.Softcap)
}

// work is the scratch that an engine asks for.
func work(e engine.Engine, o *engine.Attention) engine.Buf {
	spec := e.Spec()
	b, err := e.Alloc(spec.Stat, spec.Scratch(o))
	if err != nil {
		panic(err)
	}
	return b
}

// packedAttention has q, k and v side by side in each row, as one product makes them, and runs both passes.
func packedAttention(r *rand.Rand, o engine.Attention, off, pad int) check {
	rows, q, kv := o.B*o.T, o.Heads*o.HeadDim, o.KVHeads*o.HeadDim
	width := q + 2*kv + pad
	o.StrideQ, o.StrideK, o.StrideV, o.StrideO = width, width, width, q+pad
	stats := o.B * o.Heads * o.T
	return check{name: attentionName(&o, "AttentionGrad"),
		bufs: []data{{f: random(r, rows*width), off: off}, {f: poison(rows * (q + pad)), off: off},
			{f: poison(stats), private: true, kind: stat},
			{f: poison(rows * width), off: off}, {f: random(r, rows*(q+pad)), off: off},
			{f: poison(stats), private: true, kind: stat}},
		run: func(e engine.Engine, b []engine.Buf) []float64 {
			p := o
			p.Q, p.K, p.V = b[0], b[0].From(q), b[0].From(q+kv)
			p.O, p.LSE, p.DO, p.Delta = b[1], b[2], b[4], b[5]
			p.DQ, p.DK, p.DV = b[3], b[3].From(q), b[3].From(q+kv)
			p.Work = work(e, &p)
			e.Attention(&p)
			e.AttentionGrad(&p)
			return nil
		}}
}

// turnsAttention has the queries, key and value of each kv head follow each other. Both passes must do what they do
// on heads side by side.
func turnsAttention(r *rand.Rand, o engine.Attention) check {
	rows, q, kv, group := o.B*o.T, o.Heads*o.HeadDim, o.KVHeads*o.HeadDim, o.Heads/o.KVHeads*o.HeadDim
	stats, width := o.B*o.Heads*o.T, q+2*kv
	apart := o
	apart.StrideQ, apart.StrideK, apart.StrideV, apart.StrideO = q, kv, kv, q
	step := group + 2*o.HeadDim
	o.StepQ, o.StepKV, o.StrideQ, o.StrideK, o.StrideV, o.StrideO = step, step, width, width, width, q
	x := random(r, rows*width)
	return check{name: attentionName(&o, "AttentionGrad/turns"),
		bufs: []data{{f: x, off: 1}, {f: poison(rows * q)}, {f: poison(stats), private: true, kind: stat},
			{f: poison(rows * width), off: 2},
			{f: random(r, rows*q)}, {f: poison(stats), private: true, kind: stat}},
		run: func(e engine.Engine, b []engine.Buf) []float64 {
			p := o
			p.Q, p.K, p.V = b[0], b[0].From(group), b[0].From(group+o.HeadDim)
			p.O, p.LSE, p.DO, p.Delta = b[1], b[2], b[4], b[5]
			p.DQ, p.DK, p.DV = b[3], b[3].From(group), b[3].From(group+o.HeadDim)
			p.Work = work(e, &p)
			e.Attention(&p)
			e.AttentionGrad(&p)
			return nil
		},
		plain: func(x [][]float64) []float64 {
			ref, err := engine.New("ref", engine.Options{})
			if err != nil {
				panic(err)
			}
			defer func() { _ = ref.Close() }()
			sides := sideBySide(&o, x[0], rows)
			var b []engine.Buf
			for _, v := range [][]float64{sides[0], sides[1], sides[2], x[1], x[2], sides[0], sides[1], sides[2], x[4], x[5]} {
				buf, err := ref.Alloc(engine.F64, len(v))
				if err != nil {
					panic(err)
				}
				write(ref, buf, v)
				b = append(b, buf)
			}
			p := apart
			p.Q, p.K, p.V, p.O, p.LSE, p.DQ, p.DK, p.DV, p.DO, p.Delta = b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8],
				b[9]
			ref.Attention(&p)
			ref.AttentionGrad(&p)
			copy(x[1], read(ref, p.O))
			inTurns(&o, x[3], [3][]float64{read(ref, p.DQ), read(ref, p.DK), read(ref, p.DV)}, rows)
			return nil
		}}
}

// turnsAt calls f with where each head of a row stands in turns and side by side; part is 0 for q, 1 for k, 2 for v.
func turnsAt(o *engine.Attention, rows int, f func(part, turns, apart int)) {
	group := o.Heads / o.KVHeads
	for row := range rows {
		for kv := range o.KVHeads {
			at := row*o.StrideQ + kv*o.StepKV
			for g := range group {
				f(0, at+g*o.HeadDim, (row*o.Heads+kv*group+g)*o.HeadDim)
			}
			f(1, at+group*o.HeadDim, (row*o.KVHeads+kv)*o.HeadDim)
			f(2, at+(group+1)*o.HeadDim, (row*o.KVHeads+kv)*o.HeadDim)
		}
	}
}

func sideBySide(o *engine.Attention, x []float64, rows int) [3][]float64 {
	kv := rows * o.KVHeads * o.HeadDim
	out := [3][]float64{make([]float64, rows*o.Heads*o.HeadDim), make([]float64, kv), make([]float64, kv)}
	turnsAt(o, rows, func(part, turns, apart int) { copy(out[part][apart:], x[turns:][:o.HeadDim]) })
	return out
}

func inTurns(o *engine.Attention, x []float64, parts [3][]float64, rows int) {
	turnsAt(o, rows, func(part, turns, apart int) { copy(x[turns:], parts[part][apart:][:o.HeadDim]) })
}

// apartAttention has q, k and v in buffers of their own and runs the forward pass.
func apartAttention(r *rand.Rand, o engine.Attention) check {
	rows, q, kv := o.B*o.T, o.Heads*o.HeadDim, o.KVHeads*o.HeadDim
	o.StrideQ, o.StrideK, o.StrideV, o.StrideO = q, kv+1, kv+2, q
	return check{name: attentionName(&o, "Attention"),
		bufs: []data{{f: random(r, rows*o.StrideQ)}, {f: random(r, rows*o.StrideK)}, {f: random(r, rows*o.StrideV)},
			{f: poison(rows * q)},
			{f: poison(o.B * o.Heads * o.T), private: true, kind: stat}},
		run: func(e engine.Engine, b []engine.Buf) []float64 {
			p := o
			p.Q, p.K, p.V, p.O, p.LSE = b[0], b[1], b[2], b[3], b[4]
			p.Work = work(e, &p)
			e.Attention(&p)
			return nil
		},
		plain: func(x [][]float64) []float64 {
			plainAttention(&o, x[0], x[1], x[2], x[3])
			return nil
		}}
}

// plainAttention writes the definition down: a masked matrix of scores, its softmax, a product.
func plainAttention(o *engine.Attention, q, k, v, out []float64) {
	for b := range o.B {
		for h := range o.Heads {
			kv := h * o.KVHeads / o.Heads
			for t := range o.T {
				weights, sum := make([]float64, o.T), 0.0
				for u := range o.T {
					s := 0.0
					for i := range o.HeadDim {
						s += q[(b*o.T+t)*o.StrideQ+h*o.HeadDim+i] * k[(b*o.T+u)*o.StrideK+kv*o.HeadDim+i]
					}
					s *= o.Scale
					if o.Softcap > 0 {
						s = o.Softcap * math.Tanh(s/o.Softcap)
					}
					if u <= t && (o.Window == 0 || u > t-o.Window) {
						weights[u] = math.Exp(s)
						sum += weights[u]
					}
				}
				for i := range o.HeadDim {
					y := 0.0
					for u := range o.T {
						y += weights[u] / sum * v[(b*o.T+u)*o.StrideV+kv*o.HeadDim+i]
					}
					out[(b*o.T+t)*o.StrideO+h*o.HeadDim+i] = y
				}
			}
		}
	}
}

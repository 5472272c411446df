package ref

import (
	"math"

	"famkit/internal/engine"
)

// Rope rotates the pairs (i, i+Dim/2) of every head in place.
func (e *Engine) Rope(o *engine.Rope) {
	x, cos, sin, half := f64(o.X), f64(o.Cos), f64(o.Sin), o.Dim/2
	e.rows(o.Rows, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			cs, ss := cos[r%o.T*half:][:half], sin[r%o.T*half:][:half]
			for h := range o.Heads {
				v := x[r*o.Stride+h*o.HeadDim:][:o.Dim]
				for i := range half {
					a, b, s := v[i], v[i+half], ss[i]
					if o.Inverse {
						s = -s
					}
					v[i], v[i+half] = a*cs[i]-b*s, b*cs[i]+a*s
				}
			}
		}
	})
}

// heads gives the views that one (sequence, query head) of an attention works on.
type heads struct {
	*engine.Attention
	q, k, v, o, do []float64
	lse            []float64
}

func newHeads(a *engine.Attention) heads {
	return heads{a, f64(a.Q), f64(a.K), f64(a.V), f64(a.O), f64(a.DO), f64(a.LSE)}
}

// at is the vector of one head in one row of the output.
func (h *heads) at(x []float64, row, stride, head int) []float64 {
	return x[row*stride+head*h.HeadDim:][:h.HeadDim]
}

// query is the vector of one query head in one row.
func (h *heads) query(x []float64, row, head int) []float64 {
	return x[row*h.StrideQ+h.QueryAt(head):][:h.HeadDim]
}

// key is the vector of one kv head in one row of keys or values.
func (h *heads) key(x []float64, row, stride, kv int) []float64 {
	return x[row*stride+h.KeyAt(kv):][:h.HeadDim]
}

// first is the oldest position that t sees.
func (h *heads) first(t int) int {
	if h.Window > 0 {
		return max(0, t-h.Window+1)
	}
	return 0
}

// score is the capped, scaled product of a query and a key.
func (h *heads) score(q, k []float64) float64 {
	s := h.Scale * dot(q, k)
	if h.Softcap > 0 {
		s = h.Softcap * math.Tanh(s/h.Softcap)
	}
	return s
}

func dot(a, b []float64) float64 {
	var s float64
	for i, v := range a {
		s += v * b[i]
	}
	return s
}

func axpy(y []float64, a float64, x []float64) {
	for i, v := range x {
		y[i] += a * v
	}
}

// Attention computes O and, where LSE is given, the log-sum-exp of each row's scores at (b*Heads+h)*T+t.
func (e *Engine) Attention(o *engine.Attention) {
	h := newHeads(o)
	if o.Past > 0 && o.B != 1 {
		panic("engine ref: earlier keys belong to one sequence")
	}
	e.rows(o.B*o.Heads*o.T, func(lo, hi int) {
		p := make([]float64, o.Past+o.T)
		for i := lo; i < hi; i++ {
			t, head, row0 := i%o.T, i/o.T%o.Heads, i/(o.T*o.Heads)*o.T
			h.forward(i, row0, t, head, p)
		}
	})
}

func (h *heads) forward(i, row0, t, head int, p []float64) {
	kv := head / (h.Heads / h.KVHeads)
	q, out := h.query(h.q, row0+t, head), h.at(h.o, row0+t, h.StrideO, head)
	t += h.Past
	from, top := h.first(t), math.Inf(-1)
	for u := from; u <= t; u++ {
		p[u] = h.score(q, h.key(h.k, row0+u, h.StrideK, kv))
		top = math.Max(top, p[u])
	}
	var sum float64
	for u := from; u <= t; u++ {
		p[u] = math.Exp(p[u] - top)
		sum += p[u]
	}
	clear(out)
	for u := from; u <= t; u++ {
		axpy(out, p[u]/sum, h.key(h.v, row0+u, h.StrideV, kv))
	}
	if h.lse != nil {
		h.lse[i] = top + math.Log(sum)
	}
}

// AttentionGrad overwrites DQ, DK and DV. The query heads of one kv head run one after the other, since they add to the
// same DK and DV.
func (e *Engine) AttentionGrad(o *engine.Attention) {
	if o.Past != 0 {
		panic("engine ref: attention over earlier keys has no gradient")
	}
	h := newHeads(o)
	dq, dk, dv := f64(o.DQ), f64(o.DK), f64(o.DV)
	group := o.Heads / o.KVHeads
	e.rows(o.B*o.KVHeads, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			row0, kv := i/o.KVHeads*o.T, i%o.KVHeads
			for t := range o.T {
				clear(h.key(dk, row0+t, o.StrideK, kv))
				clear(h.key(dv, row0+t, o.StrideV, kv))
			}
			for head := kv * group; head < (kv+1)*group; head++ {
				for t := range o.T {
					h.backward(row0, t, head, kv, dq, dk, dv)
				}
			}
		}
	})
}

func (h *heads) backward(row0, t, head, kv int, dq, dk, dv []float64) {
	row := row0 + t
	lse := h.lse[(row0/h.T*h.Heads+head)*h.T+t]
	q, do := h.query(h.q, row, head), h.at(h.do, row, h.StrideO, head)
	delta := dot(do, h.at(h.o, row, h.StrideO, head))
	dqt := h.query(dq, row, head)
	clear(dqt)
	for u := h.first(t); u <= t; u++ {
		k := h.key(h.k, row0+u, h.StrideK, kv)
		s := h.score(q, k)
		p := math.Exp(s - lse)
		ds := p * (dot(do, h.key(h.v, row0+u, h.StrideV, kv)) - delta)
		if h.Softcap > 0 {
			ds *= 1 - (s/h.Softcap)*(s/h.Softcap)
		}
		axpy(h.key(dv, row0+u, h.StrideV, kv), p, do)
		axpy(dqt, ds*h.Scale, k)
		axpy(h.key(dk, row0+u, h.StrideK, kv), ds*h.Scale, q)
	}
}

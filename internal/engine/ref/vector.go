package ref

import (
	"math"

	"famkit/internal/engine"
	"famkit/internal/engine/host"
)

// Zero clears b.
func (e *Engine) Zero(b engine.Buf) {
	if b.Type == engine.I32 {
		clear(i32(b))
		return
	}
	clear(f64(b))
}

// Copy copies src to dst, of the same length and type.
func (e *Engine) Copy(dst, src engine.Buf) {
	if dst.N != src.N {
		panic("engine ref: copy between different lengths")
	}
	if dst.Type == engine.I32 {
		copy(i32(dst), i32(src))
		return
	}
	copy(f64(dst), f64(src))
}

// AddTo computes dst += src.
func (e *Engine) AddTo(dst, src engine.Buf) {
	if dst.N != src.N {
		panic("engine ref: sum of different lengths")
	}
	d, s := f64(dst), f64(src)
	e.rows(len(d), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			d[i] += s[i]
		}
	})
}

// Softcap computes z = c*tanh(z/c) in place.
func (e *Engine) Softcap(b engine.Buf, c float64) {
	z := f64(b)
	e.rows(len(z), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			z[i] = c * math.Tanh(z[i]/c)
		}
	})
}

// Sum adds all elements from first to last.
func (e *Engine) Sum(dst, src engine.Buf) {
	var s float64
	for _, v := range f64(src) {
		s += v
	}
	f64(dst)[0] += s
}

// Clip adds all squares from first to last.
func (e *Engine) Clip(o *engine.Clip) {
	var s float64
	for _, g := range o.Grads {
		for _, v := range f64(g) {
			s += v * v
		}
	}
	host.Clip(o, math.Sqrt(s))
}

// AdamW is one step of decoupled AdamW.
func (e *Engine) AdamW(o *engine.AdamW) {
	factor, ok := host.Factor(o)
	if !ok {
		return
	}
	w, g, m, v := f64(o.W), f64(o.G), f64(o.M), f64(o.V)
	e.rows(len(w), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			d := factor * g[i]
			w[i] -= o.LR * o.Decay * w[i]
			m[i] = o.Beta1*m[i] + (1-o.Beta1)*d
			v[i] = o.Beta2*v[i] + (1-o.Beta2)*d*d
			w[i] -= o.LR / o.C1 * m[i] / (math.Sqrt(v[i]/o.C2) + o.Eps)
		}
	})
}

package ref

import (
	"math"

	"famkit/internal/engine"
)

// RMSNorm computes y = x * rsqrt(mean(x^2) + Eps) * (Gain + PlusOne).
func (e *Engine) RMSNorm(o *engine.Norm) {
	x, y, gain, stat := f64(o.X), f64(o.Y), f64(o.Gain), f64(o.Stat)
	e.rows(o.Rows*o.Groups, func(lo, hi int) {
		for v := lo; v < hi; v++ {
			r, g := v/o.Groups, v%o.Groups
			xs, ys := x[r*o.StrideX+g*o.Dim:][:o.Dim], y[r*o.StrideY+g*o.Dim:][:o.Dim]
			var s float64
			for _, a := range xs {
				s += a * a
			}
			inv := 1 / math.Sqrt(s/float64(o.Dim)+o.Eps)
			if stat != nil {
				stat[v] = inv
			}
			for i, a := range xs {
				ys[i] = a * inv * (gain[i] + o.PlusOne)
			}
		}
	})
}

// RMSNormGrad takes DY back to DX and DGain. With w = DY*(Gain+PlusOne) and r the rsqrt kept by the forward pass,
// dx = r*w - x * r^3 * (w.x)/Dim.
func (e *Engine) RMSNormGrad(o *engine.Norm) {
	x, gain, stat := f64(o.X), f64(o.Gain), f64(o.Stat)
	dx, dy, dgain := f64(o.DX), f64(o.DY), f64(o.DGain)
	if dgain != nil { // before DX: it may be DY
		e.rows(o.Dim, func(lo, hi int) {
			for v := range o.Rows * o.Groups {
				r, g := v/o.Groups, v%o.Groups
				for i := lo; i < hi; i++ {
					dgain[i] += dy[r*o.StrideY+g*o.Dim+i] * x[r*o.StrideX+g*o.Dim+i] * stat[v]
				}
			}
		})
	}
	e.rows(o.Rows*o.Groups, func(lo, hi int) {
		for v := lo; v < hi; v++ {
			r, g := v/o.Groups, v%o.Groups
			xs, dys := x[r*o.StrideX+g*o.Dim:][:o.Dim], dy[r*o.StrideY+g*o.Dim:][:o.Dim]
			dxs := dx[r*o.StrideX+g*o.Dim:][:o.Dim]
			var dot float64
			for i := range xs {
				dot += dys[i] * (gain[i] + o.PlusOne) * xs[i]
			}
			inv := stat[v]
			c := dot * inv * inv * inv / float64(o.Dim)
			for i := range xs {
				d := dys[i]*(gain[i]+o.PlusOne)*inv - xs[i]*c
				if o.Accumulate {
					d += dxs[i]
				}
				dxs[i] = d
			}
		}
	})
}

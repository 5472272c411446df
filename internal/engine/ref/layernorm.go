package ref

import (
	"math"

	"famkit/internal/engine"
)

// LayerNorm computes y = (x - mean) * rsqrt(var + Eps) * (Gain + PlusOne) + Bias.
func (e *Engine) LayerNorm(o *engine.Norm) {
	x, y, gain, bias := f64(o.X), f64(o.Y), f64(o.Gain), f64(o.Bias)
	stat, mean := f64(o.Stat), f64(o.Mean)
	e.rows(o.Rows*o.Groups, func(lo, hi int) {
		for v := lo; v < hi; v++ {
			r, g := v/o.Groups, v%o.Groups
			xs, ys := x[r*o.StrideX+g*o.Dim:][:o.Dim], y[r*o.StrideY+g*o.Dim:][:o.Dim]
			mu, inv := moments(xs, o.Eps)
			if stat != nil {
				stat[v], mean[v] = inv, mu
			}
			for i, a := range xs {
				ys[i] = (a-mu)*inv*(gain[i]+o.PlusOne) + bias[i]
			}
		}
	})
}

// moments are the mean and the inverse of the standard deviation.
func moments(xs []float64, eps float64) (mean, inv float64) {
	var s, sq float64
	for _, a := range xs {
		s += a
	}
	mean = s / float64(len(xs))
	for _, a := range xs {
		sq += (a - mean) * (a - mean)
	}
	return mean, 1 / math.Sqrt(sq/float64(len(xs))+eps)
}

// LayerNormGrad takes DY back to DX, DGain and DBias. With w = DY*(Gain+PlusOne) and h the normed x without gain,
// dx = r * (w - mean(w) - h * mean(w*h)).
func (e *Engine) LayerNormGrad(o *engine.Norm) {
	e.layerNormGains(o) // before DX: it may be DY
	x, gain, stat, mean := f64(o.X), f64(o.Gain), f64(o.Stat), f64(o.Mean)
	dx, dy := f64(o.DX), f64(o.DY)
	e.rows(o.Rows*o.Groups, func(lo, hi int) {
		for v := lo; v < hi; v++ {
			r, g := v/o.Groups, v%o.Groups
			xs, dys := x[r*o.StrideX+g*o.Dim:][:o.Dim], dy[r*o.StrideY+g*o.Dim:][:o.Dim]
			dxs := dx[r*o.StrideX+g*o.Dim:][:o.Dim]
			var sum, dot float64
			for i := range xs {
				w := dys[i] * (gain[i] + o.PlusOne)
				sum += w
				dot += w * (xs[i] - mean[v]) * stat[v]
			}
			sum, dot = sum/float64(o.Dim), dot/float64(o.Dim)
			for i := range xs {
				d := stat[v] * (dys[i]*(gain[i]+o.PlusOne) - sum - (xs[i]-mean[v])*stat[v]*dot)
				if o.Accumulate {
					d += dxs[i]
				}
				dxs[i] = d
			}
		}
	})
}

func (e *Engine) layerNormGains(o *engine.Norm) {
	x, dy, stat, mean := f64(o.X), f64(o.DY), f64(o.Stat), f64(o.Mean)
	dgain, dbias := f64(o.DGain), f64(o.DBias)
	if dgain == nil {
		return
	}
	e.rows(o.Dim, func(lo, hi int) {
		for v := range o.Rows * o.Groups {
			r, g := v/o.Groups, v%o.Groups
			for i := lo; i < hi; i++ {
				d := dy[r*o.StrideY+g*o.Dim+i]
				dgain[i] += d * (x[r*o.StrideX+g*o.Dim+i] - mean[v]) * stat[v]
				dbias[i] += d
			}
		}
	})
}

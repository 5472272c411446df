package ref

import (
	"math"

	"famkit/internal/engine"
	"famkit/internal/engine/host"
)

// Route chooses experts row by row and then gives every choice its place.
func (e *Engine) Route(o *engine.Route) {
	z, p, weight, chosen := f64(o.Logits), f64(o.P), f64(o.Weight), i32(o.Chosen)
	e.rows(o.Rows, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			softmax(p[r*o.Experts:][:o.Experts], z[r*o.Experts:][:o.Experts])
			choose(o, r, chosen[r*o.TopK:][:o.TopK], weight[r*o.TopK:][:o.TopK])
		}
	})
	host.Places(o)
}

func softmax(p, z []float64) {
	top, sum := math.Inf(-1), 0.0
	for _, v := range z {
		top = math.Max(top, v)
	}
	for i, v := range z {
		p[i] = math.Exp(v - top)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
}

// choose finds the TopK largest logits of a row and their weights.
func choose(o *engine.Route, r int, chosen []int32, weight []float64) {
	z, p := f64(o.Logits)[r*o.Experts:][:o.Experts], f64(o.P)[r*o.Experts:][:o.Experts]
	var sum float64
	for k := range chosen {
		chosen[k] = int32(host.Best(z, chosen[:k]))
		weight[k] = p[chosen[k]]
		sum += weight[k]
	}
	if o.Normalise {
		for k := range weight {
			weight[k] /= sum
		}
	}
}

// RouteGrad takes the gradients of the weights back to the logits. Weights w that are normalised are a softmax of the
// chosen logits: d = w * (dw - w.dw) for these and 0 for the others. Else they are entries of p: d = p * (dw - w.dw),
// with dw 0 for those not chosen.
func (e *Engine) RouteGrad(o *engine.Route) {
	p, weight, chosen := f64(o.P), f64(o.Weight), i32(o.Chosen)
	dweight, dz := f64(o.DWeight), f64(o.DLogits)
	e.rows(o.Rows, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			w, dw, d := weight[r*o.TopK:][:o.TopK], dweight[r*o.TopK:][:o.TopK], dz[r*o.Experts:][:o.Experts]
			mean := dot(w, dw)
			clear(d)
			if !o.Normalise {
				axpy(d, -mean, p[r*o.Experts:][:o.Experts])
			}
			for k, x := range chosen[r*o.TopK:][:o.TopK] {
				d[x] += w[k] * dw[k]
				if o.Normalise {
					d[x] -= w[k] * mean
				}
			}
		}
	})
}

// Combine adds up weighted rows.
func (e *Engine) Combine(o *engine.Combine) {
	x, weight, place, y, add := f64(o.X), f64(o.Weight), i32(o.Place), f64(o.Y), f64(o.Add)
	e.rows(o.Rows, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			out := y[r*o.Dim:][:o.Dim]
			if add == nil {
				clear(out)
			} else {
				copy(out, add[r*o.Dim:])
			}
			for i := r * o.TopK; i < (r+1)*o.TopK; i++ {
				w := 1.0
				if weight != nil {
					w = weight[i]
				}
				axpy(out, w, x[int(place[i])*o.Dim:][:o.Dim])
			}
		}
	})
}

// CombineGrad overwrites the rows that Combine read, and the weights' gradients.
func (e *Engine) CombineGrad(o *engine.Combine) {
	x, weight, place := f64(o.X), f64(o.Weight), i32(o.Place)
	dx, dy, dweight := f64(o.DX), f64(o.DY), f64(o.DWeight)
	e.rows(o.Rows, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			d := dy[r*o.Dim:][:o.Dim]
			for i := r * o.TopK; i < (r+1)*o.TopK; i++ {
				at := int(place[i]) * o.Dim
				dweight[i] = dot(d, x[at:])
				for j, v := range d {
					dx[at+j] = weight[i] * v
				}
			}
		}
	})
}

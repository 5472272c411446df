package ref

import (
	"math"

	"famkit/internal/engine"
)

// activate gives act(x) and its derivative.
func activate(a engine.Act, x float64) (y, dy float64) {
	switch a {
	case engine.SiLU:
		s := 1 / (1 + math.Exp(-x))
		return x * s, s * (1 + x*(1-s))
	case engine.GELUTanh:
		const c, k = 0.7978845608028654, 0.044715 // sqrt(2/pi)
		th := math.Tanh(c * (x + k*x*x*x))
		return 0.5 * x * (1 + th), 0.5*(1+th) + 0.5*x*(1-th*th)*c*(1+3*k*x*x)
	case engine.GELU:
		cdf := 0.5 * math.Erfc(-x/math.Sqrt2) // 1+erf would cancel for negative x
		return x * cdf, cdf + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi)
	}
	panic("engine ref: unknown activation")
}

// Gate computes H = act(G) * U, or act(G) without U.
func (e *Engine) Gate(o *engine.Gate) {
	g, u, h := f64(o.G), f64(o.U), f64(o.H)
	e.rows(o.Rows, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			for j := range o.Dim {
				y, _ := activate(o.Act, g[r*o.StrideG+j])
				if u != nil {
					y *= u[r*o.StrideG+j]
				}
				h[r*o.StrideH+j] = y
			}
		}
	})
}

// GateGrad computes DG and DU from DH.
func (e *Engine) GateGrad(o *engine.Gate) {
	g, u, dg, du, dh := f64(o.G), f64(o.U), f64(o.DG), f64(o.DU), f64(o.DH)
	e.rows(o.Rows, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			for j := range o.Dim {
				i := r*o.StrideG + j
				y, dy := activate(o.Act, g[i])
				d := dh[r*o.StrideH+j]
				if u == nil {
					dg[i] = d * dy
					continue
				}
				dg[i], du[i] = d*u[i]*dy, d*y
			}
		}
	})
}

// Embed gathers scaled rows of the table, and adds the rows of positions.
func (e *Engine) Embed(o *engine.Embed) {
	table, pos, ids, y := f64(o.Table), f64(o.Pos), i32(o.IDs), f64(o.Y)
	e.rows(o.Rows, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			for j, v := range table[int(ids[r])*o.Dim:][:o.Dim] {
				y[r*o.Dim+j] = o.Scale * v
			}
			if pos != nil {
				axpy(y[r*o.Dim:][:o.Dim], 1, pos[r%o.T*o.Dim:][:o.Dim])
			}
		}
	})
}

// EmbedGrad adds DY's rows to the gradients of the tables, in the order of the rows.
func (e *Engine) EmbedGrad(o *engine.Embed) {
	dtable, dpos, ids, dy := f64(o.DTable), f64(o.DPos), i32(o.IDs), f64(o.DY)
	e.rows(o.Dim, func(lo, hi int) {
		for r := range o.Rows {
			for j := lo; j < hi; j++ {
				d := dy[r*o.Dim+j]
				dtable[int(ids[r])*o.Dim+j] += o.Scale * d
				if dpos != nil {
					dpos[r%o.T*o.Dim+j] += d
				}
			}
		}
	})
}

// CrossEntropy turns rows of logits into losses and, where wanted, into gradients.
func (e *Engine) CrossEntropy(o *engine.CrossEntropy) {
	z, targets, loss := f64(o.Logits), i32(o.Targets), f64(o.Loss)
	e.rows(o.Rows, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			loss[r] = crossEntropyRow(o, z[r*o.Vocab:][:o.Vocab], int(targets[r]))
		}
	})
}

func crossEntropyRow(o *engine.CrossEntropy, z []float64, target int) float64 {
	if target < 0 {
		if o.Grad {
			clear(z)
		}
		return 0
	}
	top := math.Inf(-1)
	for _, v := range z {
		top = math.Max(top, capped(v, o.Softcap))
	}
	var sum float64
	for _, v := range z {
		sum += math.Exp(capped(v, o.Softcap) - top)
	}
	lse := top + math.Log(sum)
	loss := lse - capped(z[target], o.Softcap)
	if o.Grad {
		for j, v := range z {
			s := capped(v, o.Softcap)
			d := math.Exp(s - lse)
			if j == target {
				d--
			}
			if o.Softcap > 0 {
				d *= 1 - (s/o.Softcap)*(s/o.Softcap)
			}
			z[j] = o.Scale * d
		}
	}
	return loss
}

func capped(v, c float64) float64 {
	if c > 0 {
		return c * math.Tanh(v/c)
	}
	return v
}

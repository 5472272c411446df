package kern

import (
	"math"
)

func (twins) RMSNorm(rows, groups, dim int, x []float32, sx int, y []float32, sy int, gain, stat []float32, eps,
	plusOne float32) {
	for r := range rows {
		for g := range groups {
			xs, ys := x[r*sx+g*dim:][:dim], y[r*sy+g*dim:][:dim]
			s := 1 / math.Sqrt(dot(xs, xs)/float64(dim)+float64(eps))
			if stat != nil {
				stat[r*groups+g] = float32(s)
			}
			for i, v := range xs {
				ys[i] = float32(float64(v) * s * (float64(gain[i]) + float64(plusOne)))
			}
		}
	}
}

func (twins) RMSNormGrad(rows, groups, dim int, x []float32, sx int, dy []float32, sy int, gain, stat []float32,
	plusOne float32, dx, dgain []float32, accumulate bool) {
	for r := range rows {
		for g := range groups {
			xs, ds := x[r*sx+g*dim:][:dim], dy[r*sy+g*dim:][:dim]
			s := float64(stat[r*groups+g])
			var c float64
			for i, v := range xs {
				h := float64(v) * s
				c += float64(ds[i]) * (float64(gain[i]) + float64(plusOne)) * h
				if dgain != nil {
					dgain[i] += float32(float64(ds[i]) * h)
				}
			}
			if dx == nil {
				continue
			}
			c /= float64(dim)
			out := dx[r*sx+g*dim:][:dim]
			for i, v := range xs {
				d := (float64(ds[i])*(float64(gain[i])+float64(plusOne)) - float64(v)*s*c) * s
				if accumulate {
					d += float64(out[i])
				}
				out[i] = float32(d)
			}
		}
	}
}

func (twins) Rope(row0, rows, t, heads, headDim, dim int, x []float32, stride int, cos, sin []float32, inverse bool) {
	half := dim / 2
	for r := row0; r < row0+rows; r++ {
		c, s := cos[r%t*half:][:half], sin[r%t*half:][:half]
		for h := range heads {
			v := x[r*stride+h*headDim:][:dim]
			for i := range half {
				a, b, sn := float64(v[i]), float64(v[half+i]), float64(s[i])
				if inverse {
					sn = -sn
				}
				v[i] = float32(a*float64(c[i]) - b*sn)
				v[half+i] = float32(b*float64(c[i]) + a*sn)
			}
		}
	}
}

// activate gives the activation and its slope.
func activate(act Act, g float64) (y, slope float64) {
	switch act {
	case SiLU:
		s := 1 / (1 + math.Exp(-g))
		return g * s, s * (1 + g*(1-s))
	case GELUTanh:
		const c, k = 0.79788456080286535588, 0.044715
		t := math.Tanh(c * (g + k*g*g*g))
		return 0.5 * g * (1 + t), 0.5*(1+t) + 0.5*g*(1-t*t)*c*(1+3*k*g*g)
	}
	cdf := 0.5 * math.Erfc(-g/math.Sqrt2) // 1+erf would cancel for negative g
	return g * cdf, cdf + g*math.Exp(-g*g/2)/math.Sqrt(2*math.Pi)
}

func (twins) Gate(act Act, rows, dim int, g, u []float32, sg int, h []float32, sh int) {
	for r := range rows {
		for i := range dim {
			y, _ := activate(act, float64(g[r*sg+i]))
			h[r*sh+i] = float32(y * float64(u[r*sg+i]))
		}
	}
}

func (twins) GateGrad(act Act, rows, dim int, g, u, dg, du []float32, sg int, dh []float32, sh int) {
	for r := range rows {
		for i := range dim {
			y, slope := activate(act, float64(g[r*sg+i]))
			d, v := float64(dh[r*sh+i]), float64(u[r*sg+i])
			dg[r*sg+i] = float32(d * v * slope)
			du[r*sg+i] = float32(d * y)
		}
	}
}

func (twins) Act(act Act, rows, dim int, g []float32, sg int, h []float32, sh int) {
	for r := range rows {
		for i := range dim {
			y, _ := activate(act, float64(g[r*sg+i]))
			h[r*sh+i] = float32(y)
		}
	}
}

func (twins) ActGrad(act Act, rows, dim int, g, dg []float32, sg int, dh []float32, sh int) {
	for r := range rows {
		for i := range dim {
			_, slope := activate(act, float64(g[r*sg+i]))
			dg[r*sg+i] = float32(float64(dh[r*sh+i]) * slope)
		}
	}
}

func (twins) Softcap(x []float32, c float32) {
	for i, v := range x {
		x[i] = float32(capped(float64(v), float64(c)))
	}
}

func (twins) Add(dst, src []float32) {
	for i := range dst {
		dst[i] += src[i]
	}
}

func (twins) ScaledAdd(dst, src []float32, f float32) {
	for i := range dst {
		dst[i] += f * src[i]
	}
}

func (twins) ScaledCopy(dst, src []float32, f float32) {
	for i := range dst {
		dst[i] = f * src[i]
	}
}

func (twins) ColumnSums(dst, y []float32, rows, stride int) {
	for j := range dst {
		var s float64
		for r := range rows {
			s += float64(y[r*stride+j])
		}
		dst[j] += float32(s)
	}
}

func (twins) Sum(x []float32) float64 {
	var s float64
	for _, v := range x {
		s += float64(v)
	}
	return s
}

func (twins) Dot(x, y []float32) float64 { return dot(x, y) }

func (twins) SumSquares(x []float32) float64 { return dot(x, x) }

func (twins) AdamW(w, g, m, v []float32, decay, beta1, beta2, step, root, eps, gscale float32) {
	for i := range w {
		x := float64(g[i]) * float64(gscale)
		mi := float64(m[i])*float64(beta1) + x*float64(1-beta1)
		vi := float64(v[i])*float64(beta2) + x*x*float64(1-beta2)
		m[i], v[i] = float32(mi), float32(vi)
		w[i] = float32(float64(w[i])*float64(decay) - float64(step)*mi/(math.Sqrt(vi)*float64(root)+float64(eps)))
	}
}

func (twins) Exp(dst, src []float32) {
	for i, x := range src {
		dst[i] = float32(math.Exp(float64(x)))
	}
}

func (twins) Tanh(dst, src []float32) {
	for i, x := range src {
		dst[i] = float32(math.Tanh(float64(x)))
	}
}

func (twins) BF16ToF32(dst []float32, src []uint16) {
	for i, h := range src {
		dst[i] = bf16ToF32(h)
	}
}

func (twins) F32ToBF16(dst []uint16, src []float32) {
	for i, x := range src {
		dst[i] = bf16FromF32(x)
	}
}

func (twins) F16ToF32(dst []float32, src []uint16) {
	for i, h := range src {
		dst[i] = f16ToF32(h)
	}
}

func (twins) F32ToF16(dst []uint16, src []float32) {
	for i, x := range src {
		dst[i] = f16FromF32(x)
	}
}

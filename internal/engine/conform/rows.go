package conform

import (
	"fmt"
	"math"
	"math/rand/v2"

	"famkit/internal/engine"
)

func cap30(z float64) float64 { return 30 * math.Tanh(z/30) }

// normSizes are rows, groups, dim, and what is left between rows of X and of Y.
var normSizes = [][5]int{{1, 1, 1, 0, 0}, {3, 1, 5, 0, 0}, {9, 1, 64, 0, 0}, {70, 1, 131, 3, 0}, {5, 3, 16, 7, 0},
	{33, 4, 12, 24, 5}, {130, 2, 7, 1, 1}}

func norms(r *rand.Rand) []check {
	var out []check
	for i, s := range normSizes {
		for _, accumulate := range []bool{false, true} {
			o := engine.Norm{Rows: s[0], Groups: s[1], Dim: s[2], StrideX: s[1]*s[2] + s[3], StrideY: s[1]*s[2] + s[4],
				Eps: 1e-5, PlusOne: float64(i % 2), Accumulate: accumulate}
			if o.Dim == 1 {
				o.Eps = 0.5 // the gradient is then more than the rounding of two terms that cancel
			}
			out = append(out, normForward(r, o), normBackward(r, o))
		}
	}
	same := engine.Norm{Rows: 20, Groups: 1, Dim: 37, StrideX: 37, StrideY: 37, Eps: 1e-6}
	return append(out, normInPlace(r, same))
}

func normName(o *engine.Norm, what string) string {
	return fmt.Sprintf("%s/%dx%dx%d/accumulate=%t", what, o.Rows, o.Groups, o.Dim, o.Accumulate)
}

func normForward(r *rand.Rand, o engine.Norm) check {
	return check{name: normName(&o, "RMSNorm"),
		bufs: []data{{f: random(r, o.Rows*o.StrideX), off: 1}, {f: poison(o.Rows * o.StrideY), off: 3},
			{f: random(r, o.Dim), off: 1, kind: master},
			{f: poison(o.Rows * o.Groups), private: true, kind: stat}},
		run: func(e engine.Engine, b []engine.Buf) []float64 {
			p := o
			p.X, p.Y, p.Gain, p.Stat = b[0], b[1], b[2], b[3]
			e.RMSNorm(&p)
			return nil
		},
		plain: func(x [][]float64) []float64 {
			for row := range o.Rows {
				for g := range o.Groups {
					var s float64
					for i := range o.Dim {
						v := x[0][row*o.StrideX+g*o.Dim+i]
						s += v * v
					}
					for i := range o.Dim {
						x[1][row*o.StrideY+g*o.Dim+i] = x[0][row*o.StrideX+g*o.Dim+i] /
							math.Sqrt(s/float64(o.Dim)+o.Eps) * (x[2][i] + o.PlusOne)
					}
				}
			}
			return nil
		}}
}

func normBackward(r *rand.Rand, o engine.Norm) check {
	dx := poison(o.Rows * o.StrideX)
	if o.Accumulate {
		dx = random(r, o.Rows*o.StrideX)
	}
	return check{name: normName(&o, "RMSNormGrad"),
		bufs: []data{{f: random(r, o.Rows*o.StrideX), off: 1}, {f: poison(o.Rows * o.StrideY)},
			{f: random(r, o.Dim), off: 1, kind: master},
			{f: poison(o.Rows * o.Groups), private: true, kind: stat}, {f: dx, off: 2}, {f: random(r, o.Rows*o.StrideY), off: 1},
			{f: random(r, o.Dim), off: 3, kind: master}},
		run: func(e engine.Engine, b []engine.Buf) []float64 {
			p := o
			p.X, p.Y, p.Gain, p.Stat, p.DX, p.DY, p.DGain = b[0], b[1], b[2], b[3], b[4], b[5], b[6]
			e.RMSNorm(&p)
			e.RMSNormGrad(&p)
			return nil
		}}
}

// normInPlace has DX in DY's memory.
func normInPlace(r *rand.Rand, o engine.Norm) check {
	n := o.Rows * o.StrideX
	return check{name: "RMSNormGrad/in place",
		bufs: []data{{f: random(r, n)}, {f: poison(n)}, {f: random(r, o.Dim), kind: master},
			{f: poison(o.Rows), private: true, kind: stat},
			{f: random(r, n)}, {f: random(r, o.Dim), kind: master}},
		run: func(e engine.Engine, b []engine.Buf) []float64 {
			p := o
			p.X, p.Y, p.Gain, p.Stat, p.DX, p.DY, p.DGain = b[0], b[1], b[2], b[3], b[4], b[4], b[5]
			e.RMSNorm(&p)
			e.RMSNormGrad(&p)
			return nil
		}}
}

func ropes(r *rand.Rand) []check {
	var out []check
	for _, s := range [][6]int{{1, 1, 1, 2, 2, 0}, {10, 5, 3, 12, 12, 0}, {66, 33, 4, 16, 16, 9}, {14, 7, 2, 20, 8, 1},
		{9, 9, 5, 64, 64, 64}, {6, 3, 2, 14, 14, 3}} {
		for _, inverse := range []bool{false, true} {
			o := engine.Rope{Rows: s[0], T: s[1], Heads: s[2], HeadDim: s[3], Dim: s[4], Stride: s[2]*s[3] + s[5],
				Inverse: inverse}
			out = append(out, rope(r, o))
		}
	}
	return out
}

func rope(r *rand.Rand, o engine.Rope) check {
	half := o.Dim / 2
	cos, sin := make([]float64, o.T*half), make([]float64, o.T*half)
	for i := range cos {
		a := 3 * r.Float64()
		cos[i], sin[i] = float64(float32(math.Cos(a))), float64(float32(math.Sin(a)))
	}
	return check{name: fmt.Sprintf("Rope/%dx%dx%d of %d/inverse=%t", o.Rows, o.Heads, o.Dim, o.HeadDim, o.Inverse),
		bufs: []data{{f: random(r, o.Rows*o.Stride), off: 1}, {f: cos, off: 1, kind: stat}, {f: sin, off: 2, kind: stat}},
		run: func(e engine.Engine, b []engine.Buf) []float64 {
			p := o
			p.X, p.Cos, p.Sin = b[0], b[1], b[2]
			e.Rope(&p)
			return nil
		},
		plain: func(x [][]float64) []float64 {
			for row := range o.Rows {
				for h := range o.Heads {
					for i := range half {
						turn := complex(x[1][row%o.T*half+i], x[2][row%o.T*half+i])
						if o.Inverse {
							turn = complex(real(turn), -imag(turn))
						}
						a := row*o.Stride + h*o.HeadDim + i
						z := complex(x[0][a], x[0][a+half]) * turn
						x[0][a], x[0][a+half] = real(z), imag(z)
					}
				}
			}
			return nil
		}}
}

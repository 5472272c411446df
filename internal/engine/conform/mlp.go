package conform

import (
	"fmt"
	"math"
	"math/rand/v2"

	"famkit/internal/engine"
)

// scaled multiplies, staying exact in float32 for powers of two.
func scaled(x []float64, a float64) []float64 {
	for i := range x {
		x[i] *= a
	}
	return x
}

func gates(r *rand.Rand) []check {
	var out []check
	for _, act := range []engine.Act{engine.SiLU, engine.GELUTanh, engine.GELU} {
		for _, s := range [][3]int{{1, 1, 0}, {3, 17, 0}, {40, 112, 0}, {7, 33, 5}} {
			o := engine.Gate{Rows: s[0], Dim: s[1], StrideG: 2*s[1] + s[2], StrideH: s[1] + s[2], Act: act}
			out = append(out, gateForward(r, o), gateBackward(r, o), actForward(r, o), actBackward(r, o))
		}
	}
	return out
}

func gateForward(r *rand.Rand, o engine.Gate) check {
	return check{name: fmt.Sprintf("Gate/act=%d/%dx%d", o.Act, o.Rows, o.Dim), terms: 1,
		bufs: []data{{f: scaled(random(r, o.Rows*o.StrideG), 16), off: 1}, {f: poison(o.Rows * o.StrideH), off: 2}},
		run: func(e engine.Engine, b []engine.Buf) []float64 {
			p := o
			p.G, p.U, p.H = b[0], b[0].At(o.Dim, b[0].N-o.Dim), b[1]
			e.Gate(&p)
			return nil
		},
		plain: func(x [][]float64) []float64 {
			for row := range o.Rows {
				for j := range o.Dim {
					g, u := x[0][row*o.StrideG+j], x[0][row*o.StrideG+o.Dim+j]
					x[1][row*o.StrideH+j] = plainAct(o.Act, g) * u
				}
			}
			return nil
		}}
}

// actForward has no up projection.
func actForward(r *rand.Rand, o engine.Gate) check {
	return check{name: fmt.Sprintf("Gate/alone/act=%d/%dx%d", o.Act, o.Rows, o.Dim), terms: 1,
		bufs: []data{{f: scaled(random(r, o.Rows*o.StrideG), 16), off: 1}, {f: poison(o.Rows * o.StrideH), off: 2}},
		run: func(e engine.Engine, b []engine.Buf) []float64 {
			p := o
			p.G, p.H = b[0], b[1]
			e.Gate(&p)
			return nil
		},
		plain: func(x [][]float64) []float64 {
			for row := range o.Rows {
				for j := range o.Dim {
					x[1][row*o.StrideH+j] = plainAct(o.Act, x[0][row*o.StrideG+j])
				}
			}
			return nil
		}}
}

// actBackward writes DG over G, as the decoder does.
func actBackward(r *rand.Rand, o engine.Gate) check {
	return check{name: fmt.Sprintf("GateGrad/alone/act=%d/%dx%d", o.Act, o.Rows, o.Dim), terms: 1,
		bufs: []data{{f: scaled(random(r, o.Rows*o.StrideG), 8), off: 1}, {f: random(r, o.Rows*o.StrideH), off: 2}},
		run: func(e engine.Engine, b []engine.Buf) []float64 {
			p := o
			p.G, p.DG, p.DH = b[0], b[0], b[1]
			e.GateGrad(&p)
			return nil
		}}
}

func plainAct(a engine.Act, x float64) float64 {
	switch a {
	case engine.SiLU:
		return x / (1 + math.Exp(-x))
	case engine.GELUTanh:
		return x / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
	default:
		return x / 2 * math.Erfc(-x/math.Sqrt2)
	}
}

// gateBackward writes DG and DU over G and U, as the decoder does.
func gateBackward(r *rand.Rand, o engine.Gate) check {
	return check{name: fmt.Sprintf("GateGrad/act=%d/%dx%d", o.Act, o.Rows, o.Dim), terms: 1,
		bufs: []data{{f: scaled(random(r, o.Rows*o.StrideG), 8), off: 1}, {f: random(r, o.Rows*o.StrideH), off: 2}},
		run: func(e engine.Engine, b []engine.Buf) []float64 {
			p := o
			p.G, p.U, p.DH = b[0], b[0].At(o.Dim, b[0].N-o.Dim), b[1]
			p.DG, p.DU = p.G, p.U
			e.GateGrad(&p)
			return nil
		}}
}

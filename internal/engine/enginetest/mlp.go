package enginetest

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

func embeds(r *rand.Rand) []check {
	var out []check
	for _, s := range [][3]int{{1, 1, 1}, {50, 7, 5}, {129, 64, 40}, {300, 33, 3}} {
		o := engine.Embed{Rows: s[0], Dim: s[1], Vocab: s[2], Scale: float64(1 + s[0]%2)}
		ids := ints(r, o.Rows, o.Vocab)
		bufs := []data{{f: random(r, o.Vocab*o.Dim), off: 1}, {i: ids, off: 1}, {f: poison(o.Rows * o.Dim), off: 3}}
		out = append(out, check{name: fmt.Sprintf("Embed/%dx%d", o.Rows, o.Dim), bufs: bufs,
			run: func(e engine.Engine, b []engine.Buf) []float64 {
				p := o
				p.Table, p.IDs, p.Y = b[0], b[1], b[2]
				e.Embed(&p)
				return nil
			},
			plain: func(x [][]float64) []float64 {
				for i := range x[2] {
					x[2][i] = o.Scale * x[0][int(ids[i/o.Dim])*o.Dim+i%o.Dim]
				}
				return nil
			}})
		out = append(out, check{name: fmt.Sprintf("EmbedGrad/%dx%d", o.Rows, o.Dim),
			bufs: []data{bufs[0], bufs[1], {f: random(r, o.Rows*o.Dim), off: 3}},
			run: func(e engine.Engine, b []engine.Buf) []float64 {
				p := o
				p.DTable, p.IDs, p.DY = b[0], b[1], b[2]
				e.EmbedGrad(&p)
				return nil
			},
			plain: func(x [][]float64) []float64 {
				for i, v := range x[2] {
					x[0][int(ids[i/o.Dim])*o.Dim+i%o.Dim] += o.Scale * v
				}
				return nil
			}})
	}
	return out
}

func crossEntropies(r *rand.Rand) []check {
	var out []check
	for i, s := range [][2]int{{1, 2}, {5, 7}, {9, 131}, {40, 1000}, {3, 4099}} {
		for _, grad := range []bool{false, true} {
			for _, c := range []float64{0, 30} {
				o := engine.CrossEntropy{Rows: s[0], Vocab: s[1], Grad: grad, Scale: 0.5, Softcap: c}
				out = append(out, crossEntropy(r, o, []float64{1, 8, 128}[i%3]))
			}
		}
	}
	return out
}

// crossEntropy has logits of up to spread, some of which overflow exp, and some rows without a target.
func crossEntropy(r *rand.Rand, o engine.CrossEntropy, spread float64) check {
	targets := ints(r, o.Rows, o.Vocab)
	for i := 2; i < len(targets); i += 4 {
		targets[i] = -100
	}
	return check{name: fmt.Sprintf("CrossEntropy/%dx%d/grad=%t/cap=%g", o.Rows, o.Vocab, o.Grad, o.Softcap),
		bufs: []data{{f: scaled(random(r, o.Rows*o.Vocab), spread), off: 1}, {i: targets, off: 1}, {f: poison(o.Rows), off: 2}},
		run: func(e engine.Engine, b []engine.Buf) []float64 {
			p := o
			p.Logits, p.Targets, p.Loss = b[0], b[1], b[2]
			e.CrossEntropy(&p)
			return nil
		},
		plain: func(x [][]float64) []float64 {
			for row, target := range targets {
				x[2][row] = plainCrossEntropy(&o, x[0][row*o.Vocab:][:o.Vocab], int(target))
			}
			return nil
		}}
}

func plainCrossEntropy(o *engine.CrossEntropy, z []float64, target int) float64 {
	if target < 0 {
		if o.Grad {
			clear(z)
		}
		return 0
	}
	y, slope := make([]float64, len(z)), make([]float64, len(z))
	top := math.Inf(-1)
	for j, v := range z {
		y[j], slope[j] = v, 1
		if o.Softcap > 0 {
			y[j] = o.Softcap * math.Tanh(v/o.Softcap)
			slope[j] = 1 / math.Pow(math.Cosh(v/o.Softcap), 2)
		}
		top = max(top, y[j])
	}
	var sum float64
	for _, v := range y {
		sum += math.Exp(v - top)
	}
	if o.Grad {
		for j, v := range y {
			hit := 0.0
			if j == target {
				hit = 1
			}
			z[j] = o.Scale * (math.Exp(v-top)/sum - hit) * slope[j]
		}
	}
	return math.Log(sum) + top - y[target]
}

func adams(r *rand.Rand) []check {
	var out []check
	for _, n := range []int{1, 17, 1000, 33001} {
		o := engine.AdamW{LR: 1e-2, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, Decay: 0.1, C1: 1 - 0.9*0.9*0.9, C2: 1 - 0.95*0.95*0.95, GradScale: 0.25}
		second := random(r, n)
		for i := range second {
			second[i] = math.Abs(second[i])
		}
		out = append(out, check{name: fmt.Sprintf("AdamW/%d", n),
			bufs: []data{{f: random(r, n), off: 1}, {f: random(r, n), off: 1}, {f: random(r, n), off: 2}, {f: second, off: 3}},
			run: func(e engine.Engine, b []engine.Buf) []float64 {
				p := o
				p.W, p.G, p.M, p.V = b[0], b[1], b[2], b[3]
				e.AdamW(&p)
				return nil
			},
			plain: func(x [][]float64) []float64 {
				for i := range n {
					g := x[1][i] * o.GradScale
					x[2][i] = o.Beta1*x[2][i] + (1-o.Beta1)*g
					x[3][i] = o.Beta2*x[3][i] + (1-o.Beta2)*g*g
					x[0][i] = x[0][i]*(1-o.LR*o.Decay) - o.LR*(x[2][i]/o.C1)/(math.Sqrt(x[3][i]/o.C2)+o.Eps)
				}
				return nil
			}})
	}
	return out
}

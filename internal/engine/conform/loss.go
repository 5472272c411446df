package conform

import (
	"fmt"
	"math"
	"math/rand/v2"

	"famkit/internal/engine"
)

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
		bufs: []data{{f: scaled(random(r, o.Rows*o.Vocab), spread), off: 1}, {i: targets, off: 1},
			{f: poison(o.Rows), off: 2, kind: stat}},
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

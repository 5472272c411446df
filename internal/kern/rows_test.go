package kern

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func TestRMSNorm(t *testing.T) {
	onPaths(t, func(t *testing.T, k Kernels) {
		r := rand.New(rand.NewPCG(4, 4))
		for _, dim := range append(edges, 288) {
			for _, groups := range []int{1, 3} {
				rows, sx, sy := 5, groups*dim+r.IntN(3), groups*dim+r.IntN(3)
				x, dy, gain := randoms(r, rows*sx), randoms(r, rows*sy), randoms(r, dim)
				what := fmt.Sprintf("dim %d groups %d", dim, groups)
				run := func(k Kernels) (y, stat, dx, dgain, sum []float32) {
					y, stat, dx, dgain = make([]float32, rows*sy), make([]float32, rows*groups), make([]float32, rows*sx),
						make([]float32, dim)
					k.RMSNorm(rows, groups, dim, x, sx, y, sy, gain, stat, 0.1, 1)
					k.RMSNormGrad(rows, groups, dim, x, sx, dy, sy, gain, stat, 1, dx, dgain, false)
					sum = clone(x)
					k.RMSNormGrad(rows, groups, dim, x, sx, dy, sy, gain, stat, 1, sum, nil, true)
					return
				}
				y, stat, dx, dgain, sum := run(k)
				wy, wstat, wdx, wdgain, wsum := run(twins{})
				same(t, what+" y", y, wy, 1e-6)
				same(t, what+" stat", stat, wstat, 1e-6)
				same(t, what+" dx", dx, wdx, 3e-6)
				same(t, what+" dgain", dgain, wdgain, 3e-6)
				same(t, what+" sum", sum, wsum, 3e-6)
			}
		}
	})
}

func TestLayerNorm(t *testing.T) {
	onPaths(t, func(t *testing.T, k Kernels) {
		r := rand.New(rand.NewPCG(14, 4))
		for _, dim := range append(edges, 288) {
			for _, groups := range []int{1, 3} {
				rows, sx, sy := 5, groups*dim+r.IntN(3), groups*dim+r.IntN(3)
				x, dy, gain, bias := randoms(r, rows*sx), randoms(r, rows*sy), randoms(r, dim), randoms(r, dim)
				for i := range x {
					x[i] += 3 // a mean apart from zero
				}
				what := fmt.Sprintf("dim %d groups %d", dim, groups)
				run := func(k Kernels) (y, stat, mean, dx, dgain, dbias, sum []float32) {
					y, stat, mean, dx = make([]float32, rows*sy), make([]float32, rows*groups), make([]float32, rows*groups),
						make([]float32, rows*sx)
					dgain, dbias = make([]float32, dim), make([]float32, dim)
					k.LayerNorm(rows, groups, dim, x, sx, y, sy, gain, bias, stat, mean, 0.1, 1)
					k.LayerNormGrad(rows, groups, dim, x, sx, dy, sy, gain, stat, mean, 1, dx, dgain, dbias, false)
					sum = clone(x)
					k.LayerNormGrad(rows, groups, dim, x, sx, dy, sy, gain, stat, mean, 1, sum, nil, nil, true)
					return
				}
				y, stat, mean, dx, dgain, dbias, sum := run(k)
				wy, wstat, wmean, wdx, wdgain, wdbias, wsum := run(twins{})
				same(t, what+" y", y, wy, 3e-6)
				same(t, what+" stat", stat, wstat, 3e-6)
				same(t, what+" mean", mean, wmean, 1e-6)
				if dim > 1 { // else the gradient is 0, up to the rounding of terms that cancel
					same(t, what+" dx", dx, wdx, 1e-5)
					same(t, what+" dgain", dgain, wdgain, 1e-5)
				}
				same(t, what+" dbias", dbias, wdbias, 3e-6)
				same(t, what+" sum", sum, wsum, 1e-5)
			}
		}
	})
}

func TestRope(t *testing.T) {
	onPaths(t, func(t *testing.T, k Kernels) {
		r := rand.New(rand.NewPCG(5, 5))
		for _, c := range [][2]int{{2, 2}, {12, 12}, {64, 64}, {40, 34}, {128, 32}} {
			hd, dim, heads, tt, rows := c[0], c[1], 3, 7, 14
			stride := heads*hd + 5
			cos, sin := randoms(r, tt*dim/2), randoms(r, tt*dim/2)
			for _, inverse := range []bool{false, true} {
				x := randoms(r, rows*stride)
				w := clone(x)
				k.Rope(0, 5, tt, heads, hd, dim, x, stride, cos, sin, inverse)
				k.Rope(5, rows-5, tt, heads, hd, dim, x, stride, cos, sin, inverse)
				twins{}.Rope(0, rows, tt, heads, hd, dim, w, stride, cos, sin, inverse)
				same(t, fmt.Sprintf("rope %v inverse %v", c, inverse), x, w, 1e-6)
			}
		}
	})
}

func TestGate(t *testing.T) {
	onPaths(t, func(t *testing.T, k Kernels) {
		r := rand.New(rand.NewPCG(6, 6))
		for _, dim := range edges {
			for _, act := range []Act{SiLU, GELUTanh, GELU} {
				rows, sg, sh := 4, 2*dim+1, dim+2
				gu, dh := randoms(r, rows*sg), randoms(r, rows*sh)
				for i := range gu {
					gu[i] *= 5
				}
				run := func(k Kernels) (h, d []float32) {
					h, d = make([]float32, rows*sh), clone(gu)
					k.Gate(act, rows, dim, gu, gu[dim:], sg, h, sh)
					k.GateGrad(act, rows, dim, d, d[dim:], d, d[dim:], sg, dh, sh) // in place
					return
				}
				h, d := run(k)
				wh, wd := run(twins{})
				act1 := func(k Kernels) (h, d []float32) { // without a gate, in place
					h, d = make([]float32, rows*sh), clone(gu)
					k.Act(act, rows, dim, gu, sg, h, sh)
					k.ActGrad(act, rows, dim, d, d, sg, dh, sh)
					return
				}
				what := fmt.Sprintf("act %d dim %d", act, dim)
				ph, pd := act1(k)
				wph, wpd := act1(twins{})
				same(t, what+" alone", ph, wph, 1e-6)
				same(t, what+" alone, grad", pd, wpd, 2e-6)
				same(t, what, h, wh, 1e-6)
				same(t, what+" grad", d, wd, 2e-6)
			}
		}
		x := []float32{-1e30, -100, -1, 0, 1, 100, float32(math.NaN()), float32(math.Inf(1))}
		for _, c := range []float32{1, 30} {
			got, want := clone(x), clone(x)
			k.Softcap(got, c)
			twins{}.Softcap(want, c)
			same(t, "softcap", got, want, 1e-6)
		}
	})
}

// The twins' slopes of the activations are those of the activations.
func TestActivationSlopes(t *testing.T) {
	for _, act := range []Act{SiLU, GELUTanh, GELU} {
		for g := -6.0; g < 6; g += 0.37 {
			const h = 1e-5
			a, _ := activate(act, g+h)
			b, _ := activate(act, g-h)
			if _, d := activate(act, g); math.Abs(d-(a-b)/(2*h)) > 1e-9 {
				t.Errorf("act %d at %g: slope %g, differences give %g", act, g, d, (a-b)/(2*h))
			}
		}
	}
}

func TestCrossEntropy(t *testing.T) {
	onPaths(t, func(t *testing.T, k Kernels) {
		r := rand.New(rand.NewPCG(7, 7))
		for _, vocab := range append(edges, 2047, 5001) {
			for _, limit := range []float32{0, 4} {
				rows := 4
				z := randoms(r, rows*vocab)
				for i := range z {
					z[i] *= 8
				}
				target := []int32{0, -100, int32(vocab - 1), int32(vocab / 2)}
				what := fmt.Sprintf("vocab %d cap %g", vocab, limit)
				run := func(k Kernels, grad bool) (loss, g []float32) {
					loss, g = make([]float32, rows), clone(z)
					k.CrossEntropy(rows, vocab, g, target, loss, grad, 0.25, limit)
					return
				}
				loss, g := run(k, true)
				wloss, wg := run(twins{}, true)
				same(t, what+" loss", loss, wloss, 1e-6)
				same(t, what+" gradient", g, wg, 2e-6)
				loss, g = run(k, false)
				same(t, what+" loss alone", loss, wloss, 1e-6)
				same(t, what+" logits kept", g, z, 0)
			}
		}
		for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1))} {
			z, loss := randoms(r, 40), make([]float32, 1)
			z[33] = bad
			k.CrossEntropy(1, 40, z, []int32{2}, loss, true, 1, 0)
			if loss[0] == loss[0] {
				t.Errorf("loss %g with a logit of %g", loss[0], bad)
			}
		}
	})
}

func TestTargetOutsideVocabularyPanics(t *testing.T) {
	onPaths(t, func(t *testing.T, k Kernels) {
		defer func() {
			if recover() == nil {
				t.Error("target 5 of 5 was accepted")
			}
		}()
		k.CrossEntropy(1, 5, make([]float32, 5), []int32{5}, make([]float32, 1), true, 1, 0)
	})
}

func TestElementwise(t *testing.T) {
	onPaths(t, func(t *testing.T, k Kernels) {
		r := rand.New(rand.NewPCG(8, 8))
		for _, n := range append(edges, 0, 4099) {
			x, y := randoms(r, n), randoms(r, n)
			pair := func(what string, tol float64, f func(k Kernels, d []float32)) {
				got, want := clone(x), clone(x)
				f(k, got)
				f(twins{}, want)
				same(t, fmt.Sprintf("%s of %d", what, n), got, want, tol)
			}
			pair("add", 0, func(k Kernels, d []float32) { k.Add(d, y) })
			pair("scaled add", 1e-7, func(k Kernels, d []float32) { k.ScaledAdd(d, y, 0.3) })
			pair("scaled copy", 0, func(k Kernels, d []float32) { k.ScaledCopy(d, y, 0.3) })
			if s, w := k.Dot(x, y), (twins{}).Dot(x, y); math.Abs(s-w) > 1e-12*float64(n) {
				t.Errorf("product of %d: %g, want %g", n, s, w)
			}
			if s, w := k.Sum(x), (twins{}).Sum(x); math.Abs(s-w) > 1e-12*float64(n) {
				t.Errorf("sum of %d: %g, want %g", n, s, w)
			}
			if s, w := k.SumSquares(x), (twins{}).SumSquares(x); math.Abs(s-w) > 1e-12*float64(n) {
				t.Errorf("squares of %d: %g, want %g", n, s, w)
			}
			rows := 9
			m := randoms(r, rows*(n+3))
			pair("column sums", 1e-6, func(k Kernels, d []float32) { k.ColumnSums(d, m, rows, n+3) })
			adamwCase(t, k, r, n)
		}
	})
}

func adamwCase(t *testing.T, k Kernels, r *rand.Rand, n int) {
	t.Helper()
	w, g, m, v := randoms(r, n), randoms(r, n), randoms(r, n), randoms(r, n)
	for i := range v {
		v[i] *= v[i]
	}
	run := func(k Kernels) (w2, m2, v2 []float32) {
		w2, m2, v2 = clone(w), clone(m), clone(v)
		k.AdamW(w2, g, m2, v2, 0.99, 0.9, 0.95, 1e-2, 1.7, 1e-8, 0.5)
		return
	}
	a, b, c := run(k)
	x, y, z := run(twins{})
	same(t, fmt.Sprintf("adamw weights of %d", n), a, x, 1e-6)
	same(t, fmt.Sprintf("adamw first moments of %d", n), b, y, 1e-6)
	same(t, fmt.Sprintf("adamw second moments of %d", n), c, z, 1e-6)
}

package kern

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// onPaths runs a test on every path but the twins, which are the oracle.
func onPaths(t *testing.T, f func(t *testing.T, k Kernels)) {
	t.Helper()
	for _, p := range Available() {
		if p == Go {
			continue
		}
		k, err := For(p)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(string(p), func(t *testing.T) { f(t, k) })
	}
}

func randoms(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func clone(x []float32) []float32 { return append([]float32(nil), x...) }

// same allows tol times the largest wanted number; NaN equals NaN only.
func same(t *testing.T, what string, got, want []float32, tol float64) {
	t.Helper()
	var scale float64
	for _, v := range want {
		if a := math.Abs(float64(v)); a > scale && !math.IsInf(a, 0) {
			scale = a
		}
	}
	for i, v := range want {
		g := got[i]
		if g == v || g != g && v != v {
			continue
		}
		if !(math.Abs(float64(g)-float64(v)) <= tol*scale) {
			t.Errorf("%s: got %g at %d, want %g (allowed %.1e)", what, g, i, v, tol*scale)
			return
		}
	}
}

func TestPaths(t *testing.T) {
	all := Available()
	if all[0] != Go {
		t.Fatalf("available %v", all)
	}
	for _, p := range all {
		t.Setenv(Env, string(p))
		k, err := Default()
		if err != nil || k.Path() != p || k.Describe() == "" {
			t.Errorf("%s: %v, %v", p, k, err)
		}
	}
	t.Setenv(Env, "")
	if k, err := Default(); err != nil || k.Path() != all[len(all)-1] {
		t.Errorf("default: %v, %v", k, err)
	}
	t.Setenv(Env, "avx1024")
	if _, err := Default(); err == nil || !strings.Contains(err.Error(),
		`FAMKIT_KERNELS: no kernels "avx1024" here (have go`) {
		t.Errorf("unknown path: %v", err)
	}
}

// edges are the sizes that vector code gets wrong.
var edges = []int{1, 3, 7, 16, 17, 33, 100}

func TestGemm(t *testing.T) {
	onPaths(t, func(t *testing.T, k Kernels) {
		r := rand.New(rand.NewPCG(1, 1))
		for _, m := range edges {
			for _, n := range edges {
				for _, kk := range edges {
					gemmCase(t, k, r, m, n, kk, r.IntN(64))
				}
			}
		}
		for bits := range 64 { // every combination of transpositions, beta, bias, addend and rounding
			gemmCase(t, k, r, 29, 45, 38, bits)
		}
		for _, bits := range []int{0, 1, 2, 3, 36, 37, 38, 39} { // more than one block of each dimension
			gemmCase(t, k, r, 285, 20, 395, bits)
			gemmCase(t, k, r, 15, 2100, 20, bits)
		}
		gemmCase(t, k, r, 20, 20, 0, 28) // no products at all: bias and addend remain
		gemmCase(t, k, r, 33, 64, 512, 0)
		gemmCase(t, k, r, 33, 64, 1024, 0) // rows a multiple of the cache's way apart
	})
}

// gemmCase compares a product computed in four rectangles with the twin's. bits: TransA, TransB, Beta, Bias, Add, BF16.
func gemmCase(t *testing.T, k Kernels, r *rand.Rand, m, n, kk, bits int) {
	t.Helper()
	pad := r.IntN(2) * 5
	if kk%512 == 0 {
		pad = 0
	}
	g := Gemm{M: m, N: n, K: kk, LDA: kk + pad, LDB: n + pad, LDC: n + pad, LDAdd: n + 2*pad,
		TransA: bits&1 != 0, TransB: bits&2 != 0, Beta: bits&4 != 0, BF16: bits&32 != 0}
	ar, br := m, kk
	if g.TransA {
		ar, g.LDA = kk, m+pad
	}
	if g.TransB {
		br, g.LDB = n, kk+pad
	}
	// nothing after the last element
	exact := func(rows, ld, cols int) []float32 { return randoms(r, max(0, (rows-1)*ld+cols)) }
	g.A, g.B = exact(ar, g.LDA, g.LDA-pad), exact(br, g.LDB, g.LDB-pad)
	if bits&8 != 0 {
		g.Bias = randoms(r, n)
	}
	if bits&16 != 0 {
		g.Add = exact(m, g.LDAdd, n)
	}
	g.C = exact(m, g.LDC, n)
	w := g
	w.C = clone(g.C)
	twins{}.Gemm(&w, 0, m, 0, n, nil)
	work := make([]float32, k.GemmWork())
	m1, n1 := m/2, n/3
	for _, p := range [][4]int{{0, m1, 0, n1}, {0, m1, n1, n}, {m1, m, 0, n1}, {m1, m, n1, n}} {
		k.Gemm(&g, p[0], p[1], p[2], p[3], work)
	}
	same(t, fmt.Sprintf("gemm %dx%dx%d bits %06b pad %d", m, n, kk, bits, pad), g.C, w.C, 2e-6)
}

func TestGemmNaNAndInf(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	onPaths(t, func(t *testing.T, k Kernels) {
		for _, bf := range []bool{false, true} {
			a := []float32{1, 2, nan, 4, inf, 1}
			g := Gemm{M: 3, N: 1, K: 2, A: a, B: []float32{1, 0}, C: make([]float32, 3), LDA: 2, LDB: 1, LDC: 1, BF16: bf}
			k.Gemm(&g, 0, 3, 0, 1, make([]float32, k.GemmWork()))
			if c := g.C; c[0] != 1 || c[1] == c[1] || c[2] != inf {
				t.Errorf("bf16 %v: %v", bf, c)
			}
		}
	})
}

// A product is the same bits however it is cut into rows, and twice the same.
func TestGemmRepeats(t *testing.T) {
	onPaths(t, func(t *testing.T, k Kernels) {
		r := rand.New(rand.NewPCG(2, 2))
		work := make([]float32, k.GemmWork())
		for bits := range 8 {
			g := Gemm{M: 61, N: 75, K: 401, A: randoms(r, 61*401), B: randoms(r, 75*401), LDA: 401, LDB: 75, LDC: 75,
				TransA: bits&1 != 0, TransB: bits&2 != 0, BF16: bits&4 != 0}
			if g.TransA {
				g.LDA = 61
			}
			if g.TransB {
				g.LDB = 401
			}
			var first []float32
			for _, cut := range []int{0, 0, 1, 14, 30, 60} {
				g.C = make([]float32, 61*75)
				k.Gemm(&g, 0, cut, 0, 75, work)
				k.Gemm(&g, cut, 61, 0, 75, work)
				if first == nil {
					first = g.C
				}
				same(t, fmt.Sprintf("bits %d cut at %d", bits, cut), g.C, first, 0)
			}
		}
	})
}

// ulps is the distance in units of the last place of a float32.
func ulps(got float32, want float64) float64 {
	if got == float32(want) {
		return 0
	}
	_, e := math.Frexp(want)
	return math.Abs(float64(got)-want) / math.Ldexp(1, max(e, -125)-24)
}

func TestExpAndTanhWithinBounds(t *testing.T) {
	onPaths(t, func(t *testing.T, k Kernels) {
		var x []float32
		for v := -87.3; v < 88.7; v += 0.00137 {
			x = append(x, float32(v))
		}
		for v := 1e-30; v < 1; v *= 1.01 {
			x = append(x, float32(v), float32(-v))
		}
		e, h := make([]float32, len(x)), make([]float32, len(x))
		k.Exp(e, x)
		k.Tanh(h, x)
		var worstE, worstH float64
		for i, v := range x {
			worstE = max(worstE, ulps(e[i], math.Exp(float64(v))))
			worstH = max(worstH, ulps(h[i], math.Tanh(float64(v))))
		}
		t.Logf("exp within %.2f ulp, tanh within %.2f ulp", worstE, worstH)
		if worstE > 1 || worstH > 1.5 {
			t.Errorf("exp within %.2f ulp (stated 1), tanh within %.2f (stated 1.5)", worstE, worstH)
		}
		inf, nan := float32(math.Inf(1)), float32(math.NaN())
		special := []float32{0, float32(math.Copysign(0, -1)), inf, -inf, nan, -200, 200, 88.72283}
		got := make([]float32, len(special))
		k.Exp(got, special)
		same(t, "exp of special values", got, []float32{1, 1, inf, 0, nan, 0, inf, 3.402798e38}, 1e-4)
		k.Tanh(got, special)
		same(t, "tanh of special values", got, []float32{0, 0, 1, -1, nan, -1, 1, 1}, 0)
	})
}

func TestCasts(t *testing.T) {
	onPaths(t, func(t *testing.T, k Kernels) {
		all := make([]uint16, 1<<16)
		for i := range all {
			all[i] = uint16(i)
		}
		wide, want := make([]float32, len(all)), make([]float32, len(all))
		back, wantBack := make([]uint16, len(all)), make([]uint16, len(all))
		k.F16ToF32(wide, all)
		twins{}.F16ToF32(want, all)
		bitsEqual(t, "f16 to f32", wide, want)
		k.BF16ToF32(wide, all)
		twins{}.BF16ToF32(want, all)
		bitsEqual(t, "bf16 to f32", wide, want)

		r := rand.New(rand.NewPCG(3, 3))
		x := make([]float32, len(all))
		for i := range x { // every exponent, and many ties
			x[i] = math.Float32frombits(r.Uint32() &^ (uint32(1)<<(r.IntN(17)) - 1))
			if i%3 == 0 {
				x[i] = float32(r.NormFloat64() * math.Ldexp(1, -14-r.IntN(12)))
			}
		}
		copy(x, []float32{65504, 65519.996, 65520, 65536, -65520, 6e-8, 2.98e-8, 2.9802322e-8, 3e-8, 1e-30,
			float32(math.NaN()), float32(math.Inf(-1)), 3.4e38})
		for _, n := range []int{len(x), 1, 7, 9, 0} {
			k.F32ToF16(back[:n], x[:n])
			twins{}.F32ToF16(wantBack[:n], x[:n])
			halvesEqual(t, "f32 to f16", back[:n], wantBack[:n], x)
			k.F32ToBF16(back[:n], x[:n])
			twins{}.F32ToBF16(wantBack[:n], x[:n])
			halvesEqual(t, "f32 to bf16", back[:n], wantBack[:n], x)
		}
	})
}

func bitsEqual(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		if g, w := math.Float32bits(got[i]), math.Float32bits(want[i]); g != w {
			t.Fatalf("%s: %#x becomes %#x, want %#x", what, i, g, w)
		}
	}
}

func halvesEqual(t *testing.T, what string, got, want []uint16, x []float32) {
	t.Helper()
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%s: %g (%#x) becomes %#x, want %#x", what, x[i], math.Float32bits(x[i]), got[i], want[i])
		}
	}
}

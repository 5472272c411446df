package kern

import (
	"math"
	"testing"
)

// TestGELUAccuracy bounds the error of GELU by erf relative to its value, wherever float32 has room for it.
func TestGELUAccuracy(t *testing.T) {
	onPaths(t, func(t *testing.T, k Kernels) {
		var x []float32
		for g := -9.0; g <= 9; g += 1.0 / 512 {
			x = append(x, float32(g))
		}
		n := len(x)
		y, d, one := make([]float32, n), make([]float32, n), make([]float32, n)
		for i := range one {
			one[i] = 1
		}
		k.Act(GELU, 1, n, x, n, y, n)
		k.ActGrad(GELU, 1, n, x, d, n, one, n)
		for i, g := range x {
			want, slope := activate(GELU, float64(g))
			tol := 5e-7 + 6e-8*float64(g*g) // some roundings, and that of the square in the exponent
			if math.Abs(float64(y[i])-want) > tol*math.Abs(want) {
				t.Fatalf("gelu(%g) = %g, want %g", g, y[i], want)
			}
			if math.Abs(float64(d[i])-slope) > 4e-7*(1+math.Abs(float64(g))*0.4) {
				t.Fatalf("slope at %g is %g, want %g", g, d[i], slope)
			}
		}
		special := []float32{float32(math.NaN()), float32(math.Inf(1)), 0, 50, -50}
		out := make([]float32, 5)
		k.Act(GELU, 1, 5, special, 5, out, 5)
		if out[0] == out[0] || !math.IsInf(float64(out[1]), 1) || out[2] != 0 || out[3] != 50 || out[4] != 0 {
			t.Errorf("gelu of %v: %v", special, out)
		}
	})
}

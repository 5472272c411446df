package expand

import (
	"math"
	"math/rand/v2"
	"testing"

	"famkit/internal/growth"
	"famkit/internal/tensor"
)

// stored rounds v as the stored type does.
func stored(v float64, d tensor.DType) float64 {
	b := make([]byte, d.Bits()/8)
	out := []float64{v}
	tensor.Encode(b, out, d)
	tensor.Decode(out, b, d)
	return out[0]
}

// TestSharesAddUp: every share is a number of the stored type, and all add up to the whole, exactly; equal shares of
// three do not, so that the test can fail.
func TestSharesAddUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, d := range []tensor.DType{tensor.BF16, tensor.F16, tensor.F32, tensor.F64} {
		uneven := 0
		for trial := range 4000 {
			w := stored(rng.NormFloat64()*math.Ldexp(1, rng.IntN(40)-24), d)
			switch trial {
			case 0:
				w = 0
			case 1:
				w = math.Ldexp(1, smallest(d))
			case 2:
				w = map[tensor.DType]float64{tensor.BF16: 0x1.fep127, tensor.F16: 65504, tensor.F32: math.MaxFloat32,
					tensor.F64: math.MaxFloat64 / 4}[d]
			}
			if math.IsInf(w, 0) {
				continue
			}
			if got := quantize(w*0.7, d); got != stored(w*0.7, d) {
				t.Fatalf("%s: %g is rounded to %g, want %g", d, w*0.7, got, stored(w*0.7, d))
			}
			for _, n := range []int32{2, 3, 5} {
				key := newChoice(3, "w").row(trial)
				for _, s := range []growth.Split{growth.SplitChoice, growth.SplitShares, growth.SplitNoise} {
					if sum := addUp(t, s, w, n, key, d); sum != w {
						t.Fatalf("%s, %s, %d copies: shares of %g add up to %g", d, s, n, w, sum)
					}
				}
				if n == 3 && stored(w/3, d)*3 != w {
					uneven++
				}
			}
		}
		if uneven == 0 {
			t.Errorf("%s: thirds always add up, which they cannot", d)
		}
	}
}

// addUp sums the shares with an exact sum of few terms: the largest first, errors apart.
func addUp(t *testing.T, s growth.Split, w float64, n int32, key choice, d tensor.DType) float64 {
	t.Helper()
	var sum, low float64
	for nth := range n {
		v := share(s, w, nth, n, key, 7, d)
		if v != stored(v, d) {
			t.Fatalf("%s, %s: the share %g of %g is no number of the type", d, s, v, w)
		}
		next := sum + v
		part := next - sum
		low += (sum - (next - part)) + (v - part) // TwoSum
		sum = next
	}
	return sum + low
}

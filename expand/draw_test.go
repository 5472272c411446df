package expand

import (
	"math"
	"slices"
	"testing"
)

// TestNormal: what is drawn is distributed as it should be, tails included: the largest distance of the distribution
// functions (Kolmogorov and Smirnov) and the moments are within what a million draws may show by chance.
func TestNormal(t *testing.T) {
	const n = 1 << 20
	v := make([]float64, n)
	key := newChoice(5, "normal")
	tail := 0
	for i := range v {
		v[i] = key.row(i>>10).normal(i&1023, 0)
		if math.Abs(v[i]) > tailFrom {
			tail++
		}
	}
	var mean, square, fourth float64
	for _, x := range v {
		mean, square, fourth = mean+x/n, square+x*x/n, fourth+x*x*x*x/n
	}
	slices.Sort(v)
	off := 0.0
	for i, x := range v {
		f := 0.5 * math.Erfc(-x/math.Sqrt2)
		off = max(off, f-float64(i)/n, float64(i+1)/n-f)
	}
	root := math.Sqrt(n)
	if off > 1.95/root { // one in a thousand
		t.Errorf("distribution function off by %.2e", off)
	}
	if math.Abs(mean) > 4/root || math.Abs(square-1) > 4*math.Sqrt2/root || math.Abs(fourth-3) > 4*math.Sqrt(96)/root {
		t.Errorf("moments %v, %v, %v: want 0, 1, 3", mean, square, fourth)
	}
	want := n * math.Erfc(tailFrom/math.Sqrt2)
	if math.Abs(float64(tail)-want) > 4*math.Sqrt(want) {
		t.Errorf("%d beyond %v, want about %.0f", tail, tailFrom, want)
	}
	if key.normal(3, 0) == key.normal(3, 1) || key.normal(3, 0) == key.normal(4, 0) ||
		key.normal(3, 0) != key.normal(3, 0) {
		t.Error("draws are not functions of row, column and number")
	}
}

package verify

import (
	"math"
	"math/big"

	"famkit/internal/tensor"
)

// Sums of stored numbers are taken without rounding: an error-free transform gives a sum or a product as two float64
// numbers whose sum is exact (Dekker 1971, Knuth 1969; Ogita, Rump and Oishi 2005).

// twoSum gives a + b as s + e exactly.
func twoSum(a, b float64) (s, e float64) {
	s = a + b
	v := s - a
	return s, (a - (s - v)) + (b - v)
}

// twoProduct gives a * b as p + e exactly, unless it underflows.
func twoProduct(a, b float64) (p, e float64) {
	p = a * b
	return p, math.FMA(a, b, -p)
}

// sum is a running sum: hi + lo is exact while lossy is false.
type sum struct {
	hi, lo, size float64 // size sums the magnitudes
	slack        float64 // what a computation in float64 may miss of it
	lossy        bool
}

func (s *sum) add(x float64) {
	var e, f float64
	s.hi, e = twoSum(s.hi, x)
	s.lo, f = twoSum(s.lo, e)
	s.lossy = s.lossy || f != 0
	s.size += math.Abs(x)
}

// addProduct adds x * y.
func (s *sum) addProduct(x, y float64) {
	if y == 1 {
		s.add(x)
		return
	}
	p, e := twoProduct(x, y)
	s.add(p)
	if e != 0 {
		s.add(e)
	}
	s.lossy = s.lossy || p != 0 && math.Abs(p) < 0x1p-960 || p == 0 && x != 0 && y != 0
}

// minus gives s - x, near enough to tell zero from anything else while neither is lossy.
func (s sum) minus(x sum) float64 {
	h, e := twoSum(s.hi, -x.hi)
	return h + (e + (s.lo - x.lo))
}

// isPower reports whether f is a power of two, or minus one: products with it are exact.
func isPower(f float64) bool {
	m, _ := math.Frexp(f)
	return m == 0.5 || m == -0.5
}

// bigSum is the exact sum of products.
type bigSum struct{ v *big.Float }

func newBigSum() *bigSum { return &bigSum{new(big.Float).SetPrec(4600)} }

func (b *bigSum) addProduct(factors ...float64) {
	p := big.NewFloat(1).SetPrec(300)
	for _, f := range factors {
		p.Mul(p, big.NewFloat(f))
	}
	b.v.Add(b.v, p)
}

// smallestOf is the least positive number of a type.
func smallestOf(d tensor.DType) float64 {
	switch d {
	case tensor.BF16:
		return 0x1p-133
	case tensor.F16:
		return 0x1p-24
	case tensor.F32:
		return 0x1p-149
	}
	return 0x1p-1074
}

// claimError bounds what a scale that is no power of two misses of the real number that it stands for, relative to it:
// such a scale is a square root or a quotient computed in float64.
const claimError = 0x1p-49

// roundingBound is how far a stored number of type d may be from the number that it should be, for that to be one rounding.
// size is the magnitude of what is added up to it.
func roundingBound(d tensor.DType, size float64) float64 {
	return size*(unitRoundoff(d)*(1+0x1p-10)+claimError) + smallestOf(d)
}

// representable reports whether hi + lo is a number of type d.
func representable(hi, lo float64, d tensor.DType) bool {
	if lo != 0 {
		return false
	}
	var raw [8]byte
	var back [1]float64
	b := raw[:d.Bits()/8]
	tensor.Encode(b, []float64{hi}, d)
	tensor.Decode(back[:], b, d)
	return back[0] == hi
}

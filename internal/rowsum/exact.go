package rowsum

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

// zero reports whether the sum is known to be 0.
func (s sum) zero() bool { return s.hi == 0 && s.lo == 0 && !s.lossy }

// times is a mean, scaled; whoever computes it in float64 may miss it by a little of what is added up.
func (s sum) times(k float64) sum {
	out := sum{slack: ClaimError * s.size * math.Abs(k)}
	out.addProduct(s.hi, k)
	out.addProduct(s.lo, k)
	return out
}

// over is s / n.
func (s sum) over(n float64) sum {
	q := s.hi / n
	p, e := twoProduct(q, n)
	return sum{hi: q, lo: (s.hi - p - e + s.lo) / n, size: s.size / n}
}

// meanOf is the mean of finite numbers to about twice float64's precision.
func meanOf(v []float64) sum {
	var s sum
	for _, x := range v {
		s.add(x)
	}
	return s.over(float64(len(v)))
}

// IsPower reports whether f is a power of two or minus one: products with it are exact.
func IsPower(f float64) bool {
	m, _ := math.Frexp(f)
	return m == 0.5 || m == -0.5
}

// bigSum is the exact sum of products of float64 numbers.
type bigSum struct{ v *big.Float }

// bigBits hold any sum of products of two float64 numbers: from 2^-2148 to 2^2048, and the carries.
const bigBits = 4600

func newBigSum() *bigSum { return &bigSum{new(big.Float).SetPrec(bigBits)} }

func (b *bigSum) addProduct(factors ...float64) {
	p := big.NewFloat(1).SetPrec(300)
	for _, f := range factors {
		p.Mul(p, big.NewFloat(f))
	}
	b.v.Add(b.v, p)
}

// ClaimError bounds what a scale that is no power of two misses of the real number that it stands for, relative to it:
// such a scale is a square root or a quotient computed in float64.
const ClaimError = 0x1p-49

// relativeBound is how far a stored number of type d may be from the number that it should be, relative to that, for it
// to be one rounding.
func relativeBound(d tensor.DType) float64 { return d.Unit()*(1+0x1p-10) + ClaimError }

// ulpOf is a unit in the last place of v in type d.
func ulpOf(v float64, d tensor.DType) float64 {
	_, e := math.Frexp(v)
	return math.Max(math.Ldexp(2*d.Unit(), e-1), d.Smallest())
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

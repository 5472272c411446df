package expand

import (
	"math"

	"famkit/internal/growth"
	"famkit/internal/tensor"
)

// share is what copy number nth of n takes of w, which is a number of the stored type d. All shares add up to w
// exactly, except those of growth.SplitEven where n is no power of two. Which copy gets which of the shares is drawn.
func share(s growth.Split, w float64, nth, n int32, c choice, col int32, d tensor.DType) float64 {
	switch s {
	case growth.SplitChoice:
		if c.of(col, n) == nth {
			return w
		}
		return 0
	case growth.SplitEven:
		return w / float64(n)
	}
	nth = (nth + c.of(col, n)) % n
	rest := w
	for i := range n - 1 {
		var part float64
		if s == growth.SplitShares {
			part = quantize(rest*(0.5+0.5*c.unit(int(col), int(i))), d)
		} else {
			part = noisyPart(rest, float64(n-i), c.normal(int(col), int(i)), d)
		}
		if i == nth {
			return part
		}
		rest -= part // exact: by Sterbenz's lemma, or because both are whole multiples of w's last place
	}
	return rest
}

// noiseLevel is the noise relative to the number that it is added to: a signal-to-noise ratio of 10 dB.
const noiseLevel = 0.31622776601683794

// noisyPart is about w/n with noise, such that it and w minus it are both numbers of the type: both are kept whole
// multiples of w's last place and short enough to be held. Neither gets another sign than w: where copies are
// rounded, shares beyond w would magnify what they differ by.
func noisyPart(w, n, z float64, d tensor.DType) float64 {
	if w == 0 {
		return 0
	}
	place := lastPlace(w, d)
	most := math.Ldexp(1, precision(d)) - 1
	whole := w / place
	part := math.RoundToEven(whole * (1/n + noiseLevel*z))
	lo, hi := math.Min(0, whole), math.Max(0, whole)
	lo, hi = math.Max(lo, whole-most), math.Min(hi, whole+most)
	return math.Max(lo, math.Min(hi, part)) * place
}

// precision is the number of significant bits of a type.
func precision(d tensor.DType) int {
	switch d {
	case tensor.BF16:
		return 8
	case tensor.F16:
		return 11
	case tensor.F32:
		return 24
	}
	return 53
}

// smallest is the exponent of a type's smallest positive number.
func smallest(d tensor.DType) int {
	switch d {
	case tensor.BF16:
		return -133
	case tensor.F16:
		return -24
	case tensor.F32:
		return -149
	}
	return -1074
}

// lastPlace is the worth of the last bit of v in type d.
func lastPlace(v float64, d tensor.DType) float64 {
	e := max(exponent(v)-precision(d), smallest(d))
	if e < -1022 {
		return math.Ldexp(1, e)
	}
	return math.Float64frombits(uint64(e+1023) << 52)
}

// exponent is Frexp's.
func exponent(v float64) int {
	if e := int(math.Float64bits(v) >> 52 & 0x7ff); e != 0 && e != 0x7ff {
		return e - 1022
	}
	_, e := math.Frexp(v)
	return e
}

// quantize rounds v to the nearest number of the type, ties to even.
func quantize(v float64, d tensor.DType) float64 {
	if d == tensor.F64 || v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return v
	}
	switch big := math.Abs(v) >= 1<<127; { // a conversion would round what is beyond the type's range to infinity
	case d == tensor.F32 && !big:
		return float64(float32(v))
	case d == tensor.BF16 && !big:
		return float64(math.Float32frombits(uint32(tensor.BF16FromF64(v)) << 16))
	}
	return quantizeAny(v, d)
}

// quantizeAny is quantize for a type of any precision and no largest number.
func quantizeAny(v float64, d tensor.DType) float64 {
	place := lastPlace(v, d)
	return math.RoundToEven(v/place) * place
}

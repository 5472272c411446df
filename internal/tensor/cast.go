package tensor

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Decode widens little-endian elements of a real type into dst. len(src) must be len(dst) elements.
func Decode[T float32 | float64](dst []T, src []byte, d DType) {
	le := binary.LittleEndian
	switch d {
	case F32:
		for i := range dst {
			dst[i] = T(math.Float32frombits(le.Uint32(src)))
			src = src[4:]
		}
	case F64:
		for i := range dst {
			dst[i] = T(math.Float64frombits(le.Uint64(src)))
			src = src[8:]
		}
	case BF16:
		for i := range dst {
			dst[i] = T(math.Float32frombits(uint32(le.Uint16(src)) << 16))
			src = src[2:]
		}
	case F16:
		for i := range dst {
			dst[i] = T(F16ToF32(le.Uint16(src)))
			src = src[2:]
		}
	default:
		panic(fmt.Sprintf("tensor: decoding %s", d))
	}
}

// Encode rounds src to nearest, ties to even, into little-endian elements of a real type.
func Encode[T float32 | float64](dst []byte, src []T, d DType) {
	le := binary.LittleEndian
	switch d {
	case F32:
		for _, v := range src {
			le.PutUint32(dst, math.Float32bits(float32(v)))
			dst = dst[4:]
		}
	case F64:
		for _, v := range src {
			le.PutUint64(dst, math.Float64bits(float64(v)))
			dst = dst[8:]
		}
	case BF16:
		for _, v := range src {
			le.PutUint16(dst, BF16FromF64(float64(v)))
			dst = dst[2:]
		}
	case F16:
		for _, v := range src {
			le.PutUint16(dst, F16FromF64(float64(v)))
			dst = dst[2:]
		}
	default:
		panic(fmt.Sprintf("tensor: encoding %s", d))
	}
}

// BF16FromF32 rounds to nearest even; a NaN stays a quiet NaN.
func BF16FromF32(f float32) uint16 {
	b := math.Float32bits(f)
	if b&0x7fffffff > 0x7f800000 {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + (b>>16)&1) >> 16)
}

// BF16FromF64 rounds once, straight from float64: going through float32 would round twice.
func BF16FromF64(f float64) uint16 {
	b := math.Float64bits(f)
	if e := int(b>>52)&0x7ff - 1023; e >= -126 && e <= 127 {
		return shorten(b, 52-7, (1023-127)<<7)
	}
	return BF16FromF32(roundToOdd32(f))
}

// F16FromF64 rounds once to IEEE half precision, nearest even; overflow gives infinity.
func F16FromF64(f float64) uint16 {
	b := math.Float64bits(f)
	if e := int(b>>52)&0x7ff - 1023; e >= -14 && e <= 15 {
		return shorten(b, 52-10, (1023-15)<<10)
	}
	return F16FromF32(roundToOdd32(f))
}

// shorten drops the last n bits of a float64 whose exponent is normal in the shorter type too, to nearest even, and
// takes the difference of the biases from the exponent. A carry out of the mantissa goes into the exponent as it
// should, to infinity at the end.
func shorten(b uint64, n int, bias uint64) uint16 {
	rest := b & (1<<63 - 1)
	rest += 1<<(n-1) - 1 + rest>>n&1
	return uint16(b>>48)&0x8000 | uint16(rest>>n-bias)
}

// roundToOdd32 narrows to float32 with the lost bits kept as a sticky last bit, so that a second
// rounding to a shorter type gives the correctly rounded result (Boldo and Melquiond, 2008).
func roundToOdd32(f float64) float32 {
	r := float32(f)
	if float64(r) == f || f != f {
		return r
	}
	b := math.Float32bits(r)
	if math.Abs(float64(r)) > math.Abs(f) { // rounded away from zero: step back to the truncated value
		b--
	}
	return math.Float32frombits(b | 1)
}

// F16FromF32 rounds to nearest even.
func F16FromF32(f float32) uint16 {
	b := math.Float32bits(f)
	sign := uint16(b>>16) & 0x8000
	exp := int(b>>23&0xff) - 127
	man := b & 0x7fffff
	switch {
	case exp == 128 && man != 0:
		return sign | 0x7e00
	case exp > 15:
		return sign | 0x7c00
	case exp >= -14:
		h := uint32(exp+15)<<10 | man>>13
		rem := man & 0x1fff
		if rem > 0x1000 || rem == 0x1000 && h&1 == 1 {
			h++
		}
		return sign | uint16(h)
	case exp >= -25:
		man |= 0x800000
		shift := uint(-exp - 14 + 13)
		h := man >> shift
		rem, half := man&(1<<shift-1), uint32(1)<<(shift-1)
		if rem > half || rem == half && h&1 == 1 {
			h++
		}
		return sign | uint16(h)
	}
	return sign
}

// F16ToF32 widens exactly.
func F16ToF32(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exp, man := uint32(h>>10&0x1f), uint32(h&0x3ff)
	switch {
	case exp == 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | man<<13)
	case exp != 0:
		return math.Float32frombits(sign | (exp+112)<<23 | man<<13)
	}
	f := float32(man) * (1.0 / (1 << 24))
	return math.Float32frombits(math.Float32bits(f) | sign)
}

package kern

import "math"

// The 16-bit types one value at a time: the oracle of the vector conversions.

func bf16ToF32(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// bf16FromF32 rounds to nearest even; a NaN stays a quiet NaN.
func bf16FromF32(f float32) uint16 {
	b := math.Float32bits(f)
	if f != f {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

func f16ToF32(h uint16) float32 {
	sign, exp, man := uint32(h&0x8000)<<16, uint32(h>>10&0x1f), uint32(h&0x3ff)
	switch {
	case exp == 0x1f && man != 0:
		return math.Float32frombits(sign | 0x7fc00000 | man<<13)
	case exp == 0x1f:
		return math.Float32frombits(sign | 0x7f800000)
	case exp == 0:
		return math.Float32frombits(sign | math.Float32bits(float32(man)/(1<<24)))
	}
	return math.Float32frombits(sign | (exp+112)<<23 | man<<13)
}

// f16FromF32 rounds to nearest even; 65520 and more become infinity, every NaN the same quiet one.
func f16FromF32(f float32) uint16 {
	sign := uint16(math.Float32bits(f)>>16) & 0x8000
	a := math.Abs(float64(f))
	switch {
	case f != f:
		return sign | 0x7e00
	case a >= 65520:
		return sign | 0x7c00
	case a == 0:
		return sign
	}
	exp := max(math.Ilogb(a), -14)
	steps := uint16(math.RoundToEven(math.Ldexp(a, 10-exp))) // significand in units of the last place
	return sign + uint16(exp+14)<<10 + steps                 // a carry moves into the exponent by itself
}

package tensor

import "encoding/binary"

// A NaN or an infinity has all bits of its exponent set. Adding one unit of the exponent to those bits alone then
// carries into the sign's place, in every element of a 64-bit word at once.
var exponents = map[DType]struct{ bits, unit, sign uint64 }{
	F16:  {0x7c007c007c007c00, 0x0400040004000400, 0x8000800080008000},
	BF16: {0x7f807f807f807f80, 0x0080008000800080, 0x8000800080008000},
	F32:  {0x7f8000007f800000, 0x0080000000800000, 0x8000000080000000},
	F64:  {0x7ff0000000000000, 0x0010000000000000, 0x8000000000000000},
}

// Reaches reports whether some little-endian element of b is 2^exponent or more in magnitude, or no number at all, at
// the speed of memory. The exponent is that of a normal number of the type.
func Reaches(b []byte, d DType, exponent int) bool {
	e, ok := exponents[d]
	if !ok {
		return false
	}
	most := e.bits / e.unit // the exponent field of what is no number: all ones
	from := uint64(exponent) + most/2
	for len(b) >= 8 {
		x := b[:min(len(b)&^7, 4096)]
		b = b[len(x):]
		// the sign's place is reached where the exponent is from or more
		if carried(x, e.bits, e.sign-from*e.unit)&e.sign != 0 {
			return true
		}
	}
	var rest [8]byte
	copy(rest[:], b)
	return carried(rest[:], e.bits, e.sign-from*e.unit)&e.sign != 0
}

// NonFinite counts the NaNs and infinities among the little-endian elements of b; 0 for types that have none. The
// elements are counted only where there are any, so that a sound tensor is scanned at the speed of memory.
func NonFinite(b []byte, d DType) int {
	e, ok := exponents[d]
	if !ok {
		return 0
	}
	n := 0
	for len(b) >= 8 {
		x := b[:min(len(b)&^7, 4096)]
		b = b[len(x):]
		if carried(x, e.bits, e.unit)&e.sign != 0 {
			n += countNonFinite(x, d)
		}
	}
	return n + countNonFinite(b, d)
}

// anyNonFinite has a sign bit set where an element of x, whole words of 8 bytes, is not finite. Four words at once,
// so that the additions do not wait for each other.
func carried(x []byte, bits, unit uint64) uint64 {
	le := binary.LittleEndian
	var a, b, c, d uint64
	for ; len(x) >= 32; x = x[32:] {
		a |= le.Uint64(x)&bits + unit
		b |= le.Uint64(x[8:])&bits + unit
		c |= le.Uint64(x[16:])&bits + unit
		d |= le.Uint64(x[24:])&bits + unit
	}
	for ; len(x) >= 8; x = x[8:] {
		a |= le.Uint64(x)&bits + unit
	}
	return a | b | c | d
}

// countNonFinite looks at each element.
func countNonFinite(b []byte, d DType) int {
	e, size, n := exponents[d], d.Bits()/8, 0
	for ; len(b) >= size; b = b[size:] {
		var raw [8]byte
		copy(raw[:], b[:size])
		lane := uint64(1)<<(8*size-1)<<1 - 1
		if binary.LittleEndian.Uint64(raw[:])&e.bits == e.bits&lane {
			n++
		}
	}
	return n
}

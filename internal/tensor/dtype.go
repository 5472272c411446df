// Package tensor names the element types of a checkpoint, describes tensors and
// converts their bytes. It does no arithmetic.
package tensor

import (
	"fmt"
	"math"
)

// DType is an element type as the safetensors format spells it.
type DType uint8

// The element types in the order of the safetensors crate's enum; writers sort by it, descending.
const (
	Invalid DType = iota
	Bool
	F4
	F6E2M3
	F6E3M2
	U8
	I8
	F8E5M2
	F8E4M3
	F8E8M0
	F8E4M3FNUZ
	F8E5M2FNUZ
	I16
	U16
	F16
	BF16
	I32
	U32
	F32
	C64
	F64
	I64
	U64
)

type dtypeFact struct {
	name  string
	torch string // as config.json's dtype spells it; empty where torch has none
	bits  int
}

var dtypeFacts = [...]dtypeFact{
	Invalid: {"INVALID", "", 0},
	Bool:    {"BOOL", "bool", 8}, F4: {"F4", "", 4}, F6E2M3: {"F6_E2M3", "", 6}, F6E3M2: {"F6_E3M2", "", 6},
	U8: {"U8", "uint8", 8}, I8: {"I8", "int8", 8},
	F8E5M2: {"F8_E5M2", "float8_e5m2", 8}, F8E4M3: {"F8_E4M3", "float8_e4m3fn", 8},
	F8E8M0:     {"F8_E8M0", "float8_e8m0fnu", 8},
	F8E4M3FNUZ: {"F8_E4M3FNUZ", "float8_e4m3fnuz", 8}, F8E5M2FNUZ: {"F8_E5M2FNUZ", "float8_e5m2fnuz", 8},
	I16: {"I16", "int16", 16}, U16: {"U16", "uint16", 16}, F16: {"F16", "float16", 16}, BF16: {"BF16", "bfloat16", 16},
	I32: {"I32", "int32", 32}, U32: {"U32", "uint32", 32}, F32: {"F32", "float32", 32},
	C64: {"C64", "complex64", 64}, F64: {"F64", "float64", 64}, I64: {"I64", "int64", 64}, U64: {"U64", "uint64", 64},
}

// ParseDType reads the safetensors spelling ("BF16").
func ParseDType(s string) (DType, error) {
	for d := Bool; d <= U64; d++ {
		if dtypeFacts[d].name == s {
			return d, nil
		}
	}
	return Invalid, fmt.Errorf("unknown dtype %q", s)
}

// ParseTorchDType reads the spelling of config.json's dtype key ("bfloat16").
func ParseTorchDType(s string) (DType, error) {
	for d := Bool; d <= U64; d++ {
		if dtypeFacts[d].torch == s && s != "" {
			return d, nil
		}
	}
	return Invalid, fmt.Errorf("unknown dtype %q", s)
}

// String gives the safetensors spelling.
func (d DType) String() string { return dtypeFacts[d].name }

// Torch gives PyTorch's name of the type, "" where it has none.
func (d DType) Torch() string { return dtypeFacts[d].torch }

// Bits is the width of one element; below 8 for the packed types.
func (d DType) Bits() int { return dtypeFacts[d].bits }

// Real reports whether growth and the engines can compute with the type: F16, BF16, F32, F64.
func (d DType) Real() bool { return d == F16 || d == BF16 || d == F32 || d == F64 }

// floats are what the real types can say: the significant bits, and the exponents of their smallest and largest
// numbers.
var floats = map[DType]struct{ bits, least, most int }{
	BF16: {8, -133, 127}, F16: {11, -24, 15}, F32: {24, -149, 127}, F64: {53, -1074, 1023},
}

// Precision is the number of significant bits of a real type, the leading one counted.
func (d DType) Precision() int { return floats[d].bits }

// Unit is a real type's unit roundoff: how far a rounded number may be from what it was, relative to it.
func (d DType) Unit() float64 { return math.Ldexp(1, -floats[d].bits) }

// Smallest is a real type's smallest positive number.
func (d DType) Smallest() float64 { return math.Ldexp(1, floats[d].least) }

// Largest is a real type's largest finite number.
func (d DType) Largest() float64 {
	f := floats[d]
	return math.Ldexp(2-math.Ldexp(1, 1-f.bits), f.most)
}

// Holds reports whether every number of real type o is one of real type d.
func (d DType) Holds(o DType) bool {
	a, b := floats[d], floats[o]
	return d.Real() && o.Real() && a.bits >= b.bits && a.least <= b.least && a.most >= b.most
}

package verify

import (
	"encoding/binary"
	"fmt"

	"famkit/internal/tensor"
)

// nonFinite counts NaN and infinities in little-endian elements of a real type; 0 for other types.
func nonFinite(b []byte, d tensor.DType) int {
	le, n := binary.LittleEndian, 0
	switch d {
	case tensor.F32:
		for i := 0; i+4 <= len(b); i += 4 {
			if le.Uint32(b[i:])&0x7f800000 == 0x7f800000 {
				n++
			}
		}
	case tensor.BF16, tensor.F16:
		mask := uint16(0x7f80)
		if d == tensor.F16 {
			mask = 0x7c00
		}
		for i := 0; i+2 <= len(b); i += 2 {
			if le.Uint16(b[i:])&mask == mask {
				n++
			}
		}
	case tensor.F64:
		for i := 0; i+8 <= len(b); i += 8 {
			if le.Uint64(b[i:])&0x7ff0000000000000 == 0x7ff0000000000000 {
				n++
			}
		}
	}
	return n
}

// element prints element i of b as a number.
func element(b []byte, i int, d tensor.DType) string {
	size := d.Bits() / 8
	if size == 0 || (i+1)*size > len(b) {
		return "?"
	}
	raw := b[i*size : (i+1)*size]
	if !d.Real() {
		return fmt.Sprintf("%x", raw)
	}
	var v [1]float64
	tensor.Decode(v[:], raw, d)
	return fmt.Sprint(v[0])
}

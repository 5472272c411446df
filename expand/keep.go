package expand

import "encoding/binary"

// keep copies the elements whose bit is set, lowest first, and clears the others. A word of eight bytes holds several
// elements; a table turns their bits into a mask.
func keep(dst, src []byte, size int, bits uint64) {
	le := binary.LittleEndian
	switch size {
	case 2:
		for len(src) >= 8 && len(dst) >= 8 {
			le.PutUint64(dst, le.Uint64(src)&masks16[bits&15])
			dst, src, bits = dst[8:], src[8:], bits>>4
		}
	case 4:
		for len(src) >= 8 && len(dst) >= 8 {
			le.PutUint64(dst, le.Uint64(src)&masks32[bits&3])
			dst, src, bits = dst[8:], src[8:], bits>>2
		}
	}
	for ; len(dst) >= size; bits >>= 1 {
		if bits&1 == 1 {
			copy(dst[:size], src)
		} else {
			clear(dst[:size])
		}
		dst, src = dst[size:], src[size:]
	}
}

// masks16 and masks32 have all ones where an element of 16 or 32 bits is kept.
var (
	masks16 = maskTable(16)
	masks32 = maskTable(32)
)

func maskTable(bits int) (table [16]uint64) {
	for pattern := range table {
		for i := 0; i*bits < 64; i++ {
			if pattern>>i&1 == 1 {
				table[pattern] |= (1<<bits - 1) << (i * bits)
			}
		}
	}
	return table
}

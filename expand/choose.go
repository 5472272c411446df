package expand

import "unsafe"

// choose shares the columns of one row among their copies: of the copies of a source column the drawn one takes the
// element, the others are zero. E is an element as bytes, so that nothing about its type matters.
func choose[E [2]byte | [4]byte | [8]byte](out, in []byte, cols *gather, c choice) {
	var zero E
	src := unsafe.Slice((*E)(unsafe.Pointer(unsafe.SliceData(in))), cols.from)
	dst := unsafe.Slice((*E)(unsafe.Pointer(unsafe.SliceData(out))), cols.to)
	for _, u := range cols.runs {
		chooseRun(dst[u.to:u.to+u.n], src[u.from:u.from+u.n], cols.slot[u.to:], cols.count, u.from, c, zero)
	}
}

func chooseRun[E [2]byte | [4]byte | [8]byte | float64](dst, src []E, slot, count []int32, from int, c choice, zero E) {
	block, bits := -1, uint64(0)
	for i := range src {
		s := from + i
		n := count[s]
		if n == 1 {
			dst[i] = src[i]
			continue
		}
		var pick int32
		if n == 2 {
			if b := s >> 6; b != block {
				block, bits = b, c.bits64(b)
			}
			pick = int32(bits >> (uint(s) & 63) & 1)
		} else {
			pick = c.of(int32(s), n)
		}
		if pick == slot[i] {
			dst[i] = src[i]
		} else {
			dst[i] = zero
		}
	}
}

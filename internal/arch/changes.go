package arch

import (
	"encoding/binary"
	"math"

	"famkit/internal/tensor"
)

// Changes names the first tensor that has a number which a type has not: a loader that holds the weights in that type
// rounds it. It is "" where every number stays as it is stored; then the whole checkpoint has been read.
func (ck *Checkpoint) Changes(d tensor.DType) (string, error) {
	for _, b := range ck.Tensors {
		info := b.Info()
		if !info.DType.Real() || d.Holds(info.DType) {
			continue
		}
		changes, err := changes(b, d)
		if changes || err != nil {
			return info.Name, err
		}
	}
	return "", nil
}

// changes reports whether a tensor has a number that d has not.
func changes(t tensor.Tensor, d tensor.DType) (bool, error) {
	info := t.Info()
	width := int64(info.DType.Bits() / 8)
	buf := make([]byte, min(info.Size(), piece*width))
	for at := int64(0); at < info.Size(); at += int64(len(buf)) {
		b := buf[:min(info.Size()-at, int64(len(buf)))]
		if err := tensor.ReadFull(t, b, at); err != nil {
			return false, err
		}
		if info.DType == tensor.F32 && d == tensor.BF16 && halfEmpty(b) {
			continue
		}
		if rounds(b, info.DType, d) {
			return true, nil
		}
	}
	return false, nil
}

// piece is the number of elements that are looked at together.
const piece = 1 << 18

// halfEmpty reports whether the lower halves of float32 numbers are zero, as those of a bfloat16 are.
func halfEmpty(b []byte) bool {
	var low uint32
	for ; len(b) >= 4; b = b[4:] {
		low |= binary.LittleEndian.Uint32(b) & 0xffff
	}
	return low == 0
}

// rounds reports whether any of the numbers, stored in a type, becomes another in d.
func rounds(b []byte, from, d tensor.DType) bool {
	values := make([]float64, len(b)/(from.Bits()/8))
	tensor.Decode(values, b, from)
	stored := make([]byte, len(values)*d.Bits()/8)
	tensor.Encode(stored, values, d)
	again := make([]float64, len(values))
	tensor.Decode(again, stored, d)
	for i, v := range values {
		if v != again[i] && !(math.IsNaN(v) && math.IsNaN(again[i])) {
			return true
		}
	}
	return false
}

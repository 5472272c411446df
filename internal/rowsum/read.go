package rowsum

import (
	"encoding/binary"
	"fmt"

	"famkit/internal/tensor"
)

// Vector reads a whole tensor as numbers.
func (w *Worker) Vector(t tensor.Tensor) ([]float64, error) {
	info := t.Info()
	raw := make([]byte, info.Size())
	if err := w.fill(t, raw, 0); err != nil {
		return nil, err
	}
	out := make([]float64, len(raw)*8/info.DType.Bits())
	tensor.Decode(out, raw, info.DType)
	return out, nil
}

// Row reads row r of a matrix.
func (w *Worker) Row(t tensor.Tensor, r int) ([]float64, error) {
	info := t.Info()
	raw := make([]byte, info.Shape[1]*info.DType.Bits()/8)
	if err := w.fill(t, raw, int64(r)*int64(len(raw))); err != nil {
		return nil, err
	}
	v := make([]float64, info.Shape[1])
	tensor.Decode(v, raw, info.DType)
	return v, nil
}

// RowIsZero reports whether every bit of row r of a matrix, or of element r of a vector, is zero.
func (w *Worker) RowIsZero(t tensor.Tensor, r int) (bool, error) {
	info := t.Info()
	width := int(info.Size()) / max(1, info.Shape[0])
	w.childRows = resized(w.childRows, width)
	if err := w.fill(t, w.childRows, int64(r)*int64(width)); err != nil {
		return false, err
	}
	return allZero(w.childRows), nil
}

// MostUnread is the exponent of two that no number reaches where nothing of the parent stands. What such numbers make
// counts nothing over the reals; in float32 it would not where it overflows, since infinity times zero is no number. Of
// 2^17 such numbers and inputs of 2^24 a product of two sums is below 2^112.
const MostUnread = 15

// Scan reads through a tensor that nothing of the parent stands behind: the first number that is not finite, or too
// large for arithmetic, and the first that is not zero.
func (w *Worker) Scan(t tensor.Tensor) (bad, first *Counterexample, err error) {
	info := t.Info()
	e, size := info.DType.Bits()/8, info.Size()
	index := func(i int64) []int {
		if len(info.Shape) == 2 {
			return []int{int(i) / info.Shape[1], int(i) % info.Shape[1]}
		}
		return []int{int(i)}
	}
	for off := int64(0); off < size; off += BlockBytes {
		b := resized(w.childRows, int(min(BlockBytes, size-off)))
		w.childRows = b
		if err := w.fill(t, b, off); err != nil {
			return nil, nil, err
		}
		sound := !tensor.Reaches(b, info.DType, MostUnread)
		if sound && (first != nil || allZero(b)) {
			continue
		}
		for i := 0; i < len(b) && (!sound && bad == nil || first == nil); i += e {
			at := (off + int64(i)) / int64(e)
			text := Element(b[i:], 0, info.DType)
			if !sound && bad == nil && tensor.Reaches(b[i:i+e], info.DType, MostUnread) {
				bad = &Counterexample{Where: info.Name, Index: index(at), Text: unread(text)}
			}
			var v [1]float64
			if tensor.Decode(v[:], b[i:i+e], info.DType); first == nil && v[0] != 0 {
				first = &Counterexample{Where: info.Name, Index: index(at), Text: "found " + text}
			}
		}
	}
	return bad, first, nil
}

// unread says what is wrong with a number that nothing of the parent stands behind.
func unread(number string) string {
	return fmt.Sprintf("found %s where nothing of the parent stands, wanted less than %d, so that no arithmetic overflows",
		number, 1<<MostUnread)
}

// Element prints element i of b as a number.
func Element(b []byte, i int, d tensor.DType) string {
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

func allZero(b []byte) bool {
	for len(b) >= 8 {
		if binary.LittleEndian.Uint64(b) != 0 {
			return false
		}
		b = b[8:]
	}
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}

package verify

import (
	"fmt"

	"famkit/internal/tensor"
)

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

package proof

import "famkit/internal/tensor"

// sameType gives both tensors in one type: that of the two which holds the other's numbers, or one that holds both.
// So a number is compared as the number that it is, and what may be rounded is rounded as the longer type rounds.
func sameType(a, b tensor.Tensor) (tensor.Tensor, tensor.Tensor) {
	x, y := a.Info().DType, b.Info().DType
	if x == y || !x.Real() || !y.Real() {
		return a, b
	}
	for _, d := range []tensor.DType{x, y, tensor.F32, tensor.F64} {
		if d.Holds(x) && d.Holds(y) {
			return inType(a, d), inType(b, d)
		}
	}
	return a, b
}

func inType(t tensor.Tensor, d tensor.DType) tensor.Tensor {
	if t.Info().DType == d {
		return t
	}
	return roundedTensor{t, d}
}

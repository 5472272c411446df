package verify

import (
	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/tensor"
)

// counted is a source that tells of the bytes that are read of its tensors.
type counted struct {
	format.Source
	read func(bytes int)
}

// Tensor gives a tensor that tells of what is read of it.
func (c counted) Tensor(name string) (tensor.Tensor, error) {
	t, err := c.Source.Tensor(name)
	if err != nil {
		return nil, err
	}
	return countedTensor{t, c.read}, nil
}

type countedTensor struct {
	tensor.Tensor
	read func(bytes int)
}

func (t countedTensor) ReadAt(b []byte, off int64) (int, error) {
	n, err := t.Tensor.ReadAt(b, off)
	t.read(n)
	return n, err
}

// countedWeights is a checkpoint that tells of the numbers that are read of its weights.
func countedWeights(ck *arch.Checkpoint, read func(numbers int)) *arch.Checkpoint {
	out := *ck
	out.Tensors = make([]arch.Bound, len(ck.Tensors))
	for i, b := range ck.Tensors {
		size := max(1, b.Info().DType.Bits()/8)
		out.Tensors[i] = b
		out.Tensors[i].Tensor = countedTensor{b.Tensor, func(n int) { read(n / size) }}
	}
	return &out
}

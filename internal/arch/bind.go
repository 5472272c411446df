package arch

import (
	"famkit/format"
	"famkit/internal/tensor"
)

// Bound is one tensor of a checkpoint, recognised. Layer is -1 outside the blocks.
type Bound struct {
	Spec  *TensorSpec
	Layer int
	tensor.Tensor
}

// Checkpoint is a source whose every tensor is recognised and has the shape that its config asks for.
type Checkpoint struct {
	Model  *Model
	Config *Config
	Source format.Source
	// Tensors in the order of the spec: embed, blocks by layer, head.
	Tensors []Bound
}

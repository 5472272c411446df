package arch

import (
	"fmt"

	"famkit/format"
	"famkit/internal/fault"
	"famkit/internal/tensor"
)

// Bound is one tensor of a checkpoint, recognised. Layer is -1 outside the blocks, Expert where the tensor is not
// one of an expert's.
type Bound struct {
	Spec   *TensorSpec
	Layer  int
	Expert int
	tensor.Tensor
}

// Checkpoint is a source whose every tensor is recognised and has the shape that its config asks for.
type Checkpoint struct {
	Model  *Model
	Config *Config
	Source format.Source
	// Tensors in the order of the spec: embed, blocks by layer, head.
	Tensors []Bound

	index *index // of Tensors; nil in a checkpoint made by hand
	five  string // how tensors are named that transformers 5 finds and transformers 4 does not
}

// Bind reads src's config.json and recognises every tensor. Unknown, missing and misshapen tensors are
// reported in one error that lists them.
func Bind(src format.Source) (*Checkpoint, error) {
	ck, _, err := Check(src)
	if err != nil {
		return nil, err
	}
	return ck, nil
}

// DType is the element type that most of the weights' bytes have.
func (ck *Checkpoint) DType() tensor.DType {
	bytes := map[tensor.DType]int64{}
	best := tensor.Invalid
	for _, b := range ck.Tensors {
		info := b.Info()
		bytes[info.DType] += info.Size()
		if bytes[info.DType] > bytes[best] {
			best = info.DType
		}
	}
	return best
}

// readConfig finds and reads src's config.json.
func readConfig(src format.Source) (*Config, error) {
	if data, ok := format.ReadFile(src, "config.json"); ok {
		return ParseConfig(data)
	}
	return nil, fault.Hint(fault.Inputf("config.json: not found"),
		"give the checkpoint's directory; a lone file works only where no config is needed")
}

// inSource puts the source's path, where it has one, before what err says.
func inSource(src format.Source, err error) error {
	if h, ok := src.(interface{ Path() string }); ok && err != nil {
		return &fault.Error{Kind: fault.KindOf(err), Err: fmt.Errorf("%s: %w", h.Path(), err)}
	}
	return err
}

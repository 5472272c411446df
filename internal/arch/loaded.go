package arch

import (
	"encoding/json"
	"slices"

	"famkit/format"
	"famkit/internal/tensor"
)

// Loading is how a loader holds a checkpoint's weights when it is told nothing but what By says.
type Loading struct {
	By string `json:"by"`
	// DType is the type of every floating weight in memory. Invalid where the loader fails.
	DType tensor.DType `json:"-"`
	Type  string       `json:"dtype"` // DType's name
	// Rounds: some tensor is stored in a type that has numbers which DType has not; Checkpoint.Changes looks for one.
	Rounds bool `json:"rounds"`
}

// LoadedAs says in which types loaders hold the weights. transformers 4 takes float32 unless it is told dtype="auto";
// then, and in transformers 5 always, it takes what config.json says, else what the shard index says, else the type of
// the first tensor, by name, of the first file. A type asked for by name is the caller's own choice, and left out.
// Sources that are no directory count as one file.
func (ck *Checkpoint) LoadedAs() []Loading {
	auto, index := ck.autoType()
	four := auto
	if index { // transformers 4 takes the name for a type and fails
		four = tensor.Invalid
	}
	list := []Loading{
		{By: "transformers 4", DType: tensor.F32},
		{By: `transformers 4 with dtype="auto"`, DType: four},
		{By: "transformers 5", DType: auto},
	}
	for i := range list {
		l := &list[i]
		l.Type = l.DType.String()
		l.Rounds = slices.ContainsFunc(ck.Tensors, func(b Bound) bool {
			d := b.Info().DType
			return d.Real() && l.DType.Real() && !l.DType.Holds(d)
		})
	}
	return list
}

// autoType is the type that loaders derive from the checkpoint, and whether it is the shard index that says it.
func (ck *Checkpoint) autoType() (d tensor.DType, index bool) {
	if ck.Model.DType != tensor.Invalid {
		return ck.Model.DType, false
	}
	around, ok := format.AroundOf(ck.Source)
	if raw, says := around.Index["dtype"]; says {
		var name string
		if json.Unmarshal(raw, &name) == nil {
			d, _ = tensor.ParseTorchDType(name) // Invalid where there is no such type
		}
		return d, true
	}
	names := around.First
	if !ok {
		names = slices.Sorted(slices.Values(ck.Source.Names()))
	}
	for _, name := range names {
		t, err := ck.Source.Tensor(name)
		if err == nil && floating(t.Info().DType) {
			return t.Info().DType, false
		}
	}
	return tensor.Invalid, false
}

// floating reports whether torch calls the type one of floating point.
func floating(d tensor.DType) bool {
	switch d {
	case tensor.F8E5M2, tensor.F8E4M3, tensor.F8E8M0, tensor.F8E4M3FNUZ, tensor.F8E5M2FNUZ, tensor.F4:
		return true
	}
	return d.Real()
}

package arch

import (
	"slices"
	"strings"
)

// Key names a tensor of a model by what it is for. Layer is -1 outside the blocks, Expert where the tensor is not one
// of an expert's.
type Key struct {
	Role          Role
	Layer, Expert int
}

// Key is what the bound tensor is for.
func (b Bound) Key() Key { return Key{b.Spec.Role, b.Layer, b.Expert} }

// Key is what the slot is for.
func (s Slot) Key() Key { return Key{s.Spec.Role, s.Layer, s.Expert} }

const biasSuffix = ".bias"

// IsBias reports whether r is the bias of a projection or of a norm.
func (r Role) IsBias() bool { return strings.HasSuffix(string(r), biasSuffix) }

// Weight is the role of the weight that bias r belongs to; a weight's role stays as it is.
func (r Role) Weight() Role { return Role(strings.TrimSuffix(string(r), biasSuffix)) }

// WritesStream reports whether the tensor produces elements of the residual stream: a row or a column for each, or a
// bias that is added to them. Norms of the stream do not.
func (t *TensorSpec) WritesStream() bool {
	return slices.ContainsFunc(t.Dims, func(d Dim) bool { return d.Use == Writes && d.has(Hidden) })
}

// ReadsStream reports whether the tensor sums over the residual stream.
func (t *TensorSpec) ReadsStream() bool {
	return slices.ContainsFunc(t.Dims, func(d Dim) bool { return d.Use == Reads && d.has(Hidden) })
}

// has reports whether the dimension runs along an axis, by itself, with others or in one of its parts.
func (d Dim) has(a Axis) bool {
	in := func(p Part) bool { return slices.Contains(p.Axes, a) }
	return slices.Contains(d.Axes, a) || slices.ContainsFunc(d.Parts, in)
}

// index finds a checkpoint's tensors by what they are for and by their layer.
type index struct {
	of     []Bound // the list that it is of
	at     map[Key]int
	layers map[int][]int
}

func (ck *Checkpoint) reindex() {
	ix := &index{of: ck.Tensors, at: make(map[Key]int, len(ck.Tensors)), layers: map[int][]int{}}
	for i, b := range ck.Tensors {
		ix.at[b.Key()] = i
		ix.layers[b.Layer] = append(ix.layers[b.Layer], i)
	}
	ck.index = ix
}

// indexed reports whether the index is of the tensors that the checkpoint has now: a caller may have made it by hand
// or put another list into a copy.
func (ck *Checkpoint) indexed() bool {
	if ck.index == nil || len(ck.index.of) != len(ck.Tensors) {
		return false
	}
	return len(ck.Tensors) == 0 || &ck.index.of[0] == &ck.Tensors[0]
}

// At gives the tensor that is for k.
func (ck *Checkpoint) At(k Key) (Bound, bool) {
	i := -1
	if !ck.indexed() {
		i = slices.IndexFunc(ck.Tensors, func(b Bound) bool { return b.Key() == k })
	} else if n, ok := ck.index.at[k]; ok {
		i = n
	}
	if i < 0 {
		return Bound{}, false
	}
	return ck.Tensors[i], true
}

// Layer gives the tensors of one block, or with -1 those outside the blocks, in the order of the spec.
func (ck *Checkpoint) Layer(layer int) []Bound {
	var list []Bound
	if !ck.indexed() {
		for _, b := range ck.Tensors {
			if b.Layer == layer {
				list = append(list, b)
			}
		}
		return list
	}
	for _, i := range ck.index.layers[layer] {
		list = append(list, ck.Tensors[i])
	}
	return list
}

// Find gives the tensor of a role in a layer, -1 for what stands outside the blocks; of experts that of the first.
func (ck *Checkpoint) Find(role Role, layer int) (Bound, bool) {
	if b, ok := ck.At(Key{role, layer, -1}); ok {
		return b, true
	}
	return ck.At(Key{role, layer, 0})
}

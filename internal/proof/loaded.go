package proof

import (
	"fmt"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/tensor"
)

// loaded are both checkpoints as a loader holds them that is told nothing, where it holds the child's weights in a type
// that cannot hold them all. Shares that add up as stored need not do so once rounded.
type loaded struct {
	by   string
	view *space // with a ledger of its own
	// both: the parent's weights are rounded too. Then a number of either is one rounding off, and the verdict stays that
	// of what is stored.
	both bool
}

// loadings lists the loaders that round.
func (s *space) loadings() []loaded {
	var out []loaded
	type types struct{ parent, child tensor.DType }
	var seen []types
	was, is := s.storedParent.LoadedAs(), s.storedChild.LoadedAs()
	for i, l := range is {
		t := types{was[i].DType, l.DType}
		if !l.Rounds || slices.Contains(seen, t) {
			continue
		}
		seen = append(seen, t)
		if s.heldExactly(was[i], l) {
			continue
		}
		view := *s
		view.ledger = newLedger()
		var err error
		view.parent, view.child, err = s.claim.Present(rounded(s.storedParent, t.parent), rounded(s.storedChild, t.child))
		if err != nil { // as it would have been of what is stored
			s.refusef(condConfig, 0, "", "%v", err)
			return nil
		}
		v := loaded{fmt.Sprintf("as loaded by %s, in %s", l.By, l.Type), &view, was[i].Rounds && t.parent == t.child}
		if v.both {
			view.onLoading = 2
		}
		out = append(out, v)
	}
	return out
}

// heldExactly reports whether a loader that holds both in other types changes no number of either.
func (s *space) heldExactly(was, is arch.Loading) bool {
	for _, x := range []struct {
		ck *arch.Checkpoint
		by arch.Loading
	}{{s.storedParent, was}, {s.storedChild, is}} {
		if !x.by.Rounds {
			continue
		}
		if first, err := x.ck.Changes(x.by.DType); err != nil || first != "" {
			return false
		}
	}
	return true
}

// absorb takes in what was found of the weights as loaded.
func (s *space) absorb(v loaded) {
	for _, c := range v.view.conds {
		switch {
		case c.Verdict == Different:
			bad := *c.Counter
			bad.Text = v.by + ": " + bad.Text
			s.refuse(c.Name, c.order, &bad)
		case c.Verdict == Rounded && !v.both:
			s.round(c.Name, c.Where, c.WorstULP)
			s.moved = s.moved.with(v.view.moved)
		}
	}
	s.ledger.bytes += v.view.ledger.bytes
	if v.both && !s.refused() {
		s.note("%s: the weights of both are rounded, and are alike within that", v.by)
	}
}

// rounded is a checkpoint whose tensors are rounded to a type, where that cannot hold their own.
func rounded(ck *arch.Checkpoint, d tensor.DType) *arch.Checkpoint {
	out := *ck
	out.Tensors = slices.Clone(ck.Tensors)
	for i, b := range out.Tensors {
		if d.Real() && !d.Holds(b.Info().DType) {
			out.Tensors[i].Tensor = roundedTensor{b.Tensor, d}
		}
	}
	return &out
}

// roundedTensor is a tensor as a loader holds it that rounds to a type.
type roundedTensor struct {
	tensor.Tensor
	to tensor.DType
}

func (t roundedTensor) Info() tensor.Info {
	info := t.Tensor.Info()
	info.DType = t.to
	return info
}

// ReadAt serves whole elements, which is all that is asked for here.
func (t roundedTensor) ReadAt(b []byte, off int64) (int, error) {
	from, size := t.Tensor.Info().DType, int64(t.to.Bits()/8)
	if off%size != 0 || int64(len(b))%size != 0 {
		return 0, fmt.Errorf("tensor %q: a part of an element was asked for", t.Info().Name)
	}
	n := int64(len(b)) / size
	raw := make([]byte, n*int64(from.Bits()/8))
	if err := tensor.ReadFull(t.Tensor, raw, off/size*int64(from.Bits()/8)); err != nil {
		return 0, err
	}
	v := make([]float64, n)
	tensor.Decode(v, raw, from)
	tensor.Encode(b, v, t.to)
	return len(b), nil
}

package proof

import (
	"fmt"
	"math"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/rowsum"
)

// space is how the two models belong together, as claimed: the relation of each axis, the scales of the stream, and
// what follows from them. It is made once, in the order of its fields, and does not change.
type space struct {
	*ledger
	claim         *Claim
	parent, child *arch.Checkpoint // as the claim speaks of them
	// storedParent and storedChild are both as they are.
	storedParent, storedChild *arch.Checkpoint

	shards    int                              // into how many experts each copy of a dense MLP is cut
	axes      map[arch.Axis]*rowsum.Relation   // of every axis that the child's tensors run along
	inside    []map[arch.Axis]*rowsum.Relation // by layer, what is claimed of it alone
	stream    *rowsum.Relation
	rho       float64   // mean square of the child's stream over the parent's
	even      bool      // rho and the stream's scales are exact
	embed     []float64 // what the embedding's columns are written with; nil: 1
	kappa     float64   // what q is multiplied by to make up for another score factor
	was, is   Widths
	onLoading int // how often a loader rounds, more than growths did: both models
}

// newSpace reads the claim. What needs no weights and stands in the way of everything else is judged here; nil where it
// does not hold.
func newSpace(l *ledger, claim *Claim, parent, child *arch.Checkpoint) *space {
	s := &space{ledger: l, claim: claim, storedParent: parent, storedChild: child, shards: 1}
	var err error
	if s.parent, s.child, err = claim.Present(parent, child); err != nil {
		l.refusef(condConfig, 0, "", "%v", err)
		return nil
	}
	for _, step := range []func(){s.closedWorld, s.keptLayers, s.experts, s.relations, s.ownMaps, s.grown, s.streamScales,
		s.scores} {
		if step(); l.refused() {
			return nil
		}
	}
	return s
}

// grown settles what may have been rounded: nothing where no width has grown; any number as often as the growths in
// between that touch its tensor round, where the claim lists them; else only what the scales and shares of one growth
// make it round.
func (s *space) grown() {
	s.was, s.is = WidthsOf(s.parent.Model), WidthsOf(s.child.Model)
	if err := s.claim.checkRounded(s.was, s.is); err != nil {
		s.refusef(condConfig, 0, "", "%v", err)
	}
}

// rounds tells whether numbers of a tensor may have been rounded, and how often whatever their scale.
func (s *space) rounds(t *arch.TensorSpec) (mayRound bool, roundings int) {
	for _, step := range s.claim.Rounded {
		if step.From.touches(step.To, t) {
			roundings += step.Roundings
		}
	}
	if s.onLoading > 0 {
		return true, max(1, roundings) + s.onLoading
	}
	return s.was.touches(s.is, t), roundings
}

// axesOf lists the axes that a dimension runs along.
func axesOf(d arch.Dim) []arch.Axis {
	out := slices.Clone(d.Axes)
	for _, p := range d.Parts {
		out = append(out, p.Axes...)
	}
	return out
}

// axis is the relation of an axis in a layer of the child, -1 for none.
func (s *space) axis(layer int, a arch.Axis) (*rowsum.Relation, error) {
	if layer >= 0 && layer < len(s.inside) {
		if r, ok := s.inside[layer][a]; ok {
			return r, nil
		}
	}
	if r, ok := s.axes[a]; ok {
		return r, nil
	}
	return nil, fmt.Errorf("no relation is known along axis %s", a)
}

// axisOf is axis inside an expert, -1 for none: expert e of a dense MLP in s parts has part e mod s.
func (s *space) axisOf(layer int, a arch.Axis, expert int) (*rowsum.Relation, error) {
	r, err := s.axis(layer, a)
	if err != nil || a != arch.ExpertFFN || s.shards == 1 || expert < 0 {
		return r, err
	}
	n := r.To() / s.shards
	part := expert % s.shards
	return &rowsum.Relation{From: r.From, Src: r.Src[part*n : (part+1)*n]}, nil
}

// everywhere gives the relations of an axis in all layers, each once.
func (s *space) everywhere(a arch.Axis) []*rowsum.Relation {
	var out []*rowsum.Relation
	if r, ok := s.axes[a]; ok {
		out = append(out, r)
	}
	for _, layer := range s.inside {
		if r, ok := layer[a]; ok {
			out = append(out, r)
		}
	}
	return out
}

// source finds the parent's tensor that one of the child must agree with. An expert that is grown from a dense MLP has
// that MLP's; a head of its own that is grown from a tied one the embedding.
func (s *space) source(b arch.Bound, layer int) (arch.Bound, bool) {
	k := b.Key()
	k.Layer = layer
	if b.Expert >= 0 {
		if s.parent.Model.MoE == nil {
			k.Expert = -1
		} else if r, err := s.axis(b.Layer, arch.Experts); err == nil && r.Src[b.Expert] >= 0 {
			k.Expert = int(r.Src[b.Expert])
		}
	}
	if k.Role == arch.Head && s.parent.Model.Tied {
		k.Role = arch.Embed
	}
	return s.parent.At(k)
}

// few is the relative error that a number computed in float64 by a few operations may have.
const few = 0x1p-50

func near(a, b float64) bool { return math.Abs(a-b) <= few*math.Max(math.Abs(a), math.Abs(b)) }

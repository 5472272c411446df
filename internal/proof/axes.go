package proof

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/rowsum"
)

// along are the axes that a claim may have maps of.
var along = []arch.Axis{
	arch.Hidden, arch.Vocab, arch.KV, arch.Group, arch.HeadDim, arch.FFN, arch.Pos, arch.Experts, arch.ExpertFFN,
}

// ownAxes are those whose indices mean nothing outside their layer, so that each layer may have maps of its own.
var ownAxes = []arch.Axis{arch.KV, arch.Group, arch.FFN, arch.Experts, arch.ExpertFFN}

// relations reads the maps of all axes that the child's tensors run along. Old tokens and positions keep their numbers:
// the maps of vocab and pos begin with the identity.
func (s *space) relations() {
	s.axes = map[arch.Axis]*rowsum.Relation{}
	for _, a := range along {
		if !runsAlong(s.child, a) || a == arch.Experts && s.parent.Model.MoE == nil {
			continue
		}
		r, err := s.relationOf(a)
		if err != nil {
			s.refusef(condConfig, 1, "", "%v", err)
			return
		}
		if a == arch.Vocab || a == arch.Pos {
			if r, err = appended(r, a); err != nil {
				s.refusef(condConfig, 2, "", "%v", err)
				return
			}
		}
		s.axes[a] = r
	}
	var err error
	if s.stream, err = s.axis(-1, arch.Hidden); err != nil {
		s.refusef(condConfig, 1, "", "%v", err)
	}
}

// runsAlong reports whether tensors of a checkpoint run along an axis.
func runsAlong(ck *arch.Checkpoint, a arch.Axis) bool {
	return slices.ContainsFunc(ck.Tensors, func(b arch.Bound) bool {
		return slices.ContainsFunc(b.Spec.Dims, func(d arch.Dim) bool { return slices.Contains(axesOf(d), a) })
	})
}

// sizes gives an axis's length in both, and the axis under which a claim speaks of it. The neurons of experts come from
// the dense MLP where the parent has no mixture.
func sizes(a arch.Axis, parent, child *arch.Model, shards int) (whole arch.Axis, from, to int) {
	if a == arch.ExpertFFN && parent.MoE == nil && child.MoE != nil {
		return arch.FFN, parent.FFN, child.MoE.FFN * shards
	}
	return a, parent.Size(a), child.Size(a)
}

// relationOf reads the claim about an axis. An axis without a map has as many indices as before.
func (s *space) relationOf(a arch.Axis) (*rowsum.Relation, error) {
	whole, from, to := sizes(a, s.parent.Model, s.child.Model, s.shards)
	m, ok := s.claim.Maps[whole]
	if grown, again := s.claim.Maps[a]; again && whole != a && s.shards > 1 && from%s.shards == 0 {
		m, ok = wholeMLP(grown, s.shards, from), true
	}
	if ok {
		return m.relation(whole, from, to)
	}
	if from != to {
		return nil, fmt.Errorf("axis %s has %d indices in the parent and %d in the child, and nothing says where they "+
			"come from", whole, from, to)
	}
	return rowsum.Identity(from), nil
}

// relation reads a map. A map that does not go from from indices to to is an error.
func (m Map) relation(a arch.Axis, from, to int) (*rowsum.Relation, error) {
	if len(m.Src) != to || m.Scale != nil && len(m.Scale) != to {
		return nil, fmt.Errorf("axis %s: the map has %d indices and %d scales, the child %d", a, len(m.Src), len(m.Scale), to)
	}
	r := &rowsum.Relation{From: from, Src: make([]int32, to)}
	for t, src := range m.Src {
		if int(src) >= from {
			return nil, fmt.Errorf("axis %s: index %d comes from %d, the parent has %d", a, t, src, from)
		}
		r.Src[t] = max(src, NoSource)
	}
	if m.Scale == nil {
		return r, nil
	}
	for t, k := range m.Scale {
		switch size := math.Abs(k); {
		case a != arch.Hidden && k != 1:
			return nil, fmt.Errorf("axis %s: index %d is scaled by %v: only the residual stream is", a, t, k)
		case !(size >= leastScale && size <= mostScale):
			return nil, fmt.Errorf("axis %s: index %d is scaled by %v", a, t, k)
		}
	}
	if a == arch.Hidden {
		r.Scale = m.Scale
	}
	return r, nil
}

// appended is a relation whose old indices keep their numbers; those behind them are new.
func appended(r *rowsum.Relation, a arch.Axis) (*rowsum.Relation, error) {
	out := &rowsum.Relation{From: r.From, Src: slices.Clone(r.Src)}
	for t := range out.Src {
		switch {
		case t >= r.From:
			out.Src[t] = NoSource
		case int(out.Src[t]) != t:
			return nil, fmt.Errorf("axis %s: index %d of the parent is not index %d of the child", a, t, t)
		}
	}
	if r.To() < r.From {
		return nil, fmt.Errorf("axis %s: the parent has %d indices, the child %d", a, r.From, r.To())
	}
	return out, nil
}

// ownMaps reads the maps that are claimed of single layers.
func (s *space) ownMaps() {
	s.inside = make([]map[arch.Axis]*rowsum.Relation, s.child.Model.Layers)
	for _, layer := range slices.Sorted(maps.Keys(s.claim.Inside)) {
		if layer < 0 || layer >= len(s.inside) {
			s.refusef(condConfig, 3, "", "maps are given for layer %d, the child has %d layers", layer, len(s.inside))
			return
		}
		s.inside[layer] = map[arch.Axis]*rowsum.Relation{}
		for a, m := range s.claim.Inside[layer] {
			whole, ok := s.axes[a]
			if !ok || !slices.Contains(ownAxes, a) {
				s.refusef(condConfig, 3, "", "layer %d: axis %s is not one of a single layer", layer, a)
				return
			}
			r, err := m.relation(a, whole.From, whole.To())
			if err != nil {
				s.refusef(condConfig, 3, "", "layer %d: %v", layer, err)
				return
			}
			s.inside[layer][a] = r
		}
	}
	s.wholeParts()
	s.copiedExperts()
}

// wholeMLP is the map of a dense MLP of ffn neurons that was cut into parts, where the parts' neurons were grown again,
// all parts by the same map.
func wholeMLP(m Map, shards, ffn int) Map {
	n := int32(ffn / shards)
	var whole Map
	for k := range int32(shards) {
		for _, src := range m.Src {
			if src >= 0 && src < n {
				src += k * n
			} else {
				src = NoSource
			}
			whole.Src = append(whole.Src, src)
		}
	}
	return whole
}

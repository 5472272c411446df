package proof

import (
	"slices"

	"famkit/internal/arch"
	"famkit/internal/rowsum"
)

// maxShards bounds what a claim may say.
const maxShards = 1 << 16

// experts: a mixture uses as large a part of its experts as its parent's, and weighs them alike. A dense MLP may have
// become a mixture whose weights add up to 1, of whole copies or of copies cut into parts.
func (s *space) experts() {
	m, c := s.parent.Model.MoE, s.child.Model.MoE
	refuse := func(format string, a ...any) { s.refusef(condExperts, 0, "config.json", format, a...) }
	switch {
	case m == nil && c == nil:
		return
	case c == nil:
		refuse("the parent has a mixture of experts, the child has none")
	case m == nil:
		s.shards = min(max(1, s.claim.Shards), maxShards)
		if !c.NormTopK {
			refuse("the weights of the experts used do not add up to 1")
		}
		if c.Experts%s.shards != 0 || c.TopK%s.shards != 0 || s.claim.Shards > maxShards {
			refuse("%d experts, of which %d are used, are not whole copies of %d parts", c.Experts, c.TopK, s.shards)
		}
	case m.NormTopK != c.NormTopK:
		refuse("norm_topk_prob is %v, the parent's %v", c.NormTopK, m.NormTopK)
	case c.TopK*m.Experts != c.Experts*m.TopK:
		refuse("%d of %d experts are used, in the parent %d of %d", c.TopK, c.Experts, m.TopK, m.Experts)
	default:
		for i, l := range s.claim.Layers {
			if l >= 0 && s.parent.Model.Mixture(l) != s.child.Model.Mixture(i) {
				refuse("only one of layer %d and its source, layer %d, has experts", i, l)
			}
		}
	}
	s.hold(condExperts)
}

// wholeParts: where a dense MLP is cut into parts, each neuron of it stands in exactly one of them.
func (s *space) wholeParts() {
	if s.shards == 1 {
		return
	}
	for _, r := range s.everywhere(arch.ExpertFFN) {
		s.wholePartsOf(r)
	}
}

func (s *space) wholePartsOf(r *rowsum.Relation) {
	n := r.To() / s.shards
	if n == 0 {
		s.refusef(condExperts, 2, "", "%d neurons in %d parts", r.To(), s.shards)
		return
	}
	in := slices.Repeat([]int{NoSource}, r.From)
	for t, src := range r.Src {
		switch {
		case src < 0:
		case in[src] == NoSource:
			in[src] = t / n
		case in[src] != t/n:
			s.refusef(condExperts, 2, "", "neuron %d stands in parts %d and %d", src, in[src], t/n)
			return
		}
	}
	if lost := slices.Index(in, NoSource); lost >= 0 {
		s.refusef(condExperts, 2, "", "neuron %d stands in none of %d parts", lost, s.shards)
	}
}

// copiedExperts: every expert has as many copies as any other, and as many times more experts are used.
func (s *space) copiedExperts() {
	m, c := s.parent.Model.MoE, s.child.Model.MoE
	for _, r := range s.everywhere(arch.Experts) {
		for e, n := range r.Copies() {
			if n*m.TopK != c.TopK {
				s.refusef(condExperts, 1, "", "expert %d has %d copies, and %d experts are used instead of %d", e, n, c.TopK,
					m.TopK)
				return
			}
		}
		if r.Fresh() {
			s.refusef(condExperts, 1, "", "some experts have no source, but may be chosen")
		}
	}
}

// expertsOf lists the experts of a layer of the child, -1 alone where it has none.
func (s *space) expertsOf(layer int) []int {
	if !s.child.Model.Mixture(layer) {
		return []int{-1}
	}
	out := make([]int, s.child.Model.MoE.Experts)
	for e := range out {
		out[e] = e
	}
	return out
}

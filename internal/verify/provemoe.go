package verify

import (
	"maps"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/growth"
)

// shards is into how many experts each copy of a dense MLP is cut.
func (p *prover) shards() int {
	if p.parent.Model.MoE != nil || p.child.Model.MoE == nil {
		return 1
	}
	return min(max(1, p.claim.Shards), maxShards)
}

// axisOf is the relation of an axis inside a layer, and inside an expert, -1 for none: expert e of a dense MLP in s parts has part e mod s.
func (p *prover) axisOf(layer int, a arch.Axis, expert int) *relation {
	r := p.axis(layer, a)
	if s := p.shards(); a == arch.ExpertFFN && s > 1 && expert >= 0 {
		n := r.to() / s
		return &relation{from: r.from, src: r.src[expert%s*n : (expert%s+1)*n]}
	}
	return r
}

// mixture judges what the configs say about experts.
func (p *prover) mixture() {
	m, c := p.parent.Model.MoE, p.child.Model.MoE
	refuse := func(format string, a ...any) { p.refusef(condExperts, 0, "config.json", format, a...) }
	switch {
	case m == nil && c == nil:
		return
	case c == nil:
		refuse("the parent has a mixture of experts, the child has none")
	case m == nil:
		s := p.shards()
		if !c.NormTopK {
			refuse("the weights of the experts used do not add up to 1")
		}
		if c.Experts%s != 0 || c.TopK%s != 0 || p.claim.Shards > maxShards {
			refuse("%d experts, of which %d are used, are not whole copies of %d parts", c.Experts, c.TopK, s)
		} else {
			p.claim = p.claim.ofParts(s, p.parent.Model.FFN)
		}
	case m.NormTopK != c.NormTopK:
		refuse("norm_topk_prob is %v, the parent's %v", c.NormTopK, m.NormTopK)
	case c.TopK*m.Experts != c.Experts*m.TopK:
		refuse("%d of %d experts are used, in the parent %d of %d", c.TopK, c.Experts, m.TopK, m.Experts)
	default:
		for i, l := range p.claim.Layers {
			if l >= 0 && l < p.parent.Model.Layers && p.parent.Model.Mixture(l) != p.child.Model.Mixture(i) {
				refuse("only one of layer %d and its source, layer %d, has experts", i, l)
			}
		}
	}
	p.hold(condExperts)
}

// maxShards bounds what a claim may say.
const maxShards = 1 << 16

// ofParts is the claim about a dense MLP of ffn neurons that was cut into s parts. Where the parts' neurons were grown
// again, all parts by the same map, it says so of the whole MLP.
func (c *Claim) ofParts(s, ffn int) *Claim {
	m, ok := c.Maps[arch.ExpertFFN]
	if s == 1 || !ok || ffn%s != 0 {
		return c
	}
	n := int32(ffn / s)
	whole := growth.AxisMap{Fill: m.Fill}
	for k := range int32(s) {
		for _, src := range m.Src {
			if src >= 0 && src < n {
				src += k * n
			} else {
				src = noSource
			}
			whole.Src = append(whole.Src, src)
		}
	}
	out := *c
	out.Maps = maps.Clone(c.Maps)
	out.Maps[arch.FFN] = whole
	return &out
}

// wholeParts: where a dense MLP is cut into parts, each neuron of it stands in one of them.
func (p *prover) wholeParts() {
	if s := p.shards(); s > 1 {
		for _, r := range p.everywhere(arch.ExpertFFN) {
			p.wholePartsOf(r, s)
		}
	}
}

func (p *prover) wholePartsOf(r *relation, s int) {
	n := r.to() / s
	if n == 0 {
		p.refusef(condExperts, 2, "", "%d neurons in %d parts", r.to(), s)
		return
	}
	in := slices.Repeat([]int{noSource}, r.from)
	for t, src := range r.src {
		switch {
		case src < 0:
		case in[src] == noSource:
			in[src] = t / n
		case in[src] != t/n:
			p.refusef(condExperts, 2, "", "neuron %d stands in parts %d and %d", src, in[src], t/n)
			return
		}
	}
	if lost := slices.Index(in, noSource); lost >= 0 {
		p.refusef(condExperts, 2, "", "neuron %d stands in none of %d parts", lost, s)
	}
}

// copiedExperts: every expert has as many copies as any other, so that the weights of those used stay the same.
func (p *prover) copiedExperts() {
	m, c := p.parent.Model.MoE, p.child.Model.MoE
	for _, r := range p.everywhere(arch.Experts) {
		for e, n := range r.copies() {
			if n*m.TopK != c.TopK {
				p.refusef(condExperts, 1, "", "expert %d has %d copies, and %d experts are used instead of %d", e, n, c.TopK, m.TopK)
				return
			}
		}
		if r.fresh() {
			p.refusef(condExperts, 1, "", "some experts have no source, but may be chosen")
		}
	}
}

// newRouter judges the router of experts that a dense MLP became. Where every expert is the whole MLP it may choose in any
// way; where copies are cut into parts, the parts of a copy must have equal scores for every input, so that whole copies are
// chosen: their rows, summed over the copies of the stream, are the same numbers.
func (p *prover) newRouter(w *worker, order int, b arch.Bound) error {
	s := p.shards()
	if s == 1 {
		return p.finiteOnly(w, condExperts, order, b)
	}
	read, _, err := p.side(b, b.Spec.Dims[1])
	if err != nil {
		return err
	}
	rows := sameRelation(p.child.Model.MoE.Experts).src
	hashes := newHashes(len(rows))
	heard, err := p.heardChannels(p.child, b.Layer, read.relation)
	if err != nil {
		return err
	}
	if err := rowDigests(w, b, heard, rows, hashes); err != nil {
		return err
	}
	scores := make([]string, len(rows))
	for e, h := range hashes {
		scores[e] = string(h.Sum(nil))
		if scores[e] != scores[e-e%s] {
			p.refusef(condExperts, order, b.Info().Name, "experts %d and %d are parts of one copy, but have different scores", e-e%s, e)
			return nil
		}
	}
	if p.tiesSplit(order, b, scores, p.child.Model.MoE.TopK) {
		return nil
	}
	unlike, err := p.unlikeRows(b, rows, s)
	if err != nil {
		return err
	}
	p.widen(condExperts, order, unlike)
	return p.finiteOnly(w, condExperts, order, b)
}

// unlikeRows gives parts of one copy whose rows are not the same, number by number: where copies of the stream are rounded their
// scores are then equal only nearly.
func (p *prover) unlikeRows(b arch.Bound, rows []int32, s int) (*Counterexample, error) {
	for e := range rows {
		one, err := rowOf(b, e-e%s)
		if err != nil {
			return nil, err
		}
		other, err := rowOf(b, e)
		if err != nil {
			return nil, err
		}
		if !slices.Equal(one, other) {
			return &Counterexample{Where: b.Info().Name, Index: []int{e}, Text: "parts of one copy share the copies of the stream unlike"}, nil
		}
	}
	return nil, nil
}

// distinct refuses a router that lets the machine say which of several experts, always of the same score, are chosen.
func (p *prover) distinct(w *worker, order int, b arch.Bound) error {
	m := p.parent.Model.MoE
	scores := make([]string, m.Experts)
	hashes := newHashes(m.Experts)
	heard, err := p.heardChannels(p.parent, b.Layer, sameRelation(p.parent.Model.Hidden))
	if err != nil {
		return err
	}
	if err := rowDigests(w, b, heard, sameRelation(m.Experts).src, hashes); err != nil {
		return err
	}
	for e, h := range hashes {
		scores[e] = string(h.Sum(nil))
	}
	if p.tiesSplit(order, b, scores, m.TopK) {
		return nil
	}
	return p.finiteOnly(w, condExperts, order, b)
}

// heardChannels is a relation of a model's stream without the channels at which the norm before a layer's experts gives zero
// whatever stands there.
func (p *prover) heardChannels(ck *arch.Checkpoint, layer int, r *relation) (*relation, error) {
	for _, b := range ck.Tensors {
		if b.Layer != layer || b.Spec.Role != arch.MLPNorm {
			continue
		}
		gains, err := vector(b.Tensor)
		if err != nil {
			return nil, err
		}
		out := &relation{from: r.from, src: slices.Clone(r.src), k: r.k}
		for t, g := range gains {
			if g+ck.Model.GainOffset == 0 {
				out.src[t] = noSource
			}
		}
		return out, nil
	}
	return r, nil
}

// tiesSplit refuses experts of equal scores of which some might be used and others not. Where all sets of equals have one
// size, of which the number used is a multiple, sets are used whole.
func (p *prover) tiesSplit(order int, b arch.Bound, scores []string, used int) bool {
	size, first := map[string]int{}, map[string]int{}
	for _, s := range scores {
		size[s]++
	}
	n := size[scores[0]]
	even := used%n == 0
	if used == len(scores) {
		return false // all are used
	}
	for _, k := range size {
		even = even && k == n
	}
	for e, s := range scores {
		other, seen := first[s]
		if !seen {
			first[s] = e
		} else if !even {
			p.refusef(condExperts, order, b.Info().Name, "experts %d and %d always have the same score, and perhaps not both are used", other, e)
			return true
		}
	}
	return false
}

package verify

import (
	"bytes"

	"famkit/format"
	"famkit/internal/arch"
)

// shards is into how many experts each copy of a dense MLP is cut.
func (p *prover) shards() int {
	if p.parent.Model.MoE != nil || p.child.Model.MoE == nil {
		return 1
	}
	return max(1, p.claim.Shards)
}

// axisOf is the relation of an axis inside an expert, -1 for none: expert e of a dense MLP in s parts has part e mod s.
func (p *prover) axisOf(a arch.Axis, expert int) *relation {
	r := p.axes[a]
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
		if c.Experts%s != 0 || c.TopK%s != 0 || s > maxShards {
			refuse("%d experts, of which %d are used, are not whole copies of %d parts", c.Experts, c.TopK, s)
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

// copiedExperts: every expert has as many copies as any other, so that the weights of those used stay the same.
func (p *prover) copiedExperts() {
	r, ok := p.axes[arch.Experts]
	if !ok {
		return
	}
	m, c := p.parent.Model.MoE, p.child.Model.MoE
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

// newRouter judges the router of experts that a dense MLP became. Where every expert is the whole MLP it may choose in any
// way; where copies are cut into parts, the parts of a copy must have equal scores, and the copies different ones, so that
// whole copies are chosen.
func (p *prover) newRouter(w *worker, order int, b arch.Bound) error {
	s := p.shards()
	if s == 1 {
		return p.finiteOnly(w, condExperts, order, b)
	}
	raw, err := format.ReadAll(b.Tensor)
	if err != nil {
		return err
	}
	n := p.child.Model.MoE.Experts
	row := func(e int) []byte { return raw[e*len(raw)/n : (e+1)*len(raw)/n] }
	for e := range n {
		if !bytes.Equal(row(e), row(e-e%s)) {
			p.refusef(condExperts, order, b.Info().Name, "experts %d and %d are parts of one copy, but have different scores", e-e%s, e)
			return nil
		}
	}
	return p.distinct(w, order, b, n, s)
}

// distinct refuses experts, each a group of rows of the router, that always have the same score: which of them are chosen
// would be up to the machine.
func (p *prover) distinct(w *worker, order int, b arch.Bound, n, group int) error {
	raw, err := format.ReadAll(b.Tensor)
	if err != nil {
		return err
	}
	seen := map[string]int{}
	for e := 0; e < n; e += group {
		row := string(raw[e*len(raw)/n : (e+1)*len(raw)/n])
		if other, ok := seen[row]; ok {
			p.refusef(condExperts, order, b.Info().Name, "experts %d and %d always have the same score", other, e)
			return nil
		}
		seen[row] = e
	}
	return p.finiteOnly(w, condExperts, order, b)
}

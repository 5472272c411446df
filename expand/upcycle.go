package expand

import (
	"slices"

	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/growth"
)

// mixtures names the architecture that a dense one becomes.
var mixtures = map[string]string{"llama": "mixtral", "mistral": "mixtral", "qwen3": "qwen3_moe"}

var upcycling = method{"upcycle", "experts: each is a copy of the MLP, or of a part of it, and the router random; " +
	"exact", []arch.Axis{arch.Experts}, true,
	func(b *builder, _ arch.Axis) error { return b.upcycle(0) }}

func (b *builder) upcycle(redraw float64) error {
	u := &growth.Upcycle{Shards: max(1, b.r.Shards), Redraw: redraw}
	b.p.Upcycle, b.p.ChildArch = u, mixtures[b.m.Spec.Name]
	to := &b.p.To
	if to.FFN%u.Shards != 0 {
		return fault.Inputf("%d neurons cannot be cut into %d equal parts", to.FFN, u.Shards)
	}
	to.ExpertFFN = to.FFN / u.Shards
	if err := u.Check(b.p.From, *to); err != nil {
		return fault.Inputf("%w", err)
	}
	return nil
}

// shardMap is the map of the neurons of part k of a dense MLP, in a block of cancelling pairs or in another.
func shardMap(p *growth.Plan, k int, pairs bool) growth.AxisMap {
	n := p.To.ExpertFFN
	if m, ok := p.Pairs[arch.FFN]; ok && pairs {
		return pairsOf(m, k*n, n)
	}
	m, ok := p.Maps[arch.FFN]
	if !ok {
		m = identityMap(p.From.FFN)
	}
	m.Src = slices.Clone(m.Src[k*n : (k+1)*n])
	return m
}

// routerMap: every expert's row is drawn.
func routerMap() growth.AxisMap {
	return growth.AxisMap{Src: []int32{0}, Fill: growth.FillRandom}
}

// upcycled makes the router random, with equal rows for the parts of a copy, and draws neurons anew.
func upcycled(u *growth.Upcycle, e *Expr, s slot, seed uint64) {
	if s.spec.Role == arch.Router {
		n := s.shape[0]
		e.rows = &gather{from: n, to: n, use: arch.Writes, root: make([]int32, n)}
		for t := range n {
			e.rows.root[t] = int32(t - t%u.Shards)
		}
		e.cols = &gather{from: s.shape[1], to: s.shape[1], use: arch.Reads}
		e.Info.Shape = slices.Clone(s.shape)
		e.Zero, e.random = false, true
	}
	if u.Redraw > 0 && s.expert >= 0 && !e.Zero && !e.random {
		e.redraw = newRedraw(u.Redraw, seed, s, e)
	}
}

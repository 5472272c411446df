package expand

import (
	"fmt"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/fault"
)

// Upcycle says how a dense MLP becomes a mixture of experts. The MLP is cut into Shards parts, each part is copied
// Experts/Shards times: expert e is part e % Shards of copy e / Shards. The router is random, with equal rows for the
// parts of one copy, so that a token always uses whole copies. The weights of the experts used add up to 1, so each
// part counts 1/Shards, which down_proj takes back.
type Upcycle struct {
	Shards int `json:"shards"`
	// Redraw is the share of each expert's neurons that are drawn anew (drop-upcycling), 0 for none.
	Redraw float64 `json:"redraw,omitempty"`
}

// mixtures names the architecture that a dense one becomes.
var mixtures = map[string]string{"llama": "mixtral", "mistral": "mixtral", "qwen3": "qwen3_moe"}

var upcycling = method{"upcycle", "experts: every expert a copy of the MLP (or of a part, --shards), the router random; exact", []arch.Axis{arch.Experts},
	func(b *builder, _ arch.Axis) error { return b.upcycle(0) }}

func (b *builder) upcycle(redraw float64) error {
	u := &Upcycle{Shards: max(1, b.r.Shards), Redraw: redraw}
	b.p.Upcycle, b.p.ChildArch = u, mixtures[b.m.Spec.Name]
	to := &b.p.To
	if to.FFN%u.Shards != 0 {
		return fault.Inputf("%d neurons cannot be cut into %d equal parts", to.FFN, u.Shards)
	}
	to.ExpertFFN = to.FFN / u.Shards
	if err := u.check(b.p.From, *to); err != nil {
		return fault.Inputf("%w", err)
	}
	return nil
}

func (u *Upcycle) check(from, to Sizes) error {
	switch {
	case u.Shards < 1 || from.Experts != 0 || to.Experts < 1 || to.TopK < 1 || to.TopK > to.Experts:
		return fmt.Errorf("%d experts of which %d are used, in %d parts, is no mixture", to.Experts, to.TopK, u.Shards)
	case to.Experts%u.Shards != 0 || to.TopK%u.Shards != 0:
		return fmt.Errorf("%d experts and %d used: want multiples of the %d parts, so that every part is used equally often", to.Experts, to.TopK, u.Shards)
	case to.FFN%u.Shards != 0 || to.ExpertFFN != to.FFN/u.Shards:
		return fmt.Errorf("%d parts of %d neurons are not %d", u.Shards, to.ExpertFFN, to.FFN)
	case u.Shards > 1 && to.FFN != from.FFN:
		return fmt.Errorf("ffn cannot grow while it is cut into %d parts: its copies would lie in different experts", u.Shards)
	case !(u.Redraw >= 0 && u.Redraw < 1):
		return fmt.Errorf("redraw %v: want 0 to 1", u.Redraw)
	}
	return nil
}

// shard is the map of one part's neurons, in a block of cancelling pairs or in another.
func (u *Upcycle) shard(p *Plan, k int, pairs bool) AxisMap {
	n := p.To.ExpertFFN
	if m, ok := p.Pairs[arch.FFN]; ok && pairs {
		return m.pairsOf(k*n, n)
	}
	m, ok := p.Maps[arch.FFN]
	if !ok {
		m = identityMap(p.From.FFN)
	}
	m.Src = slices.Clone(m.Src[k*n : (k+1)*n])
	return m
}

// routerMap: every expert's row is drawn.
func (u *Upcycle) routerMap() AxisMap { return AxisMap{Src: []int32{0}, Fill: FillRandom} }

// downFactor takes back that a part of the MLP counts only 1/Shards.
func (u *Upcycle) downFactor() float64 { return float64(u.Shards) }

// special makes the router random, with equal rows for the parts of a copy, and draws neurons anew.
func (u *Upcycle) special(e *Expr, s slot, seed uint64) {
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

// model makes c the mixture that p's upcycling gives.
func (u *Upcycle) model(c *arch.Model, p *Plan) error {
	spec, err := arch.Lookup(p.ChildArch)
	if err != nil {
		return err
	}
	c.Spec = spec
	c.MoE = &arch.MoE{Experts: p.To.Experts, TopK: p.To.TopK, FFN: p.To.ExpertFFN, NormTopK: true, Layer: slices.Repeat([]bool{true}, c.Layers)}
	if p.ChildArch == "mixtral" {
		c.FFN = p.To.ExpertFFN // one key says both
	}
	return nil
}

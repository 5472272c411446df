package growth

import (
	"fmt"
	"slices"

	"famkit/internal/arch"
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

// Check refuses what makes no mixture of a dense model.
func (u *Upcycle) Check(from, to Sizes) error {
	switch {
	case u.Shards < 1 || from.Experts != 0 || to.Experts < 1 || to.TopK < 1 || to.TopK > to.Experts:
		return fmt.Errorf("%d experts of which %d are used, in %d parts, is no mixture", to.Experts, to.TopK, u.Shards)
	case to.Experts%u.Shards != 0 || to.TopK%u.Shards != 0:
		return fmt.Errorf("%d experts and %d used: want multiples of the %d parts, so that every part is used equally often",
			to.Experts, to.TopK, u.Shards)
	case to.FFN%u.Shards != 0 || to.ExpertFFN != to.FFN/u.Shards:
		return fmt.Errorf("%d parts of %d neurons are not %d", u.Shards, to.ExpertFFN, to.FFN)
	case u.Shards > 1 && to.FFN != from.FFN:
		return fmt.Errorf("ffn cannot grow while it is cut into %d parts: its copies would lie in different experts",
			u.Shards)
	case !(u.Redraw >= 0 && u.Redraw < 1):
		return fmt.Errorf("redraw %v: want 0 to 1", u.Redraw)
	}
	return nil
}

// model makes c the mixture that p's upcycling gives.
func (u *Upcycle) model(c *arch.Model, p *Plan) error {
	spec, err := arch.Lookup(p.ChildArch)
	if err != nil {
		return err
	}
	c.Spec = spec
	c.MoE = &arch.MoE{
		Experts: p.To.Experts, TopK: p.To.TopK, FFN: p.To.ExpertFFN, NormTopK: true,
		Layer: slices.Repeat([]bool{true}, c.Layers),
	}
	if p.ChildArch == "mixtral" {
		c.FFN = p.To.ExpertFFN // one key says both
	}
	return nil
}

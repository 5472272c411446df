package verify

import (
	"fmt"

	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/growth"
	"famkit/internal/proof"
)

// LongestChain bounds the growths that a claim may stand for.
const LongestChain = 64

// ClaimOf says of a plan's child what the plan says of it.
func ClaimOf(p *growth.Plan) *proof.Claim {
	c := &proof.Claim{Maps: map[arch.Axis]proof.Map{}}
	for a, m := range p.Maps {
		c.Maps[a] = proof.Map{Src: m.Src, Scale: m.Write}
	}
	if p.Upcycle != nil {
		c.Shards = p.Upcycle.Shards
	}
	for _, l := range p.Layers {
		if l.Silent {
			c.Layers = append(c.Layers, proof.NoSource)
		} else {
			c.Layers = append(c.Layers, l.Src)
		}
	}
	return c
}

// Chain is the claim of several growths, one after the other, the first one first.
func Chain(plans []*growth.Plan) (*proof.Claim, error) {
	claim, total := ClaimOf(plans[0]), 0
	var steps []proof.Step
	for i, p := range plans {
		if s, ok := stepOf(p); ok {
			steps = append(steps, s)
			total += s.Roundings
		}
		if i == 0 {
			continue
		}
		var err error
		if claim, err = then(claim, ClaimOf(p), p); err != nil {
			return nil, err
		}
	}
	if total > proof.MostRoundings {
		return nil, fault.Hint(fault.Inputf("%d growths that round one after the other may have rounded each number %d "+
			"times: a proof allows at most %d",
			len(plans), total, proof.MostRoundings), "verify them one by one")
	}
	if len(plans) > 1 {
		claim.Rounded = steps
	}
	return claim, nil
}

// stepOf says how often a growth rounds a number: the scaled number once, and its equal shares again. Nothing makes a
// growth round that widens nothing.
func stepOf(p *growth.Plan) (proof.Step, bool) {
	from, to := widthsOf(p.From), widthsOf(p.To)
	s := proof.Step{Roundings: 1, From: from, To: to}
	if p.Split == growth.SplitEven && (from.Hidden != to.Hidden || from.Neurons != to.Neurons) {
		s.Roundings = 2
	}
	return s, !p.Exact() && from != to
}

func widthsOf(s growth.Sizes) proof.Widths {
	return proof.Widths{Hidden: s.Hidden, Heads: s.Heads, KVHeads: s.KVHeads, HeadDim: s.HeadDim,
		Neurons: max(s.FFN, s.Experts*s.ExpertFFN)}
}

// then is the claim of a growth by first whose child grew by next, which p is the plan of.
func then(first, next *proof.Claim, p *growth.Plan) (*proof.Claim, error) {
	out := &proof.Claim{Maps: map[arch.Axis]proof.Map{}, Shards: max(first.Shards, next.Shards)}
	for i, l := range next.Layers {
		if l >= len(first.Layers) {
			return nil, fault.Inputf("layer %d: source layer %d of %d", i, l, len(first.Layers))
		}
		if l >= 0 {
			l = first.Layers[l]
		}
		out.Layers = append(out.Layers, l)
	}
	for a, m := range first.Maps {
		out.Maps[a] = m
	}
	for a, m := range next.Maps {
		before, ok := first.Maps[a]
		if !ok {
			out.Maps[a] = m
			continue
		}
		both, err := compose(before, m, p.Maps[a].Fill)
		if err != nil {
			return nil, fault.Inputf("axis %s: %w", a, err)
		}
		out.Maps[a] = both
	}
	return out, nil
}

// compose puts one map behind another. fill is that of the second.
func compose(first, next proof.Map, fill growth.Fill) (proof.Map, error) {
	var out proof.Map
	scaled := first.Scale != nil || next.Scale != nil
	at := func(scale []float64, t int) float64 {
		if scale == nil {
			return 1
		}
		return scale[t]
	}
	for t, s := range next.Src {
		k, from := at(next.Scale, t), int32(proof.NoSource)
		switch {
		case int(s) >= len(first.Src):
			return out, fmt.Errorf("source index %d of %d", s, len(first.Src))
		case s >= 0:
			from = first.Src[s]
			k *= at(first.Scale, int(s))
		case fill == growth.FillMean && first.Scale != nil: // the mean of what the first growth wrote
			k *= first.Scale[0]
		}
		out.Src = append(out.Src, from)
		if scaled {
			out.Scale = append(out.Scale, k)
		}
	}
	return out, nil
}

package expand

import (
	"maps"
	"slices"
	"strings"

	"famkit/internal/arch"
	"famkit/internal/fault"
)

// Compose is the growth that p1 and then p2 are: from p1's parent to p2's child. It says where every index of the grandchild
// comes from; what stands at fresh indices and in silent blocks is what either growth made of it, so it describes, for a
// proof, and cannot be applied to give the same bytes. Growths that are inexact do not compose, nor do two that both make
// cancelling pairs, nor the cut of a dense MLP into parts with what grows its neurons before or after.
func Compose(p1, p2 *Plan) (*Plan, error) {
	if len(p1.Inexact) > 0 || len(p2.Inexact) > 0 {
		return nil, fault.Inputf("growths that change the function do not compose: %s", strings.Join(slices.Concat(p1.Inexact, p2.Inexact), "; "))
	}
	var err error
	if p1.Upcycle != nil {
		if p2, err = p2.ofDense(p1); err != nil {
			return nil, err
		}
	}
	if p1.To != p2.From || p1.Tied != p2.Tied || childArch(p1) != p2.Arch {
		return nil, fault.Inputf("the second growth starts from a %s of %+v, the first ends with a %s of %+v", p2.Arch, p2.From, childArch(p1), p1.To)
	}
	c := p1.Clone()
	c.To, c.Maps, c.Methods, c.Layers = p2.To, map[arch.Axis]AxisMap{}, maps.Clone(p1.Methods), nil
	maps.Copy(c.Methods, p2.Methods)
	if p2.Upcycle != nil {
		c.Upcycle, c.ChildArch = p2.Upcycle, p2.ChildArch
	}
	for _, a := range growable {
		m, ok, err := composed(p1.Maps, p2.Maps, a)
		if err != nil {
			return nil, err
		}
		if ok {
			c.Maps[a] = m
		}
	}
	for _, l := range p2.Layers {
		f := p1.Layers[l.Src]
		if l.Silent {
			f.Pairs = l.Pairs
		}
		f.Silent = f.Silent || l.Silent
		f.Fresh = f.Fresh || l.Fresh
		c.Layers = append(c.Layers, f)
	}
	for _, r := range p2.Rounding {
		if !slices.Contains(c.Rounding, r) {
			c.Rounding = append(c.Rounding, r)
		}
	}
	if c.Pairs, err = composedPairs(p1, p2); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, fault.Inputf("the two growths are no plan together: %w", err)
	}
	return c, nil
}

// ofDense is a growth of the mixture that p1 made, told of the dense model's neurons. More experts need no map: each is
// the whole MLP, or the part that its number says.
func (p *Plan) ofDense(p1 *Plan) (*Plan, error) {
	s := p1.Upcycle.Shards
	q := p.Clone()
	if m, ok := q.Maps[arch.Experts]; ok {
		for e, from := range m.Src {
			if e%s != int(from)%s {
				return nil, fault.Inputf("axis experts: expert %d is a copy of expert %d, which is another of the %d parts of the MLP", e, from, s)
			}
		}
	}
	if q.From.FFN == p1.To.ExpertFFN { // Mixtral has one key for both
		q.From.FFN = p1.To.FFN
	}
	q.To.FFN = s * q.To.ExpertFFN
	for _, of := range []map[arch.Axis]AxisMap{q.Maps, q.Pairs} {
		m, ok := of[arch.ExpertFFN]
		if ok && s > 1 {
			return nil, fault.Inputf("axis expert_ffn: the neurons of an MLP in %d parts do not grow or pair in one plan with the cut", s)
		}
		for _, a := range []arch.Axis{arch.ExpertFFN, arch.Experts, arch.FFN} {
			delete(of, a)
		}
		if ok {
			of[arch.FFN] = m
		}
	}
	return q, nil
}

// composed is an axis's map from first's source to next's target; ok is false where neither has one.
func composed(first, next map[arch.Axis]AxisMap, a arch.Axis) (m AxisMap, ok bool, err error) {
	m1, ok1 := first[a]
	m2, ok2 := next[a]
	switch {
	case ok1 && ok2:
		m, err = m1.then(m2, a)
		return m, true, err
	case ok1:
		return m1, true, nil
	}
	return m2, ok2, nil
}

// composedPairs are the maps of the blocks of pairs that one of two growths made, nil where neither did.
func composedPairs(p1, p2 *Plan) (map[arch.Axis]AxisMap, error) {
	made, first, next := p1.Pairs, p1.Pairs, p2.Maps
	switch {
	case p1.Pairs == nil && p2.Pairs == nil:
		return nil, nil
	case p1.Pairs != nil && p2.Pairs != nil:
		return nil, fault.Inputf("both growths make cancelling pairs, and a plan has one map of them")
	case p2.Pairs != nil:
		made, first, next = p2.Pairs, p1.Maps, p2.Pairs
	}
	out := map[arch.Axis]AxisMap{}
	for a := range made {
		m, _, err := composed(first, next, a)
		if err != nil {
			return nil, err
		}
		if slices.Contains(m.Src, Fresh) {
			return nil, fault.Inputf("axis %s: cancelling pairs do not compose with fresh indices", a)
		}
		out[a] = m
	}
	return out, nil
}

// childArch is the architecture of p's child.
func childArch(p *Plan) string {
	if p.ChildArch != "" {
		return p.ChildArch
	}
	return p.Arch
}

// then is the map from m's source to n's target.
func (m AxisMap) then(n AxisMap, a arch.Axis) (AxisMap, error) {
	if m.Fill != FillNone && n.Fill != FillNone && m.Fill != n.Fill {
		return AxisMap{}, fault.Inputf("axis %s: fresh indices of two kinds, %s and %s, do not compose", a, m.Fill, n.Fill)
	}
	c := AxisMap{Src: make([]int32, len(n.Src)), Fill: m.Fill, Read: n.Read}
	if m.Read != nil {
		c.Read = make([]float64, len(n.Src))
	}
	if n.Fill != FillNone {
		c.Fill = n.Fill
	}
	if m.Write != nil || n.Write != nil {
		c.Write = make([]float64, len(n.Src))
	}
	for t, s := range n.Src {
		c.Src[t] = Fresh
		w := 1.0
		if n.Write != nil {
			w = n.Write[t]
		}
		if s != Fresh {
			c.Src[t] = m.Src[s]
			if m.Write != nil {
				w *= m.Write[s]
			}
			if m.Read != nil { // copies of a neuron of a pair have its sign
				c.Read[t] = m.Read[s]
			}
		}
		if c.Write != nil {
			c.Write[t] = w
		}
	}
	return c, nil
}

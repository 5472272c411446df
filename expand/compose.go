package expand

import (
	"maps"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/fault"
)

// Compose is the growth that p1 and then p2 are: from p1's parent to p2's child. It says where every index of the grandchild
// comes from; what stands at fresh indices and in silent blocks is what either growth made of it, so it describes, for a
// proof, and cannot be applied to give the same bytes. Growths that are inexact, that cancel in pairs or that make experts
// of a dense model do not compose.
func Compose(p1, p2 *Plan) (*Plan, error) {
	if p1.To != p2.From || p1.Tied != p2.Tied || childArch(p1) != p2.Arch {
		return nil, fault.Inputf("the second growth starts from a %s of %+v, the first ends with a %s of %+v", p2.Arch, p2.From, childArch(p1), p1.To)
	}
	for _, p := range []*Plan{p1, p2} {
		if len(p.Inexact) > 0 || p.Pairs != nil || p.Upcycle != nil {
			return nil, fault.Inputf("only exact growths without cancelling pairs and without experts made of dense models compose")
		}
	}
	c := p1.Clone()
	c.To, c.Maps, c.Methods, c.Layers = p2.To, map[arch.Axis]AxisMap{}, maps.Clone(p1.Methods), nil
	maps.Copy(c.Methods, p2.Methods)
	for _, a := range growable {
		m1, ok1 := p1.Maps[a]
		m2, ok2 := p2.Maps[a]
		switch {
		case ok1 && ok2:
			m, err := m1.then(m2, a)
			if err != nil {
				return nil, err
			}
			c.Maps[a] = m
		case ok1:
			c.Maps[a] = m1
		case ok2:
			c.Maps[a] = m2
		}
	}
	for _, l := range p2.Layers {
		f := p1.Layers[l.Src]
		f.Silent = f.Silent || l.Silent
		f.Fresh = f.Fresh || l.Fresh
		c.Layers = append(c.Layers, f)
	}
	for _, r := range p2.Rounding {
		if !slices.Contains(c.Rounding, r) {
			c.Rounding = append(c.Rounding, r)
		}
	}
	return c, nil
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
	c := AxisMap{Src: make([]int32, len(n.Src)), Fill: m.Fill}
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
		}
		if c.Write != nil {
			c.Write[t] = w
		}
	}
	return c, nil
}

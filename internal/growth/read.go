package growth

import (
	"fmt"
	"maps"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/strictjson"
)

// planText is a plan as it is stored, its maps not read yet.
type planText struct {
	Plan
	Maps  map[arch.Axis]mapText `json:"maps"`
	Pairs map[arch.Axis]mapText `json:"pairs"`
}

// ParsePlan reads a stored plan and checks that it is a growth. A plan may come from anywhere, and a few characters of
// it can stand for millions of indices: limit are the sizes of the child that is at hand, above which no plan that led
// to it can speak. name is the file, for errors.
func ParsePlan(name string, b []byte, limit Sizes) (*Plan, error) {
	var text planText
	if err := strictjson.Unmarshal(b, &text); err != nil {
		return nil, fault.Inputf("%s: not a plan: %w", name, err)
	}
	if text.Schema != PlanSchema {
		return nil, fault.Inputf("%s: plan schema %d, want %d", name, text.Schema, PlanSchema)
	}
	p, err := text.read(limit)
	if err == nil {
		err = p.Check()
	}
	if err != nil {
		return nil, fault.Inputf("%s: %w", name, err)
	}
	return p, nil
}

// read takes the maps in, once the sizes are known to be sane.
func (t *planText) read(limit Sizes) (*Plan, error) {
	p := &t.Plan
	for _, s := range []Sizes{p.From, p.To} {
		if err := s.check(); err != nil {
			return nil, err
		}
		if err := s.within(limit, "the child at hand"); err != nil {
			return nil, err
		}
	}
	var err error
	if p.Maps, err = p.readMaps(t.Maps); err != nil {
		return nil, err
	}
	p.Pairs, err = p.readMaps(t.Pairs)
	return p, err
}

// readMaps reads maps along the axes that tensors run along. Plans of earlier versions also have maps of positions for
// models without a table of them; those say nothing.
func (p *Plan) readMaps(texts map[arch.Axis]mapText) (map[arch.Axis]AxisMap, error) {
	if texts == nil {
		return nil, nil
	}
	out := map[arch.Axis]AxisMap{}
	for _, a := range slices.Sorted(maps.Keys(texts)) {
		if !slices.Contains(Axes, a) {
			return nil, fmt.Errorf("axis %q cannot grow", a)
		}
		if a == arch.Pos && !p.needsMap(a) {
			continue
		}
		m, err := texts[a].read(p.From.Of(a), p.To.Of(a))
		if err != nil {
			return nil, fmt.Errorf("axis %s: %w", a, err)
		}
		out[a] = m
	}
	return out, nil
}

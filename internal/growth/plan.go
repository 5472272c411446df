// Package growth holds growths as data. A plan says what sizes a parent has and its child gets, which block each block
// comes from, and where each index of a grown axis comes from. It is made by package expand, stored beside the child
// as plan.json, and read by whoever wants to know: nothing here grows anything.
//
// Words: an index of a grown axis has a source, the parent's index that it is a copy of, or is fresh; a block is
// silent where it adds nothing to the residual stream; a silent block of pairs holds neurons and heads twice, written
// with +c and -c.
//
// To read: plan.go (the plan), sizes.go, axismap.go, layers.go, split.go, upcycle.go (its parts), read.go (plans from
// outside), child.go (the model that comes out), names.go (files).
package growth

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"famkit/internal/arch"
)

// PlanSchema is the version of the plan's layout.
const PlanSchema = 2

// Plan is a compiled growth: what every tensor of the child is made of. It is data: it can be printed, saved,
// applied again, and checked by somebody who does not trust it.
type Plan struct {
	Schema int    `json:"schema"`
	Arch   string `json:"arch"`
	// ChildArch is the child's architecture where it is another: a mixture of experts made of a dense model.
	ChildArch string `json:"child_arch,omitempty"`
	Parent    Parent `json:"parent"`
	From      Sizes  `json:"from"`
	To        Sizes  `json:"to"`
	Tied      bool   `json:"tied,omitempty"`
	// Methods names the method of each axis that grows.
	Methods map[arch.Axis]string `json:"methods,omitempty"`
	// Split is how copies share the columns that read them.
	Split Split  `json:"split"`
	Seed  uint64 `json:"seed"`
	// InitRange is the standard deviation of fresh weights.
	InitRange float64 `json:"init_range,omitempty"`
	// Layers says which parent block each block is; Maps where each index of a grown axis comes from.
	Layers []LayerFrom           `json:"layers"`
	Maps   map[arch.Axis]AxisMap `json:"maps,omitempty"`
	// Pairs are the maps of the inner axes (ffn, expert_ffn, group, kv) in blocks of cancelling pairs, from the parent's
	// sizes, instead of those in Maps.
	Pairs map[arch.Axis]AxisMap `json:"pairs,omitempty"`
	// Upcycle says how a dense MLP becomes experts.
	Upcycle *Upcycle `json:"upcycle,omitempty"`
	// NextLayer: of what is copied in a block, all but the first copies come from the next block (bert2BERT's AKI).
	NextLayer bool `json:"next_layer,omitempty"`
	// Rope is the child's rotary scaling where it is another.
	Rope *arch.Rope `json:"rope,omitempty"`
	// Rounding lists the roles whose scales are no powers of two, so that their stored numbers are rounded.
	// Empty: the child equals its parent exactly, over the reals, unless Inexact says otherwise.
	Rounding []Rounding `json:"rounding,omitempty"`
	// Inexact says why the child's function is another than its parent's, on purpose. Empty: it is the same.
	Inexact []string `json:"inexact,omitempty"`
}

// Parent names the checkpoint that was grown.
type Parent struct {
	Path   string `json:"path"`
	Digest string `json:"digest,omitempty"`
}

// Rounding says that the tensors of a role are multiplied by a factor that their type cannot always hold.
type Rounding struct {
	Role  arch.Role `json:"role"`
	DType string    `json:"dtype"`
}

// Exact reports whether the function is kept and no stored number was rounded.
func (p *Plan) Exact() bool { return len(p.Rounding) == 0 && len(p.Inexact) == 0 }

// Grows lists the axes that p grows, in a fixed order.
func (p *Plan) Grows() []arch.Axis {
	var out []arch.Axis
	for _, a := range append([]arch.Axis{arch.Layers}, Axes...) {
		if p.Methods[a] != "" {
			out = append(out, a)
		}
	}
	return out
}

// JSON is the plan as it is stored.
func (p *Plan) JSON() []byte {
	b, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		panic(err) // plain data
	}
	return append(b, '\n')
}

// Clone is a copy that shares no map with p.
func (p *Plan) Clone() *Plan {
	q := *p
	q.Layers, q.Maps, q.Pairs, q.Methods = slices.Clone(p.Layers), maps.Clone(p.Maps), maps.Clone(p.Pairs),
		maps.Clone(p.Methods)
	q.Rounding, q.Inexact = slices.Clone(p.Rounding), slices.Clone(p.Inexact)
	return &q
}

// Check reports why p is no growth: sizes that no model has, maps or layers that lose a source, what does not fit
// together. Whoever makes a plan checks it, and so does whoever reads one.
func (p *Plan) Check() error {
	if err := p.Split.Check(); err != nil {
		return err
	}
	for _, s := range []Sizes{p.From, p.To} {
		if err := s.check(); err != nil {
			return err
		}
	}
	if len(p.Layers) != p.To.Layers {
		return fmt.Errorf("%d layers listed, want %d", len(p.Layers), p.To.Layers)
	}
	if err := CheckLayers(p.Layers, p.From.Layers, len(p.Inexact) > 0); err != nil {
		return err
	}
	if err := p.checkMaps(p.Maps, true); err != nil {
		return err
	}
	if err := p.checkMaps(p.Pairs, false); err != nil {
		return err
	}
	for _, l := range p.Layers {
		if l.Pairs && p.Pairs == nil {
			return fmt.Errorf("layers of pairs without the maps of the pairs")
		}
	}
	if p.Upcycle != nil {
		if err := p.Upcycle.Check(p.From, p.To); err != nil {
			return err
		}
	}
	if heads := int64(p.To.Heads) * int64(max(1, p.To.HeadDim)); heads > MaxSize || p.To.Heads < p.From.Heads {
		return fmt.Errorf("%d heads of %d is no growth of %d heads", p.To.Heads, p.To.HeadDim, p.From.Heads)
	}
	return nil
}

// checkMaps checks each map against the sizes. Maps that must keep every source index are whole; those of pairs are
// not.
func (p *Plan) checkMaps(of map[arch.Axis]AxisMap, whole bool) error {
	for a := range of {
		if !slices.Contains(Axes, a) {
			return fmt.Errorf("axis %q cannot grow", a)
		}
	}
	for _, a := range Axes {
		m, ok := of[a]
		n, k := p.From.Of(a), p.To.Of(a)
		var err error
		switch {
		case !ok && whole && n != k && p.needsMap(a):
			err = fmt.Errorf("axis %s grows from %d to %d without a map", a, n, k)
		case !ok:
		case whole:
			err = m.Check(string(a), n, k)
		case len(m.Src) != k || len(m.Read) != k || slices.ContainsFunc(m.Src, func(s int32) bool {
			return int(s) >= n ||
				s < 0
		}):
			err = fmt.Errorf("axis %s: the pairs' map of %d indices is none of %d to %d", a, len(m.Src), n, k)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// needsMap reports whether tensors run along an axis, so that its growth must say where each index comes from. Experts
// and their neurons that are made of a dense MLP have their rule in Upcycle; positions are a table only where the
// architecture learns them.
func (p *Plan) needsMap(a arch.Axis) bool {
	switch a {
	case arch.Experts:
		return p.From.Experts != 0
	case arch.ExpertFFN:
		return p.From.ExpertFFN != 0
	case arch.Pos:
		return runsAlong(p.Arch, a)
	}
	return true
}

// runsAlong reports whether an architecture has tensors along an axis; of one that is not known every axis is taken to
// matter.
func runsAlong(name string, a arch.Axis) bool {
	spec, err := arch.Lookup(name)
	if err != nil {
		return true
	}
	for _, t := range slices.Concat(spec.Embed, spec.Block, spec.Head) {
		for _, d := range t.Dims {
			if slices.Contains(d.Axes, a) {
				return true
			}
		}
	}
	return false
}

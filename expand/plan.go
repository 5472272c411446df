package expand

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/fault"
)

// PlanFile is the name under which a plan travels in the grown checkpoint.
const PlanFile = "plan.json"

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

// JSON is the plan as it is stored.
func (p *Plan) JSON() []byte {
	b, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		panic(err) // plain data
	}
	return append(b, '\n')
}

// ParsePlan reads a stored plan and checks that it is a growth at all. name is the file, for errors.
func ParsePlan(name string, b []byte) (*Plan, error) {
	p := new(Plan)
	if err := json.Unmarshal(b, p); err != nil {
		return nil, fault.Inputf("%s: not a plan: %w", name, err)
	}
	if p.Schema != PlanSchema {
		return nil, fault.Inputf("%s: plan schema %d, want %d", name, p.Schema, PlanSchema)
	}
	if err := p.check(); err != nil {
		return nil, fault.Inputf("%s: %w", name, err)
	}
	return p, nil
}

func (p *Plan) check() error {
	if err := p.Split.check(); err != nil {
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
	if err := checkLayers(p.Layers, p.From.Layers, len(p.Inexact) > 0); err != nil {
		return err
	}
	if err := checkMaps(p.Maps, p.From, p.To, true); err != nil {
		return err
	}
	if err := checkMaps(p.Pairs, p.From, p.To, false); err != nil {
		return err
	}
	for _, l := range p.Layers {
		if l.Pairs && p.Pairs == nil {
			return fmt.Errorf("layers of pairs without the maps of the pairs")
		}
	}
	if p.Upcycle != nil {
		if err := p.Upcycle.check(p.From, p.To); err != nil {
			return err
		}
	}
	if heads := int64(p.To.Heads) * int64(max(1, p.To.HeadDim)); heads > maxSize || p.To.Heads < p.From.Heads {
		return fmt.Errorf("%d heads of %d is no growth of %d heads", p.To.Heads, p.To.HeadDim, p.From.Heads)
	}
	return nil
}

// checkMaps checks each map against the sizes. Maps that must keep every source index are whole; those of pairs are not.
func checkMaps(of map[arch.Axis]AxisMap, from, to Sizes, whole bool) error {
	for axis := range of {
		if !slices.Contains(growable, axis) {
			return fmt.Errorf("axis %q cannot grow", axis)
		}
	}
	for _, a := range growable {
		n, k := axisSize(from, a), axisSize(to, a)
		m, ok := of[a]
		switch {
		case !ok && n != k && whole && !(a == arch.Experts && n == 0) && !(a == arch.ExpertFFN && n == 0):
			return fmt.Errorf("axis %s grows from %d to %d without a map", a, n, k)
		case !ok:
			continue
		case whole:
			if err := m.check(string(a), n, k); err != nil {
				return err
			}
		case len(m.Src) != k || slices.ContainsFunc(m.Src, func(s int32) bool { return int(s) >= n || s < 0 }):
			return fmt.Errorf("axis %s: the pairs' map of %d indices is none of %d to %d", a, len(m.Src), n, k)
		}
	}
	return nil
}

// growable lists the axes that a map can grow.
var growable = []arch.Axis{arch.Vocab, arch.Pos, arch.Hidden, arch.FFN, arch.KV, arch.Group, arch.HeadDim, arch.Experts, arch.ExpertFFN}

func axisSize(s Sizes, a arch.Axis) int {
	switch a {
	case arch.Layers:
		return s.Layers
	case arch.Hidden:
		return s.Hidden
	case arch.FFN:
		return s.FFN
	case arch.KV:
		return s.KVHeads
	case arch.Group:
		return s.Heads / max(1, s.KVHeads)
	case arch.HeadDim:
		return s.HeadDim
	case arch.Vocab:
		return s.Vocab
	case arch.Pos:
		return s.Positions
	case arch.Experts:
		return s.Experts
	case arch.ExpertFFN:
		return s.ExpertFFN
	}
	return 0
}

// Clone is a copy that shares no map with p.
func (p *Plan) Clone() *Plan {
	q := *p
	q.Layers, q.Maps, q.Pairs, q.Methods = slices.Clone(p.Layers), maps.Clone(p.Maps), maps.Clone(p.Pairs), maps.Clone(p.Methods)
	q.Rounding, q.Inexact = slices.Clone(p.Rounding), slices.Clone(p.Inexact)
	return &q
}

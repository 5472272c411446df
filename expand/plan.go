package expand

import (
	"encoding/json"
	"fmt"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/fault"
)

// PlanFile is the name under which a plan travels in the grown checkpoint.
const PlanFile = "plan.json"

// PlanSchema is the version of the plan's layout.
const PlanSchema = 1

// Plan is a compiled growth: what every tensor of the child is made of. It is data: it can be printed, saved,
// applied again, and checked by somebody who does not trust it.
type Plan struct {
	Schema int    `json:"schema"`
	Arch   string `json:"arch"`
	Parent Parent `json:"parent"`
	From   Sizes  `json:"from"`
	To     Sizes  `json:"to"`
	Tied   bool   `json:"tied,omitempty"`
	// Split is how copies share the columns that read them.
	Split string `json:"split"`
	Seed  uint64 `json:"seed"`
	// Layers says which parent block each block is; Maps where each index of a grown axis comes from.
	Layers []LayerFrom           `json:"layers"`
	Maps   map[arch.Axis]AxisMap `json:"maps,omitempty"`
	// Rounding lists the roles whose scales are no powers of two, so that their stored numbers are rounded.
	// Empty: the child equals its parent exactly, over the reals.
	Rounding []Rounding `json:"rounding,omitempty"`
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

// splitChoice is the way of sharing that choice in split.go implements.
const splitChoice = "choice"

// Exact reports whether no stored number was rounded.
func (p *Plan) Exact() bool { return len(p.Rounding) == 0 }

// JSON is the plan as it is stored: one line for each map, so that a large plan stays readable.
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
	if p.Split != splitChoice {
		return fmt.Errorf("split %q, want %q", p.Split, splitChoice)
	}
	if len(p.Layers) != p.To.Layers {
		return fmt.Errorf("%d layers listed, want %d", len(p.Layers), p.To.Layers)
	}
	if err := checkLayers(p.Layers, p.From.Layers); err != nil {
		return err
	}
	for axis := range p.Maps {
		if !slices.Contains(growable, axis) {
			return fmt.Errorf("axis %q cannot grow", axis)
		}
	}
	for _, a := range growable {
		from, to := axisSize(p.From, a), axisSize(p.To, a)
		m, ok := p.Maps[a]
		if !ok {
			if from != to {
				return fmt.Errorf("axis %s grows from %d to %d without a map", a, from, to)
			}
			continue
		}
		if err := m.check(string(a), from, to); err != nil {
			return err
		}
	}
	if heads := int64(p.To.Heads) * int64(max(1, p.To.HeadDim)); heads > maxSize || p.To.Heads < p.From.Heads {
		return fmt.Errorf("%d heads of %d is no growth of %d heads", p.To.Heads, p.To.HeadDim, p.From.Heads)
	}
	if p.From.HeadDim != p.To.HeadDim || p.From.Vocab != p.To.Vocab {
		return fmt.Errorf("head_dim and vocab must stay as they are")
	}
	return nil
}

// growable lists the axes that a map can grow.
var growable = []arch.Axis{arch.Hidden, arch.FFN, arch.KV, arch.Group}

func axisSize(s Sizes, a arch.Axis) int {
	switch a {
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
	}
	return 0
}

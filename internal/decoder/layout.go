package decoder

import (
	"slices"

	"famkit/internal/arch"
	"famkit/internal/fault"
)

// align is the number of elements that every group of weights and every buffer starts at a multiple of: whole
// cache lines in any engine. What lies between two groups stays zero.
const align = 16

func aligned(n int) int { return (n + align - 1) / align * align }

// blockGroups lists the roles that a block may have in the order of the arena. The roles of one group lie side by
// side, so that one product computes q, k and v, and one gate and up.
var blockGroups = [][]arch.Role{
	{arch.AttnNorm},
	{arch.Q, arch.K, arch.V},
	{arch.Q.Bias(), arch.K.Bias(), arch.V.Bias()},
	{arch.QNorm},
	{arch.KNorm},
	{arch.O},
	{arch.O.Bias()},
	{arch.MLPNorm},
	{arch.Gate, arch.Up},
	{arch.Gate.Bias(), arch.Up.Bias()},
	{arch.Down},
	{arch.Down.Bias()},
}

// place is a parameter and where its elements lie in the arenas of weights and gradients.
type place struct {
	name   string
	role   arch.Role
	layer  int // -1 outside the blocks
	shape  []int
	off, n int
}

// layout says where every parameter of a model lies.
type layout struct {
	places []place // in the checkpoint's order
	total  int     // elements of an arena
	index  map[slot]int
}

type slot struct {
	role  arch.Role
	layer int
}

// newLayout places the tensors that m has. It refuses a model with a tensor that the decoder would not run, or
// without one that it cannot do without.
func newLayout(m *arch.Model) (*layout, error) {
	y := &layout{index: map[slot]int{}}
	for _, t := range m.Layout() {
		if t.Spec.Role != arch.Head || !m.Tied { // a tied head is the embedding, not a tensor
			y.list(t)
		}
	}
	placed := 0
	put := func(layer int, group ...arch.Role) error {
		n, err := y.put(layer, group)
		placed += n
		return err
	}
	if err := put(-1, arch.Embed); err != nil {
		return nil, err
	}
	for l := range m.Layers {
		for _, g := range blockGroups {
			if err := put(l, g...); err != nil {
				return nil, err
			}
		}
	}
	if err := put(-1, arch.FinalNorm); err != nil {
		return nil, err
	}
	if err := put(-1, arch.Head); err != nil {
		return nil, err
	}
	if placed != len(y.places) {
		return nil, y.unplaced()
	}
	return y, y.complete(m)
}

// list appends a tensor that has no place yet.
func (y *layout) list(t arch.Slot) {
	p := place{name: t.Name, role: t.Spec.Role, layer: t.Layer, shape: t.Shape, off: -1, n: 1}
	for _, d := range p.shape {
		p.n *= d
	}
	y.index[slot{p.role, p.layer}] = len(y.places)
	y.places = append(y.places, p)
}

// put gives the roles of one group adjacent places: all of them or none.
func (y *layout) put(layer int, group []arch.Role) (int, error) {
	n := 0
	for _, r := range group {
		i, ok := y.index[slot{r, layer}]
		if !ok {
			continue
		}
		y.places[i].off = y.total
		y.total += y.places[i].n
		n++
	}
	if n != 0 && n != len(group) {
		return n, fault.Inputf("layer %d has only some of the tensors %v: they are computed together", layer, group)
	}
	y.total = aligned(y.total)
	return n, nil
}

func (y *layout) unplaced() error {
	i := slices.IndexFunc(y.places, func(p place) bool { return p.off < 0 })
	return fault.Inputf("tensor %q: the decoder does not run tensors of role %q", y.places[i].name, y.places[i].role)
}

// complete checks that what every model needs is there.
func (y *layout) complete(m *arch.Model) error {
	need := func(layer int, roles ...arch.Role) error {
		for _, r := range roles {
			if _, ok := y.index[slot{r, layer}]; !ok {
				return fault.Inputf("architecture %s has no tensor of role %q: the decoder cannot run it", m.Spec.Name, r)
			}
		}
		return nil
	}
	for l := range m.Layers {
		if err := need(l, arch.AttnNorm, arch.Q, arch.O, arch.MLPNorm, arch.Gate, arch.Down); err != nil {
			return err
		}
	}
	if !m.Tied {
		if err := need(-1, arch.Head); err != nil {
			return err
		}
	}
	return need(-1, arch.Embed, arch.FinalNorm)
}

// span is the place of a group of roles, from the first to the last; ok is false where the model has none of them.
func (y *layout) span(layer int, group ...arch.Role) (off, n int, ok bool) {
	for _, r := range group {
		i, have := y.index[slot{r, layer}]
		if !have {
			return 0, 0, false
		}
		p := y.places[i]
		if r == group[0] {
			off = p.off
		}
		n = p.off + p.n - off
	}
	return off, n, true
}

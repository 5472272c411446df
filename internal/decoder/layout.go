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

// place is a parameter and where its elements lie in the arenas of weights and gradients.
type place struct {
	name string
	slot
	spec   *arch.TensorSpec
	shape  []int
	off, n int
}

// layout says where every parameter of a model lies. Tensors lie in the arena as the checkpoint stores them.
type layout struct {
	places []place // in the checkpoint's order
	total  int     // elements of an arena
	index  map[slot]int
}

// slot names a tensor: -1 is a layer outside the blocks, and the expert of what is not an expert's.
type slot struct {
	role          arch.Role
	layer, expert int
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
	placed, missing := 0, error(nil)
	for _, g := range groups(m) {
		n, err := y.put(g)
		if err != nil {
			return nil, err
		}
		placed += n
		if n == 0 && g.needed && missing == nil {
			missing = fault.Inputf("architecture %s has no tensor of role %q: the decoder cannot run it", m.Spec.Name,
				g.roles[0])
		}
	}
	if placed != len(y.places) {
		return nil, y.unplaced()
	}
	return y, missing
}

// list appends a tensor that has no place yet.
func (y *layout) list(t arch.Slot) {
	p := place{name: t.Name, slot: slot{t.Spec.Role, t.Layer, t.Expert}, spec: t.Spec, shape: t.Shape, off: -1, n: 1}
	for _, d := range p.shape {
		p.n *= d
	}
	y.index[p.slot] = len(y.places)
	y.places = append(y.places, p)
}

// put gives the roles of one group adjacent places: all of them or none. It gives how many it placed.
func (y *layout) put(g group) (int, error) {
	n := 0
	for _, r := range g.roles {
		i, ok := y.index[slot{r, g.layer, g.expert}]
		if !ok {
			continue
		}
		y.places[i].off = y.total
		y.total += y.places[i].n
		n++
	}
	if n != 0 && n != len(g.roles) {
		return n, fault.Inputf("layer %d has only some of the tensors %v: they are computed together", g.layer, g.roles)
	}
	y.total = aligned(y.total)
	return n, nil
}

func (y *layout) unplaced() error {
	i := slices.IndexFunc(y.places, func(p place) bool { return p.off < 0 })
	return fault.Inputf("tensor %q: the decoder does not run tensors of role %q here", y.places[i].name, y.places[i].role)
}

// find gives the tensor of a role, nil where the model has none.
func (y *layout) find(s slot) *place {
	if i, ok := y.index[s]; ok {
		return &y.places[i]
	}
	return nil
}

// span is the place of a group of roles, from the first to the last; ok is false where the model has none of them.
func (y *layout) span(layer, expert int, roles ...arch.Role) (off, n int, ok bool) {
	for _, r := range roles {
		p := y.find(slot{r, layer, expert})
		if p == nil {
			return 0, 0, false
		}
		if r == roles[0] {
			off = p.off
		}
		n = p.off + p.n - off
	}
	return off, n, true
}

package expand

import (
	"slices"

	"famkit/internal/arch"
)

// Method is a way to grow an axis. Each stands in a file of its own.
type Method interface {
	// Name is what --method and the plan call it.
	Name() string
	// Axes that it can grow; arch.Layers is the depth.
	Axes() []arch.Axis
	// About is one line: what it does.
	About() string
	// Exact: every growth by it keeps the function. A growth by any other says in its plan why it does not, or keeps it.
	Exact() bool
	// Grow fills in the builder's plan for an axis whose size changes.
	Grow(b *builder, a arch.Axis) error
}

// methods lists all methods.
var methods = []Method{copies, identity, padding, lemon, freshUnits, headDim, rows, expertCopies, upcycling,
	dropUpcycling,
	halved, stacked, solar, interpolated, randomCopies, nextLayer, nextLayerPro}

// Methods lists all methods.
func Methods() []Method { return slices.Clone(methods) }

// method is a Method as data.
type method struct {
	name, about string
	axes        []arch.Axis
	exact       bool
	grow        func(b *builder, a arch.Axis) error
}

func (m method) Name() string                       { return m.name }
func (m method) Axes() []arch.Axis                  { return m.axes }
func (m method) About() string                      { return m.about }
func (m method) Exact() bool                        { return m.exact }
func (m method) Grow(b *builder, a arch.Axis) error { return m.grow(b, a) }

// sizes are an axis's size now and as grown.
func (b *builder) sizes(a arch.Axis) (from, to int) {
	return b.p.From.Of(a), b.p.To.Of(a)
}

// inner are the axes inside a block.
var inner = []arch.Axis{arch.FFN, arch.ExpertFFN, arch.KV, arch.Group}

func and(axes []arch.Axis, more ...arch.Axis) []arch.Axis {
	return append(append([]arch.Axis{}, axes...), more...)
}

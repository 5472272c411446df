package expand

import (
	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/growth"
)

// solar joins two copies of the stack, the first without its last blocks, the second without its first (depth
// up-scaling of SOLAR).
var solar = method{"solar", "layers: the stack without its last layers, followed by the stack without its first " +
	"(SOLAR); inexact", []arch.Axis{arch.Layers}, false,
	func(b *builder, a arch.Axis) error {
		from, to := b.sizes(a)
		if to > 2*from {
			return fault.Hint(fault.Inputf("two overlapping stacks of %d layers have at most %d, not %d", from, 2*from, to),
				"%v", fault.Arg("depth", 2*from))
		}
		first := (to + 1) / 2
		b.p.Layers = append(growth.Originals(0, first), growth.Originals(from-(to-first), from)...)
		b.inexact("two stacks of blocks follow one another")
		return nil
	}}

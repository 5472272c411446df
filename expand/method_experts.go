package expand

import (
	"famkit/internal/arch"
	"famkit/internal/fault"
)

// expertCopies copies whole experts; k copies of each, of which k times as many are used, keep the function.
var expertCopies = method{"experts", "experts: each is copied k times, and a token uses k times as many; exact",
	[]arch.Axis{arch.Experts}, true,
	func(b *builder, a arch.Axis) error {
		from, to := b.sizes(a)
		if from == 0 {
			return fault.Hint(fault.Inputf("a %s model has no experts to copy", b.m.Spec.Name),
				"without --method they are made of its MLP")
		}
		b.p.Maps[a] = copyMap(from, to)
		return nil
	}}

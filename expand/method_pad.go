package expand

import (
	"famkit/internal/arch"
)

// padding appends channels to the residual stream: zeros under RMSNorm, its mean under LayerNorm.
var padding = method{"pad", "hidden: new channels are zero, or the mean under LayerNorm, and what reads them is " +
	"random; exact", []arch.Axis{arch.Hidden}, true,
	func(b *builder, a arch.Axis) error {
		from, to := b.sizes(a)
		b.p.Maps[a] = paddedMap(from, to, 1, streamFill(b.m))
		return nil
	}}

// lemon makes as many whole copies as fit and pads the rest (Wang and others, LEMON, 2023).
var lemon = method{"lemon", "hidden: as many whole copies as fit, the rest as pad; exact", []arch.Axis{arch.Hidden},
	true,
	func(b *builder, a arch.Axis) error {
		from, to := b.sizes(a)
		b.p.Maps[a] = paddedMap(from, to, to/from, streamFill(b.m))
		return nil
	}}

package expand

import (
	"famkit/internal/arch"
	"famkit/internal/growth"
)

// freshUnits appends random neurons or heads whose readers are zero.
var freshUnits = method{"fresh", "ffn, heads, kv: new neurons and heads are random, and what reads them is zero; exact",
	inner, true,
	func(b *builder, a arch.Axis) error {
		from, to := b.sizes(a)
		b.p.Maps[a] = freshMap(from, to, growth.FillRandom)
		return nil
	}}

package expand

import "famkit/internal/arch"

// copies repeats the whole axis, the last time in part. Copies of the residual stream are written with scales that keep
// RMSNorm at any size.
var copies = method{"copies", "hidden, ffn, heads, kv: new channels, neurons and heads copy old ones, and what " +
	"reads them is shared among the copies; exact at any size", and(inner, arch.Hidden), true,
	func(b *builder, a arch.Axis) error {
		from, to := b.sizes(a)
		if a == arch.Hidden {
			b.p.Maps[a] = streamMap(from, to)
		} else {
			b.p.Maps[a] = copyMap(from, to)
		}
		return nil
	}}

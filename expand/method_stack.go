package expand

import (
	"famkit/internal/arch"
	"famkit/internal/growth"
)

// stacked repeats the whole stack of blocks (StackBERT, G_stack).
var stacked = method{"stack", "layers: the whole stack again and again (StackBERT, G_stack); inexact",
	[]arch.Axis{arch.Layers}, false,
	func(b *builder, a arch.Axis) error {
		b.p.Layers = nil
		from, to := b.sizes(a)
		for i := range to {
			b.p.Layers = append(b.p.Layers, growth.LayerFrom{Src: i % from})
		}
		b.inexact("blocks are repeated as they are")
		return nil
	}}

// interpolated repeats each block in its place.
var interpolated = method{"interpolate", "layers: each layer again right after itself; inexact",
	[]arch.Axis{arch.Layers}, false,
	func(b *builder, a arch.Axis) error {
		b.p.Layers = interpolate(b.sizes(a))
		b.inexact("blocks are repeated as they are")
		return nil
	}}

func interpolate(from, to int) []growth.LayerFrom {
	var out []growth.LayerFrom
	for i := range to {
		out = append(out, growth.LayerFrom{Src: i * from / to})
	}
	return out
}

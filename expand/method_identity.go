package expand

import (
	"famkit/internal/arch"
	"famkit/internal/fault"
)

// identity inserts blocks that add nothing.
var identity = method{"identity", "layers: new layers are copies that add nothing at first; exact",
	[]arch.Axis{arch.Layers}, true,
	func(b *builder, a arch.Axis) error {
		from, to := b.sizes(a)
		layers, err := growLayers(from, to, b.r.Place)
		if err != nil {
			return fault.Usagef("%v: %w", fault.Arg("place"), err)
		}
		for i := range layers {
			layers[i].Pairs = layers[i].Silent && b.r.Pairs
			layers[i].Fresh = layers[i].Silent && b.r.Fresh
		}
		b.p.Layers = layers
		if b.r.Pairs {
			b.p.Pairs = b.pairs()
		}
		return nil
	}}

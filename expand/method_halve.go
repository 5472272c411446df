package expand

import (
	"famkit/internal/arch"
	"famkit/internal/growth"
)

// halved shares what a block adds among itself and its copies.
var halved = method{"halve", "layers: each is copied, and both add half; inexact", []arch.Axis{arch.Layers}, false,
	func(b *builder, a arch.Axis) error {
		from, to := b.sizes(a)
		layers, err := growLayers(from, to, Interleave)
		if err != nil {
			return err
		}
		copies := make([]int, from)
		for _, l := range layers {
			copies[l.Src]++
		}
		for i, l := range layers {
			layers[i] = growth.LayerFrom{Src: l.Src}
			if n := copies[l.Src]; n > 1 {
				layers[i].Writers = 1 / float64(n)
			}
		}
		b.p.Layers = layers
		b.inexact("copied blocks each add a part of what the block added, and the later ones read what the earlier have " +
			"added")
		return nil
	}}

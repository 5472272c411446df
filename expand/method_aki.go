package expand

import "famkit/internal/arch"

// nextLayer draws copies as randomCopies does, but takes their weights from the next block (bert2BERT's AKI); new
// blocks repeat the stack.
var nextLayer = method{"aki", "ffn, heads, hidden, layers: new neurons, heads and channels are those of the next " +
	"layer (bert2BERT's AKI); inexact", and(inner, arch.Hidden, arch.Layers), false,
	func(b *builder, a arch.Axis) error {
		if a == arch.Layers {
			return stacked.grow(b, a)
		}
		return b.fromNext(a)
	}}

// nextLayerPro is nextLayer with blocks repeated in their places (AquilaMoE's AKI-Pro).
var nextLayerPro = method{"aki-pro", "as aki, but each new layer stands right after the one that it copies " +
	"(AquilaMoE's AKI-Pro); inexact", and(inner, arch.Hidden, arch.Layers), false,
	func(b *builder, a arch.Axis) error {
		if a == arch.Layers {
			return interpolated.grow(b, a)
		}
		return b.fromNext(a)
	}}

func (b *builder) fromNext(a arch.Axis) error {
	b.p.Maps[a] = b.drawnMap(a)
	b.p.NextLayer = true
	b.inexact("new neurons, heads and channels of a block come from the next one")
	return nil
}

package expand

import (
	"famkit/internal/arch"
	"famkit/internal/growth"
)

// randomCopies takes each new index from a source drawn at random (Net2Net, bert2BERT's FPI). Norms of the residual
// stream are not kept, because the numbers of copies differ.
var randomCopies = method{"fpi", "hidden, ffn, heads: copies of sources drawn at random (Net2Net, bert2BERT's FPI); " +
	"inexact for hidden", and(inner, arch.Hidden), false,
	func(b *builder, a arch.Axis) error {
		b.p.Maps[a] = b.drawnMap(a)
		return nil
	}}

// drawnMap keeps the old indices and draws the sources of the others.
func (b *builder) drawnMap(a arch.Axis) growth.AxisMap {
	from, to := b.sizes(a)
	m := identityMap(from)
	key := newChoice(b.r.Seed, "axis "+string(a))
	for t := from; t < to; t++ {
		m.Src = append(m.Src, key.row(t).of(0, int32(from)))
	}
	switch {
	case a == arch.Hidden:
		b.inexact("channels of the residual stream have different numbers of copies, so the norms' means change")
	case b.m.QKNormFull && (a == arch.KV || a == arch.Group):
		b.inexact("heads have different numbers of copies, so the mean of the norm over all of them changes")
	}
	return m
}

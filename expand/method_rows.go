package expand

import (
	"famkit/internal/arch"
	"famkit/internal/growth"
)

// rows appends rows to the vocabulary or to a table of positions. The old tokens' logits stay.
var rows = method{"rows", "vocab: new rows are the mean of the old rows, or zero; positions: the table is repeated; " +
	"exact for the old tokens", []arch.Axis{arch.Vocab, arch.Pos}, true,
	func(b *builder, a arch.Axis) error {
		from, to := b.sizes(a)
		fill := b.r.VocabFill
		if fill == growth.FillNone {
			fill = growth.FillMean
		}
		switch {
		case a == arch.Vocab:
			b.p.Maps[a] = freshMap(from, to, fill)
		case b.m.LearnedPos: // else they are a number in the config
			b.p.Maps[a] = copyMap(from, to)
		}
		return nil
	}}

package expand

import "famkit/internal/arch"

// rows appends rows to the vocabulary or to a table of positions. The old tokens' logits stay.
var rows = method{"rows", "vocab: new rows are the mean of the old (or zero); positions: the table is repeated; exact for the old", []arch.Axis{arch.Vocab, arch.Pos},
	func(b *builder, a arch.Axis) error {
		from, to := b.sizes(a)
		fill := b.r.VocabFill
		if fill == FillNone {
			fill = FillMean
		}
		if a == arch.Pos {
			b.p.Maps[a] = copyMap(from, to)
		} else {
			b.p.Maps[a] = freshMap(from, to, fill)
		}
		return nil
	}}

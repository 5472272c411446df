package expand

import "famkit/internal/arch"

// headDim makes heads wider: rotary pairs keep their frequency, new rows of k are zero, of q and v random.
var headDim = method{"head-dim", "head_dim: new elements of q and v are random, those of k and what reads them " +
	"zero; exact", []arch.Axis{arch.HeadDim}, false,
	func(b *builder, a arch.Axis) error {
		from, to := b.sizes(a)
		child := *b.m
		child.RotaryDim *= to / from
		b.p.Maps[a] = headDimMap(from, to, b.m.Turned(), child.Turned())
		if b.m.QKNorm {
			b.inexact("the norms of each head's q and k take their mean over more elements, so their epsilon weighs more: a " +
				"term of eps, and the new rows of q and k start at zero both")
		}
		return nil
	}}

package decoder

import (
	"famkit/internal/arch"
	"famkit/internal/engine"
)

// Options say how much one pass takes: Batch*SeqLen rows of at most SeqLen positions.
type Options struct {
	Batch, SeqLen int
	// Train keeps gradients, and activations of every block as Recompute says.
	Train     bool
	Recompute Recompute
	// Between, where set, is called after each block of Forward and Logits; an error from it ends the pass.
	Between func(layer int) error
	// Cache keeps the keys and values of so many positions, for Extend; not with Train. 0: none.
	Cache int
}

// positions is how far the tables of positions reach.
func (o *Options) positions() int { return max(o.SeqLen, o.Cache) }

// Recompute is what the backward pass of a block computes again instead of reading what the forward pass kept. It
// changes the memory and the time that a step takes, and no bit of its result.
type Recompute string

// What can be computed again.
const (
	RecomputeNone      Recompute = ""
	RecomputeAttention Recompute = "attention" // the branch of the attention
	RecomputeBlock     Recompute = "block"     // all but the stream before the block
)

// Need is memory in bytes. Copies are the rounded weights that products read, where the engine makes such.
type Need struct {
	Weights, Copies, Gradients, Activations, Workspace int64
}

// Total is the sum.
func (n Need) Total() int64 {
	return n.Weights + n.Copies + n.Gradients + n.Activations + n.Workspace
}

// Plan is exactly what New allocates for a model it accepts; zero for one it refuses.
func Plan(m *arch.Model, spec engine.Spec, o Options) Need {
	d, err := shape(m, spec, o)
	if err != nil {
		return Need{}
	}
	a := newArenas(spec.Formats)
	d.take(a)
	return a.need()
}

// arena hands out views of one allocation. Without memory behind it, it only counts: the same code measures a
// decoder and builds it, so that the plan cannot be wrong.
type arena struct {
	kind      engine.Type
	buf       engine.Buf
	off, peak int
}

func (a *arena) take(n int) engine.Buf {
	at := a.off
	a.off += aligned(n)
	a.peak = max(a.peak, a.off)
	if a.buf.Nil() || n == 0 {
		return engine.Buf{}
	}
	return a.buf.At(at, n)
}

func (a *arena) bytes() int64 { return int64(a.peak) * int64(a.kind.Size()) }

// arenas of a decoder. Those of activations and of work are there twice, once for the statistics among them.
type arenas struct {
	weights, copies, grads arena
	acts, stats            arena
	work, workStats        arena
	ints, sums             arena
}

func newArenas(f engine.Formats) *arenas {
	return &arenas{weights: arena{kind: f.Master}, copies: arena{kind: f.Weight}, grads: arena{kind: f.Master},
		acts:  arena{kind: f.Act},
		stats: arena{kind: f.Stat}, work: arena{kind: f.Act}, workStats: arena{kind: f.Stat}, ints: arena{kind: engine.I32},
		sums: arena{kind: engine.F64}}
}

func (a *arenas) all() []*arena {
	return []*arena{&a.weights, &a.copies, &a.grads, &a.acts, &a.stats, &a.work, &a.workStats, &a.ints, &a.sums}
}

func (a *arenas) need() Need {
	return Need{Weights: a.weights.bytes(), Copies: a.copies.bytes(), Gradients: a.grads.bytes(),
		Activations: a.acts.bytes() + a.stats.bytes(),
		Workspace:   a.work.bytes() + a.workStats.bytes() + a.ints.bytes() + a.sums.bytes()}
}

// allocate puts memory behind arenas that have counted.
func (a *arenas) allocate(e engine.Engine) error {
	for _, x := range a.all() {
		if x.peak == 0 {
			continue
		}
		buf, err := e.Alloc(x.kind, x.peak)
		if err != nil {
			return err
		}
		x.buf, x.off = buf, 0
	}
	return nil
}

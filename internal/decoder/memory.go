package decoder

import (
	"famkit/internal/arch"
	"famkit/internal/engine"
)

// Options say how much one pass takes: Batch*SeqLen rows of at most SeqLen positions.
type Options struct {
	Batch, SeqLen int
	// Train keeps activations of every block and gradients.
	Train bool
}

// Need is memory in bytes.
type Need struct {
	Weights, Gradients, Activations, Workspace int64
}

// Total is the sum.
func (n Need) Total() int64 { return n.Weights + n.Gradients + n.Activations + n.Workspace }

// Plan is exactly what New allocates for a model it accepts; zero for one it refuses.
func Plan(m *arch.Model, real engine.Type, o Options) Need {
	d, err := shape(m, o)
	if err != nil {
		return Need{}
	}
	var a arenas
	d.take(&a)
	return a.need(real)
}

// arena hands out views of one allocation. Without memory behind it, it only counts: the same code measures a
// decoder and builds it, so that the plan cannot be wrong.
type arena struct {
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

// arenas of a decoder. Scratch is the end of work that the phases of a step use in turn.
type arenas struct {
	weights, grads, acts, work, ints arena
}

func (a *arenas) need(real engine.Type) Need {
	size := int64(real.Size())
	return Need{
		Weights:     int64(a.weights.peak) * size,
		Gradients:   int64(a.grads.peak) * size,
		Activations: int64(a.acts.peak) * size,
		Workspace:   int64(a.work.peak)*size + int64(a.ints.peak)*int64(engine.I32.Size()),
	}
}

// allocate puts memory behind arenas that have counted.
func (a *arenas) allocate(e engine.Engine) error {
	for _, x := range []struct {
		*arena
		t engine.Type
	}{{&a.weights, e.Real()}, {&a.grads, e.Real()}, {&a.acts, e.Real()}, {&a.work, e.Real()}, {&a.ints, engine.I32}} {
		if x.peak == 0 {
			continue
		}
		buf, err := e.Alloc(x.t, x.peak)
		if err != nil {
			return err
		}
		x.buf, x.off = buf, 0
	}
	return nil
}

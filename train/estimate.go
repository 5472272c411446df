package train

import (
	"context"
	"errors"
	"time"

	"famkit/internal/arch"
	"famkit/internal/decoder"
	"famkit/internal/draw"
	"famkit/internal/engine"
	"famkit/internal/trainstate"
)

// FLOPsPerToken is what the matrix products of one trained token cost, forward and backward, in rows of seq targets.
func FLOPsPerToken(m *arch.Model, seq int) float64 { return flopsPerToken(m, seq) }

// Need is the memory that a training of m takes before its data, on the engine that the settings choose, whether or not
// that one runs here. Batch and Seq are the settings'.
func Need(m *arch.Model, s *trainstate.Settings) (Memory, error) {
	c, err := engine.Choose(s.Engine, engine.Precision(s.Precision))
	if err != nil {
		return Memory{}, err
	}
	return memoryNeed(m, c.Spec, decoder.Options{Batch: s.Batch, SeqLen: s.Seq, Train: true}), nil
}

// Sample is a measured speed of training.
type Sample struct {
	FLOPs   float64 `json:"flops_per_second"` // of the matrix products, forward and backward
	Steps   int     `json:"steps"`
	Seconds float64 `json:"seconds"`
	Engine  string  `json:"engine"`
	Threads int     `json:"threads"`
	// Layers, Vocab and Rows are what was run: a large model is measured on a part of itself.
	Layers int `json:"layers"`
	Vocab  int `json:"vocab"`
	Rows   int `json:"rows"`
	Seq    int `json:"seq"`
}

// What a measurement of the speed may take.
const (
	sampleBytes = 2 << 30
	sampleFLOPs = 3e10 // of one step
	sampleSteps = 200
	sampleTwice = 2 // steps at least, after one that warms up
)

// ErrTooLarge is the answer of Measure where not even one block of a model can be run in the memory that it may take.
var ErrTooLarge = errors.New("too large to be measured here")

// Measure trains m on random ids for about the given time and tells how fast that was. A model that is too large for
// that is cut to fewer blocks, a smaller vocabulary and fewer rows; its widths, which decide the speed, stay.
func Measure(ctx context.Context, m *arch.Model, s trainstate.Settings, about time.Duration) (*Sample, error) {
	s.ResolveWarmup()
	r := &run{s: s, model: m.Clone(), o: Options{Given: func(string) bool { return false }}}
	if err := r.startEngine(); err != nil {
		return nil, err
	}
	defer func() { _ = r.e.Close() }()
	if !r.cutToSample() {
		return nil, ErrTooLarge
	}
	if err := r.build(nil); err != nil {
		return nil, err
	}
	b := newBatch(r.s.Batch, r.s.Seq)
	for i := range b.ids {
		b.ids[i] = int32(draw.Mix(r.s.Seed^uint64(i)<<1) % uint64(r.model.Vocab))
		b.targets[i] = int32(draw.Mix(r.s.Seed^uint64(i)<<1|1) % uint64(r.model.Vocab))
	}
	got := &Sample{Engine: r.s.Engine, Threads: r.s.Threads, Layers: r.model.Layers, Vocab: r.model.Vocab,
		Rows: r.s.Batch, Seq: r.s.Seq}
	var began time.Time
	for got.Steps = -1; got.Steps < sampleTwice || got.Steps < sampleSteps && time.Since(began) < about; got.Steps++ {
		if got.Steps == 0 {
			began = time.Now()
		}
		if err := r.sampleStep(ctx, b, got.Steps+2); err != nil {
			return nil, err
		}
	}
	got.Seconds = time.Since(began).Seconds()
	got.FLOPs = float64(got.Steps) * float64(r.s.Batch*r.s.Seq) * flopsPerToken(r.model, r.s.Seq) / got.Seconds
	return got, nil
}

// sampleStep is one whole update on b.
func (r *run) sampleStep(ctx context.Context, b *batch, t int) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r.d.ZeroGrad()
	if err := r.d.SetBatch(r.s.Batch, r.s.Seq, b.ids, b.targets); err != nil {
		return err
	}
	if err := r.graph.pass(1 / float64(r.s.Batch*r.s.Seq)); err != nil {
		return err
	}
	r.opt.step(t, 1e-6)
	_, err := r.d.Figures()
	return err
}

// cutToSample makes model and batch small enough to be measured, whether or not they can be.
func (r *run) cutToSample() bool {
	fits := func() bool {
		work := float64(r.s.Batch*r.s.Seq) * flopsPerToken(r.model, r.s.Seq)
		need := memoryNeed(r.model, r.spec, r.size()).Total
		room := r.e.Available()
		return work <= sampleFLOPs && need <= sampleBytes && (room == 0 || need <= room/2)
	}
	for !fits() {
		switch {
		case r.s.Batch*r.s.Seq > 2048 && r.s.Batch > 1:
			r.s.Batch /= 2
		case r.model.Layers > 1:
			r.model.TakeLayers(firstLayers((r.model.Layers + 1) / 2))
		case r.model.Vocab > 4096:
			r.model.Vocab = max(4096, r.model.Vocab/2)
		case r.s.Batch > 1:
			r.s.Batch /= 2
		case r.s.Seq > 128:
			r.s.Seq /= 2
		default:
			return false
		}
	}
	return true
}

func firstLayers(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

package proof

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"famkit/internal/arch"
	"famkit/internal/rowsum"
)

// numbers judges the weights: as they are stored, and, where a loader that is told nothing rounds the child's, as that
// loader holds them.
func (s *space) numbers(ctx context.Context, o Options) error {
	views := s.loadings()
	total := s.size() * int64(len(views)+1)
	var done atomic.Int64
	read := func(n int) {
		if at := done.Add(int64(n)); o.Progress != nil {
			o.Progress(min(at, total), total)
		}
	}
	if err := (&pass{space: s, ctx: ctx, read: read, first: o.First}).run(); err != nil {
		return err
	}
	for _, v := range views {
		if s.refused() {
			return nil
		}
		if err := (&pass{space: v.view, ctx: ctx, read: read}).run(); err != nil {
			return err
		}
		s.absorb(v)
	}
	return nil
}

// size is how much a pass reads: every tensor of the child once, and its source beside it.
func (s *space) size() int64 {
	total := int64(0)
	for _, b := range s.child.Tensors {
		total += b.Info().Size()
		if from := s.sourceLayer(b); from != NoSource || b.Layer < 0 {
			if source, ok := s.source(b, from); ok {
				total += source.Info().Size()
			}
		}
	}
	return total
}

// sourceLayer is the parent's layer that a tensor's layer computes, -1 outside the blocks.
func (s *space) sourceLayer(b arch.Bound) int {
	if b.Layer < 0 {
		return -1
	}
	return s.claim.Layers[b.Layer]
}

// silent reports whether a layer of the child has no source.
func (s *space) silent(layer int) bool { return layer >= 0 && s.claim.Layers[layer] == NoSource }

// pass is one judgement of all numbers.
type pass struct {
	*space
	ctx    context.Context
	read   func(bytes int)
	first  bool // one refusal is enough
	layers []*layerState
	// offsets are the gains whose stored numbers were moved by more than a rounding of the gains; see offsets.go.
	offsets []offsetGain
	// same are the classes of channels of the stream that always hold the same; see alike.go.
	same rowsum.Classes
}

func (p *pass) worker() *rowsum.Worker { return &rowsum.Worker{Ctx: p.ctx, Read: p.read} }

// job checks one tensor of the child.
type job func(w *rowsum.Worker) error

func (p *pass) run() error {
	p.layers = make([]*layerState, p.child.Model.Layers)
	for i := range p.layers {
		p.layers[i] = newLayerState()
	}
	jobs := p.jobs()
	if p.refused() {
		return nil
	}
	if err := p.runJobs(jobs); err != nil || p.refused() {
		return err
	}
	p.oneSign()
	if err := p.judgeAlike(); err != nil {
		return err
	}
	return p.judgeLayers()
}

// jobs gives one for each tensor, the largest first, so that none is left to one processor at the end. Every tensor
// of the parent must be the source of some.
func (p *pass) jobs() []job {
	order := make([]int, len(p.child.Tensors))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(p.child.Tensors[b].Info().Size(), p.child.Tensors[a].Info().Size())
	})
	var jobs []job
	used := map[arch.Key]bool{}
	for _, i := range order {
		jobs = append(jobs, p.job(i, p.child.Tensors[i], used))
	}
	for i, b := range p.parent.Tensors {
		if r, err := ruleOf(b.Spec); !used[b.Key()] && err == nil && r.kind == matrix && b.Spec.Role.IsBias() {
			jobs = append(jobs, func(w *rowsum.Worker) error { return p.withoutBias(w, 10000+i, r.cond, b, p.parent) })
		} else if !used[b.Key()] {
			p.refusef(condConfig, 10000+i, b.Info().Name, "the child has no such tensor")
		}
	}
	return jobs
}

// job says how a tensor of the child is checked; order is its place, for the first counterexample.
func (p *pass) job(order int, b arch.Bound, used map[arch.Key]bool) job {
	if p.silent(b.Layer) {
		return func(w *rowsum.Worker) error { return p.silentTensor(w, order, b) }
	}
	source, ok := p.source(b, p.sourceLayer(b))
	r, err := ruleOf(b.Spec)
	switch {
	case err != nil: // closedWorld has refused it
		p.refusef(condConfig, order, b.Info().Name, "%v", err)
		return func(*rowsum.Worker) error { return nil }
	case !ok && r.kind == matrix && b.Spec.Role.IsBias():
		return func(w *rowsum.Worker) error { return p.withoutBias(w, order, r.cond, b, p.child) }
	case !ok && r.kind == router && p.parent.Model.MoE == nil:
		return func(w *rowsum.Worker) error { return p.newRouter(w, order, b) }
	case !ok:
		p.refusef(condConfig, 1000+order, b.Info().Name, "the parent has no such tensor")
		return func(*rowsum.Worker) error { return nil }
	}
	used[source.Key()] = true
	switch r.kind {
	case gain:
		return func(w *rowsum.Worker) error { return p.norm(w, order, b, source) }
	case router:
		return func(w *rowsum.Worker) error {
			if err := p.scoresKept(w, order, b, source, r.cond); err != nil {
				return err
			}
			return p.ties(w, order, b, source)
		}
	}
	return func(w *rowsum.Worker) error { return p.matrix(w, order, b, source, r.cond) }
}

// runJobs runs all jobs on all processors; the first error ends it.
func (p *pass) runJobs(jobs []job) error {
	var next atomic.Int64
	var once sync.Once
	var failed error
	ctx, cancel := context.WithCancelCause(p.ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), max(1, len(jobs))) {
		wg.Go(func() {
			w := p.worker()
			w.Ctx = ctx
			for {
				i := int(next.Add(1) - 1)
				if i >= len(jobs) || ctx.Err() != nil || p.first && p.refused() {
					return
				}
				if err := jobs[i](w); err != nil {
					once.Do(func() { failed = err })
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	if failed != nil {
		return failed
	}
	return ctx.Err()
}

// judgeLayers judges what needs several tensors of a layer.
func (p *pass) judgeLayers() error {
	for i := range p.claim.Layers {
		if p.silent(i) {
			if err := p.silentLayer(i); err != nil {
				return err
			}
			continue
		}
		p.freshHeads(i)
		p.freshNeurons(i)
		if err := p.parts(i); err != nil {
			return err
		}
	}
	if err := p.judgeOffsets(); err != nil {
		return err
	}
	return p.padding()
}

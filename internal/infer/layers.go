package infer

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/proof"
	"famkit/internal/rowsum"
)

// own are the maps that were found for one layer.
type own map[arch.Axis]*rowsum.Relation

// inner finds the maps of heads, neurons and experts, layer by layer. What is found in the first layer is claimed of all,
// what is found otherwise in another of that one.
func (f *finder) inner(ctx context.Context) error {
	if err := f.headDim(); err != nil {
		return err
	}
	f.parts()
	found := make([]own, len(f.claim.Layers))
	var jobs []func(w *rowsum.Worker) error
	for i, l := range f.claim.Layers {
		if l < 0 {
			continue
		}
		found[i] = own{}
		jobs = append(jobs, func(w *rowsum.Worker) error { return (&layerFinder{finder: f, w: w, layer: i, own: found[i]}).find() })
	}
	if err := each(ctx, jobs); err != nil {
		return err
	}
	f.settle(found)
	return nil
}

// settle claims the maps of all layers.
func (f *finder) settle(found []own) {
	all := own{}
	for i, maps := range found {
		for axis, m := range maps {
			first, ok := all[axis]
			if !ok {
				all[axis] = m
				if !m.Same() {
					f.claim.Maps[f.whole(axis)] = claimed(m)
				}
			} else if !slices.Equal(first.Src, m.Src) {
				f.claim.Set(i, axis, claimed(m))
			}
		}
	}
}

// whole is the axis under which a claim speaks of an axis of the child: experts made of a dense MLP have its neurons.
func (f *finder) whole(axis arch.Axis) arch.Axis {
	if axis == arch.ExpertFFN && f.parent.Model.MoE == nil {
		return arch.FFN
	}
	return axis
}

// parts claims into how many experts a dense MLP was cut, as far as their sizes tell.
func (f *finder) parts() {
	if c := f.child.Model.MoE; f.parent.Model.MoE == nil && c != nil && c.FFN > 0 && f.parent.Model.FFN%c.FFN == 0 {
		if n := f.parent.Model.FFN / c.FFN; n > 1 && n <= c.Experts {
			f.claim.Shards = n
		}
	}
}

// claimed is a relation as a claim says it.
func claimed(r *rowsum.Relation) proof.Map { return proof.Map{Src: r.Src} }

// each runs all jobs on all processors; the first error ends it.
func each(ctx context.Context, jobs []func(w *rowsum.Worker) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), max(1, len(jobs))) {
		wg.Go(func() {
			w := &rowsum.Worker{Ctx: ctx}
			for i := int(next.Add(1) - 1); i < len(jobs) && ctx.Err() == nil; i = int(next.Add(1) - 1) {
				if err := jobs[i](w); err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// headDim claims how the elements of a head were spread, which their number tells.
func (f *finder) headDim() error {
	m, c := f.parent.Model, f.child.Model
	if c.HeadDim == m.HeadDim {
		return nil
	}
	if c.HeadDim%m.HeadDim != 0 {
		return fault.Inputf("heads of %d elements cannot have become heads of %d", m.HeadDim, c.HeadDim)
	}
	f.claim.Maps[arch.HeadDim] = proof.Map{Src: spreadPairs(m.HeadDim, c.HeadDim, m.Turned())}
	return nil
}

// spreadPairs is the map under which rotary pairs keep their frequencies in a larger head.
func spreadPairs(from, to, rotary int) []int32 {
	r, half := to/from, rotary/2*(to/from)
	src := make([]int32, to)
	for t := range src {
		src[t] = proof.NoSource
		switch rest := t - 2*half; {
		case t < 2*half && t%half%r == 0:
			src[t] = int32(t/half*rotary/2 + t%half/r)
		case rest >= 0 && rotary+rest < from:
			src[t] = int32(rotary + rest)
		}
	}
	return src
}

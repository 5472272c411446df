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

// inner finds the maps of heads, neurons and experts, layer by layer. What is found in the first layer is claimed of
// all, what is found otherwise in another of that one.
func (f *finder) inner(ctx context.Context) error {
	if err := f.headDim(); err != nil {
		return err
	}
	if err := f.parts(); err != nil {
		return err
	}
	found := make([]own, len(f.claim.Layers))
	var jobs []func(w *rowsum.Worker) error
	for i, l := range f.claim.Layers {
		if l < 0 {
			continue
		}
		found[i] = own{}
		jobs = append(jobs, func(w *rowsum.Worker) error {
			return (&layerFinder{finder: f, w: w, layer: i,
				own: found[i]}).find()
		})
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

// parts claims into how many experts a dense MLP was cut, as far as their sizes tell, else as the neurons of the first
// layer that has any tell: the first so many experts have each neuron in one of them.
func (f *finder) parts() error {
	c := f.child.Model.MoE
	if f.parent.Model.MoE != nil || c == nil || c.FFN < 1 {
		return nil
	}
	if f.parent.Model.FFN%c.FFN == 0 {
		if n := f.parent.Model.FFN / c.FFN; n > 1 && n <= c.Experts {
			f.claim.Shards = n
		}
		return nil
	}
	layer := slices.IndexFunc(f.claim.Layers, func(l int) bool { return l >= 0 })
	if layer < 0 || !f.child.Model.Mixture(layer) {
		return nil
	}
	n, err := (&layerFinder{finder: f, w: f.w, layer: layer, own: own{}}).shards()
	if n > 1 {
		f.claim.Shards = n
	}
	return err
}

// shards counts the experts that have all neurons of the parent's MLP between them, each in one; 0 where none do.
func (f *layerFinder) shards() (int, error) {
	role := arch.Up
	if f.parent.Model.Gated {
		role = arch.Gate
	}
	from, err := f.rows(f.parent, f.claim.Layers[f.layer], rowsOfRole{role: role})
	if err != nil {
		return 0, err
	}
	in, missing := make([]int, len(from)), len(from)
	for e := range f.child.Model.MoE.Experts {
		to, err := f.rows(f.child, f.layer, rowsOfRole{role: role, expert: e})
		if err != nil {
			return 0, err
		}
		src, _ := match(from, to, same)
		for _, s := range src {
			if s >= 0 && in[s] == 0 {
				in[s] = e + 1
				missing--
			} else if s >= 0 && in[s] != e+1 {
				return 0, nil
			}
		}
		if missing == 0 {
			return e + 1, nil
		}
	}
	return 0, nil
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

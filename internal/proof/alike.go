package proof

import (
	"slices"
	"sync"

	"famkit/internal/arch"
	"famkit/internal/rowsum"
)

// Where numbers are rounded, copies are what the parent's are but for that. What must be exactly zero, pairs that
// cancel and what LayerNorm makes of new channels, must not rest on "but for that". It need not: copies that the last
// growth made of one channel, written with one scale, are rounded alike, so that they are copies of each other,
// exactly, in the child. That is found here, from the child's numbers alone.

// judgeAlike finds out which copies of a channel always hold the same in the child. Where nothing is rounded all of one
// source and scale do. Else it starts from these, and splits them until every tensor that writes the stream writes
// those of one class alike: then, by induction over the operations, they hold the same for every input.
func (p *pass) judgeAlike() error {
	p.same = p.streamClasses()
	if !p.met(Rounded) {
		return nil
	}
	if !p.needsAlike() {
		p.same = rowsum.Singles(p.stream.To())
		return nil
	}
	for {
		fine, err := p.refined()
		if err != nil || fine.N == p.same.N {
			return err
		}
		p.same = fine
	}
}

// needsAlike reports whether some condition rests on it: new channels under LayerNorm, layers that add something and
// should not, parts of one expert.
func (p *pass) needsAlike() bool {
	if p.parent.Model.LayerNorm && p.stream.Fresh() || p.shards > 1 {
		return true
	}
	for i := range p.claim.Layers {
		if p.silent(i) && slices.ContainsFunc(branches, func(h branch) bool { return p.loudest(i, h) != nil }) {
			return true
		}
	}
	return false
}

// refined splits the classes of the stream by all tensors that write it.
func (p *pass) refined() (rowsum.Classes, error) {
	fine := p.same
	var mu sync.Mutex
	meet := func(c rowsum.Classes) {
		mu.Lock()
		defer mu.Unlock()
		fine = fine.Meet(c)
	}
	var jobs []job
	for _, b := range p.child.Tensors {
		if along, across, ok := p.writesAlone(b); ok {
			jobs = append(jobs, func(w *rowsum.Worker) error {
				c, err := w.Refine(b.Tensor, along, p.same, across)
				meet(c)
				return err
			})
		}
	}
	for layer := range p.claim.Layers {
		for _, h := range branches {
			if !p.silent(layer) {
				jobs = append(jobs, func(w *rowsum.Worker) error { return p.refineBranch(w, layer, h, meet) })
			}
		}
	}
	err := p.runJobs(jobs) // before fine is read
	return fine, err
}

// writesAlone reports whether a tensor writes the stream by itself, without what a branch computes: an embedding, row
// by row, a bias, or a gain of what a block adds. It gives the dimension that does.
func (p *pass) writesAlone(b arch.Bound) (along int, across rowsum.Classes, ok bool) {
	role := b.Spec.Role.Weight()
	switch dims := b.Spec.Dims; {
	case p.silent(b.Layer):
		return 0, across, false
	case dims[0].Use == arch.Looks:
		return 1, rowsum.Singles(b.Info().Shape[0]), true
	case len(dims) == 1 && b.Spec.WritesStream(), role == arch.AttnPostNorm, role == arch.MLPPostNorm:
		return 0, across, true
	}
	return 0, across, false
}

// refineBranch splits by the writers of a branch: added up over what always has one value in the branch, rows of a
// class are the same numbers.
func (p *pass) refineBranch(w *rowsum.Worker, layer int, h branch, meet func(rowsum.Classes)) error {
	of := p.pairing(w)
	read, err := of.heard(layer, h)
	if err != nil {
		return err
	}
	experts := []int{-1}
	if h.name == "mlp" {
		experts = p.expertsOf(layer)
	}
	for _, e := range experts {
		d, err := of.digests(layer, e, h, read)
		if err != nil {
			return err
		}
		groups := of.equals(d, h)
		b, ok := p.child.At(arch.Key{Role: h.writers[0], Layer: layer, Expert: e})
		if !ok || len(groups) == 0 {
			continue
		}
		along := 0
		if b.Spec.Dims[0].Use == arch.Reads {
			along = 1
		}
		c, err := w.Refine(b.Tensor, along, p.same, rowsum.Classes{Of: groups, N: int(slices.Max(groups)) + 1})
		if err != nil {
			return err
		}
		meet(c)
	}
	return nil
}

// freshAlike reports whether all new channels always hold the same.
func (p *pass) freshAlike() bool {
	class := int32(NoSource)
	for t, src := range p.stream.Src {
		switch {
		case src >= 0:
		case class == NoSource:
			class = p.same.Of[t]
		case class != p.same.Of[t]:
			return false
		}
	}
	return true
}

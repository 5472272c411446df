package proof

import (
	"fmt"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/rowsum"
)

// padding: under LayerNorm new channels hold the mean of the others, so that the norm gives 0 there. Where the means
// are rounded it gives a little else, the same at all new channels. So whatever reads them does it with weights that,
// gains counted, add up to zero exactly: then what is left of the rounding is not read at all.
func (p *pass) padding() error {
	if !p.parent.Model.LayerNorm || !p.stream.Fresh() || !p.met(Rounded) {
		return nil
	}
	if !p.freshAlike() && p.onLoading == 0 {
		p.refusef(condStream, 1, "", "new channels hold means that are rounded unlike, so that LayerNorm does not give "+
			"the same for all of them")
		return nil
	}
	var jobs []job
	for i, b := range p.child.Tensors {
		if p.silent(b.Layer) || !readsNormed(b, p.child.Model.Tied) {
			continue
		}
		jobs = append(jobs, func(w *rowsum.Worker) error { return p.paddingOf(w, i, b) })
	}
	return p.runJobs(jobs)
}

// readsNormed reports whether a tensor reads the stream behind a norm: a tied embedding does so as the head.
func readsNormed(b arch.Bound, tied bool) bool {
	return b.Spec.ReadsStream() || tied && b.Spec.Role == arch.Embed
}

// normBefore gives the norm through which a tensor reads the stream, and its layer.
func normBefore(b arch.Bound) (arch.Role, int) {
	switch b.Spec.Role {
	case arch.Head, arch.Embed:
		return arch.FinalNorm, -1
	case arch.Q, arch.K, arch.V, arch.QKV:
		return arch.AttnNorm, b.Layer
	}
	return arch.MLPNorm, b.Layer
}

// paddingOf judges one reader: over the new channels its weights, each times the gain there, add up to zero.
func (p *pass) paddingOf(w *rowsum.Worker, order int, b arch.Bound) error {
	role, layer := normBefore(b)
	gains, _, err := p.gainAt(w, p.child, role, layer)
	if err != nil {
		return err
	}
	if len(gains) != p.stream.To() {
		return fmt.Errorf("layer %d: no gain of %s", layer, role)
	}
	old, fresh := p.channels(gains)
	info := b.Info()
	dim := 1
	if b.Spec.Dims[0].Use == arch.Reads {
		dim = 0
	}
	if err := p.paddingSized(w, order, b, dim, old, fresh); err != nil || !p.freshAlike() {
		return err
	}
	at, sum, err := w.FirstSum(b.Tensor, dim, fresh)
	if err != nil || at < 0 {
		return err
	}
	index := []int{at, 0}
	if dim == 0 {
		index = []int{0, at}
	}
	p.refuse(conditionOf(b), order, &Counterexample{Where: info.Name, Index: index,
		Text: fmt.Sprintf("reads new channels with weights that add up to %v, wanted 0: LayerNorm gives there what is "+
			"left of rounded means", sum)})
	return nil
}

// channels relates the stream's old and its new channels, each times its gain, to one sum each.
func (p *pass) channels(gains []float64) (old, fresh *rowsum.Relation) {
	n := p.stream.To()
	old = &rowsum.Relation{From: 1, Src: make([]int32, n), Scale: gains}
	fresh = &rowsum.Relation{From: 1, Src: make([]int32, n), Scale: gains}
	for t, src := range p.stream.Src {
		if src < 0 && gains[t] != 0 {
			old.Src[t] = NoSource
		} else {
			fresh.Src[t] = NoSource
		}
	}
	return old, fresh
}

// freshShare bounds what reads new channels beside what reads old ones, in all: what adds up to zero over the reals
// does not in any arithmetic, where it is much larger than the rest.
const freshShare = 16

// paddingSized: of each row the weights on new channels are no more than a few times those on old ones, all together,
// of this row or of most rows.
func (p *pass) paddingSized(w *rowsum.Worker, order int, b arch.Bound, dim int, old, fresh *rowsum.Relation) error {
	most, err := w.Magnitudes(b.Tensor, dim, old)
	if err != nil {
		return err
	}
	found, err := w.Magnitudes(b.Tensor, dim, fresh)
	if err != nil {
		return err
	}
	sorted := slices.Sorted(slices.Values(most))
	usual := sorted[len(sorted)/2]
	for i, x := range found {
		if limit := freshShare * max(most[i], usual); !(x <= limit) {
			p.refuse(conditionOf(b), order, &Counterexample{Where: b.Info().Name, Index: []int{i},
				Text: fmt.Sprintf("reads new channels with %.3g in all, old ones with %.3g", x, most[i])})
			return nil
		}
	}
	return nil
}

// conditionOf is the condition that judges a tensor.
func conditionOf(b arch.Bound) string {
	if r, err := ruleOf(b.Spec); err == nil {
		return r.cond
	}
	return condConfig
}

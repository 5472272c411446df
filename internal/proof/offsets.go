package proof

import (
	"fmt"
	"math"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/rowsum"
)

// offsetGain is a norm's gain whose stored numbers, the architecture's offset left out, were rounded by more than a
// rounding of the gains themselves would be: excess by element. allowed is the relative distance that roundings
// explain.
type offsetGain struct {
	order   int
	b       arch.Bound
	excess  []float64
	allowed float64
}

// offsetShares bounds what such roundings are, in all, beside what they are summed with: so many roundings of it.
const offsetShares = 16

// judgeOffsets: an architecture that stores gains less one (Gemma) has what is stored rounded, which moves a gain
// near zero by more than its share. What that adds to a sum is at most offsetShares roundings of all that is summed:
// in each row that reads the norm's output; in a norm of q or k over the elements of a head, each times the other's
// gain; in a norm of what a block adds, over the gains.
func (p *pass) judgeOffsets() error {
	slices.SortFunc(p.offsets, func(a, b offsetGain) int { return a.order - b.order })
	var jobs []job
	for _, g := range p.offsets {
		jobs = append(jobs, func(w *rowsum.Worker) error { return p.offset(w, g) })
	}
	return p.runJobs(jobs)
}

func (p *pass) offset(w *rowsum.Worker, g offsetGain) error {
	gains, _, err := p.gainAt(w, p.child, g.b.Spec.Role, g.b.Layer)
	if err != nil {
		return err
	}
	switch role := g.b.Spec.Role; role {
	case arch.AttnPostNorm, arch.MLPPostNorm:
		p.offsetSum(g, gains, nil)
		return nil
	case arch.QNorm, arch.KNorm:
		other := map[arch.Role]arch.Role{arch.QNorm: arch.KNorm, arch.KNorm: arch.QNorm}[role]
		beside, _, err := p.gainAt(w, p.child, other, g.b.Layer)
		if len(beside) != len(gains) {
			beside = nil
		}
		p.offsetSum(g, gains, beside)
		return err
	}
	for _, b := range p.child.Tensors {
		if !readsNormed(b, p.child.Model.Tied) {
			continue
		}
		if role, layer := normBefore(b); role != g.b.Spec.Role || layer != g.b.Layer {
			continue
		}
		if err := p.offsetRead(w, g, b, gains); err != nil {
			return err
		}
	}
	return nil
}

// offsetSum judges the gains by themselves, each times what it is multiplied with, where that is known.
func (p *pass) offsetSum(g offsetGain, gains, with []float64) {
	over, all := 0.0, 0.0
	for i, x := range gains {
		k := 1.0
		if with != nil {
			k = math.Abs(with[i])
		}
		over, all = over+g.excess[i]*k, all+math.Abs(x)*k
	}
	if limit := offsetShares * g.allowed * all; !(over <= limit) {
		p.refuse(condNorms, g.order, tooRough(g, over, limit, "gains"))
	}
}

// offsetRead judges what reads the norm's output.
func (p *pass) offsetRead(w *rowsum.Worker, g offsetGain, b arch.Bound, gains []float64) error {
	dim := 1
	if b.Spec.Dims[0].Use == arch.Reads {
		dim = 0
	}
	all := make([]int32, len(gains))
	found, err := w.Magnitudes(b.Tensor, dim, &rowsum.Relation{From: 1, Src: all, Scale: g.excess})
	if err != nil {
		return err
	}
	beside, err := w.Magnitudes(b.Tensor, dim, &rowsum.Relation{From: 1, Src: all, Scale: gains})
	if err != nil {
		return err
	}
	for i, over := range found {
		if limit := offsetShares * g.allowed * beside[i]; !(over <= limit) {
			p.refuse(condNorms, g.order, tooRough(g, over, limit, fmt.Sprintf("row %d of %s", i, b.Info().Name)))
			return nil
		}
	}
	return nil
}

func tooRough(g offsetGain, over, limit float64, where string) *Counterexample {
	return &Counterexample{Where: g.b.Info().Name, Text: fmt.Sprintf(
		"gains near zero are rounded as they are stored, less an offset, which moves %s by %.3g in all, wanted at most %.3g",
		where, over, limit)}
}

package proof

import (
	"fmt"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/rowsum"
)

// A router chooses experts by their scores, so the function jumps where two scores are equal, and which of two equals
// is chosen is the machine's affair. For single inputs that is so in any mixture, and said. It must not be so for
// inputs in general: experts whose scores are always, or mostly, equal are tied.

// routing is a router in both models, as numbers.
type routing struct {
	was, is  [][]float64      // rows by expert
	experts  *rowsum.Relation // of the child's experts
	from, to arch.Bound
}

// ties: scores that are equal in the parent because what they add up is equal are so in the child, number by number:
// wherever two experts of the parent read a channel with one number, their copies read each copy of the channel with
// one number. No two experts have equal rows in the child that have none in the parent. Experts of the parent that
// are tied are used all or none, or are alike, or have equal rows, dead channels left out, and keep their numbers:
// then any machine that goes by scores and numbers chooses alike in both.
func (p *pass) ties(w *rowsum.Worker, order int, b, source arch.Bound) error {
	r, err := p.routing(w, b, source)
	if err != nil {
		return err
	}
	name := b.Info().Name
	if bad := r.sharedUnlike(p.stream); bad != "" {
		p.refusef(condExperts, order, name, "%s", bad)
		return nil
	}
	if e, f := r.fallenTogether(); e != f {
		p.refusef(condExperts, order, name, "experts %d and %d have equal scores, their sources have not", e, f)
		return nil
	}
	tied, err := p.tied(w, p.parent, source)
	if err != nil {
		return err
	}
	if usedWhole(tied, p.parent.Model.MoE.TopK) {
		p.noteTies(r.experts)
		return nil
	}
	if same, err := p.sameExperts(w, source.Layer, tied); same || err != nil {
		return err
	}
	why := "their numbers change"
	if r.experts.Same() {
		if why, err = p.apart(w, source, r.was, tied); err != nil || why == "" {
			return err
		}
	}
	x, y := pairOf(tied)
	p.refusef(condExperts, order, source.Info().Name,
		"experts %d and %d of the parent have the same score for most inputs, and are not alike: which is used is the "+
			"machine's choice, and %s", x, y, why)
	return nil
}

// noteTies says what is left to the machine.
func (s *space) noteTies(experts *rowsum.Relation) {
	if experts.Same() {
		s.note("should the scores of two experts be equal for some input, which is used is left to the machine, as in the " +
			"parent")
		return
	}
	s.note("should the scores of two experts be equal for some input, which is used is left to the machine, as in the " +
		"parent; " +
		"the child may then use copies of both")
}

// routing reads a router of both models.
func (p *pass) routing(w *rowsum.Worker, b, source arch.Bound) (*routing, error) {
	r := &routing{from: source, to: b}
	var err error
	if r.experts, err = p.axis(b.Layer, arch.Experts); err != nil {
		return nil, err
	}
	if r.was, err = matrixOf(w, source); err != nil {
		return nil, err
	}
	r.is, err = matrixOf(w, b)
	return r, err
}

// matrixOf reads the rows of a router, one of each expert.
func matrixOf(w *rowsum.Worker, b arch.Bound) ([][]float64, error) {
	if b.Spec.Dims[0].Use != arch.Writes {
		return nil, fmt.Errorf("%s: a router stored by channel", b.Info().Name)
	}
	v, err := w.Vector(b.Tensor)
	if err != nil {
		return nil, err
	}
	rows := make([][]float64, b.Info().Shape[0])
	n := b.Info().Shape[1]
	for e := range rows {
		rows[e] = v[e*n : (e+1)*n]
	}
	return rows, nil
}

// sharedUnlike says where two experts read a channel with one number, and copies of them a copy of it with two.
func (r *routing) sharedUnlike(stream *rowsum.Relation) string {
	order := make([]int, len(r.is))
	for t, s := range stream.Src {
		if s < 0 {
			continue
		}
		for e := range order {
			order[e] = e
		}
		was := func(e int) float64 { return r.was[r.experts.Src[e]][s] }
		slices.SortFunc(order, func(a, b int) int {
			switch x, y := was(a), was(b); {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		})
		for i := 1; i < len(order); i++ {
			e, f := order[i-1], order[i]
			if was(e) == was(f) && r.is[e][t] != r.is[f][t] {
				return fmt.Sprintf("experts %d and %d read channel %d with %v and %v, their sources its source, channel %d, "+
					"with one number, %v: "+
					"scores that are equal would differ by the order of their sums", e, f, t, r.is[e][t], r.is[f][t], s, was(e))
			}
		}
	}
	return ""
}

// fallenTogether gives two experts of the child with equal rows whose sources have none, 0 and 0 where there are none.
func (r *routing) fallenTogether() (e, f int) {
	first := map[string]int{}
	for e, row := range r.is {
		d := rowsum.NewDigests(1)[0]
		for _, x := range row {
			d.Add(x)
		}
		f, ok := first[d.Key()]
		if !ok {
			first[d.Key()] = e
			continue
		}
		if !slices.Equal(r.was[r.experts.Src[e]], r.was[r.experts.Src[f]]) {
			return f, e
		}
	}
	return 0, 0
}

// apart says what keeps the rows of tied experts of the parent from being the same, number by number. Channels that are
// dead, since nothing writes them or the gain before the router is zero, add nothing to any score.
func (p *pass) apart(w *rowsum.Worker, b arch.Bound, rows [][]float64, first []int) (string, error) {
	var dead []bool
	for e, f := range first {
		for c, x := range rows[e] {
			if x == rows[f][c] {
				continue
			}
			if dead == nil {
				var err error
				if dead, err = p.dead(w, p.parent, b.Layer); err != nil {
					return "", err
				}
			}
			if !dead[c] {
				return fmt.Sprintf("their rows of %s are not the same numbers", b.Info().Name), nil
			}
		}
	}
	return "", nil
}

// dead tells which channels of the stream are always zero where a layer's router reads them: the gain before it is
// zero, or no tensor writes them.
func (p *pass) dead(w *rowsum.Worker, ck *arch.Checkpoint, layer int) ([]bool, error) {
	gains, biases, err := p.gainAt(w, ck, arch.MLPNorm, layer)
	if err != nil {
		return nil, err
	}
	dead := make([]bool, ck.Model.Hidden)
	for c := range dead {
		dead[c] = len(biases) == 0 && !ck.Model.LayerNorm
	}
	for _, b := range ck.Tensors {
		if !b.Spec.WritesStream() {
			continue
		}
		if err := w.Unwritten(b.Tensor, writtenAlong(b), dead); err != nil {
			return nil, err
		}
	}
	for c := range gains {
		dead[c] = dead[c] || gains[c] == 0 && len(biases) == 0
	}
	return dead, nil
}

// writtenAlong is the dimension along which a tensor writes the stream.
func writtenAlong(b arch.Bound) int {
	return slices.IndexFunc(b.Spec.Dims, func(d arch.Dim) bool {
		return d.Use == arch.Writes &&
			slices.Contains(d.Axes, arch.Hidden)
	})
}

// newRouter judges the router of experts that a dense MLP became. Where every expert is the whole MLP it may choose
// in any way, as long as its scores are numbers. What holds of a router of parts is judged with its layer; see parts.
func (p *pass) newRouter(w *rowsum.Worker, order int, b arch.Bound) error {
	return p.finiteOnly(w, condExperts, order, b)
}

// parts: where copies of a dense MLP are cut into parts, the parts of a copy have equal scores for every input, so that
// whole copies are chosen: their rows, added up over channels that always hold the same, are the same numbers. No two
// copies are tied.
func (p *pass) parts(layer int) error {
	b, ok := p.child.At(arch.Key{Role: arch.Router, Layer: layer, Expert: -1})
	if p.shards == 1 || !ok {
		return nil
	}
	w := p.worker()
	rows := rowsum.Identity(p.child.Model.MoE.Experts).Src
	sums := rowsum.NewDigests(len(rows))
	if err := w.Digests(b.Tensor, 0, rows, p.same.Relation(), sums); err != nil {
		return err
	}
	for e := range sums {
		if first := e - e%p.shards; sums[e].Key() != sums[first].Key() {
			p.refusef(condExperts, layer, b.Info().Name, "experts %d and %d are parts of one copy, but have different scores",
				first, e)
			return nil
		}
	}
	tied, err := p.tied(w, p.child, b)
	if err != nil {
		return err
	}
	if !usedWhole(tied, p.child.Model.MoE.TopK) {
		x, y := pairOf(tied)
		p.refusef(condExperts, layer, b.Info().Name, "experts %d and %d have the same score for most inputs, and perhaps "+
			"not both are used", x, y)
	}
	return nil
}

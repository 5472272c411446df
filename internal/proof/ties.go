package proof

import (
	"crypto/sha256"
	"fmt"
	"math"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/rowsum"
)

// A router chooses experts by their scores, so the function jumps where two scores are equal, and which of two equals is
// chosen is the machine's affair. Where that happens for single inputs parent and child are left to it alike. It must not
// be so for inputs in general: experts whose scores are always, or mostly, equal are tied.

// ties: experts of the parent that are tied are used all or none, or are alike, or have equal rows in both models under
// the same numbers, so that any machine that goes by scores and numbers chooses alike in both.
func (p *pass) ties(w *rowsum.Worker, order int, b, source arch.Bound) error {
	m := p.parent.Model.MoE
	tied, err := p.tied(w, p.parent, source)
	if err != nil {
		return err
	}
	if usedWhole(tied, m.TopK) {
		p.note("which of several experts is used, should their scores be equal for some input, is left to the machine, as in the parent")
		return nil
	}
	if same, err := p.sameExperts(w, source.Layer, tied); same || err != nil {
		return err
	}
	r, err := p.axis(b.Layer, arch.Experts)
	if err != nil {
		return err
	}
	bad, err := p.equalRows(w, source, tied)
	if err == nil && bad == "" && r.Same() {
		bad, err = p.equalRows(w, b, tied)
	}
	if err != nil || bad == "" && r.Same() {
		return err
	}
	if bad == "" {
		bad = "their numbers change"
	}
	x, y := pairOf(tied)
	p.refusef(condExperts, order, source.Info().Name, "experts %d and %d of the parent have the same score for most inputs, and are not alike: which is used is the machine's choice, and %s", x, y, bad)
	return nil
}

// newRouter judges the router of experts that a dense MLP became. Where every expert is the whole MLP it may choose in any
// way. What holds of a router of parts is judged with its layer; see parts.
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
			p.refusef(condExperts, layer, b.Info().Name, "experts %d and %d are parts of one copy, but have different scores", first, e)
			return nil
		}
	}
	tied, err := p.tied(w, p.child, b)
	if err != nil {
		return err
	}
	if !usedWhole(tied, p.child.Model.MoE.TopK) {
		x, y := pairOf(tied)
		p.refusef(condExperts, layer, b.Info().Name, "experts %d and %d have the same score for most inputs, and perhaps not both are used", x, y)
	}
	return nil
}

// The search for ties goes by the embeddings of some tokens, which the stream at any layer contains. Scores count as equal
// where they differ by less than sameScore of what is added up to them, experts as tied where that is so for more than
// tiedTokens of the tokens.
const (
	tokenSample = 512
	sameScore   = 0x1p-17
	tiedTokens  = 1.0 / 16
)

// tied gives for each expert of a layer the first expert that it is tied with.
func (p *pass) tied(w *rowsum.Worker, ck *arch.Checkpoint, b arch.Bound) ([]int, error) {
	rows, err := p.routerRows(w, ck, b)
	if err != nil {
		return nil, err
	}
	tokens, err := centredTokens(w, ck)
	if err != nil {
		return nil, err
	}
	n := len(rows)
	equal := make([]int, n*n)
	scores, sizes := make([]float64, n), make([]float64, n)
	for _, x := range tokens {
		for e, row := range rows {
			scores[e], sizes[e] = 0, 0
			for i, v := range row {
				scores[e] += v * x[i]
				sizes[e] += math.Abs(v * x[i])
			}
		}
		for e := range rows {
			for f := range e {
				if math.Abs(scores[e]-scores[f]) <= sameScore*(sizes[e]+sizes[f]) {
					equal[e*n+f]++
				}
			}
		}
	}
	first := make([]int, n)
	for e := range rows {
		first[e] = e
		for f := range e {
			if float64(equal[e*n+f]) > tiedTokens*float64(len(tokens)) {
				merge(first[:e+1], first[f], first[e])
			}
		}
	}
	return first, nil
}

// merge puts two sets of tied experts together.
func merge(first []int, a, b int) {
	for i, x := range first {
		if x == a || x == b {
			first[i] = min(a, b)
		}
	}
}

// routerRows reads a router's rows, each number times the gain through which it reads.
func (p *pass) routerRows(w *rowsum.Worker, ck *arch.Checkpoint, b arch.Bound) ([][]float64, error) {
	gains, _, err := p.gainAt(w, ck, arch.MLPNorm, b.Layer)
	if err != nil {
		return nil, err
	}
	rows := make([][]float64, b.Info().Shape[0])
	for e := range rows {
		if rows[e], err = w.Row(b.Tensor, e); err != nil {
			return nil, err
		}
		for i := range gains {
			rows[e][i] *= gains[i]
		}
	}
	return rows, nil
}

// centredTokens reads the embeddings of a sample of tokens, less their mean: a part that all tokens share may be taken
// away again by a bias.
func centredTokens(w *rowsum.Worker, ck *arch.Checkpoint) ([][]float64, error) {
	embed, ok := ck.At(arch.Key{Role: arch.Embed, Layer: -1, Expert: -1})
	if !ok {
		return nil, fmt.Errorf("no embedding")
	}
	vocab := embed.Info().Shape[0]
	n := min(vocab, tokenSample)
	mean := make([]float64, embed.Info().Shape[1])
	out := make([][]float64, n)
	for i := range out {
		row, err := w.Row(embed.Tensor, i*vocab/n)
		if err != nil {
			return nil, err
		}
		for c, x := range row {
			mean[c] += x / float64(n)
		}
		out[i] = row
	}
	for _, row := range out {
		for c := range row {
			row[c] -= mean[c]
		}
	}
	return out, nil
}

// usedWhole reports whether sets of tied experts are used all or none: they have one size, of which the number used is a
// multiple, or all experts are used.
func usedWhole(first []int, used int) bool {
	size := map[int]int{}
	for _, f := range first {
		size[f]++
	}
	if used == len(first) {
		return true
	}
	n := size[first[0]]
	for _, k := range size {
		if k != n {
			return false
		}
	}
	return used%n == 0
}

// pairOf gives two experts that are tied.
func pairOf(first []int) (int, int) {
	for e, f := range first {
		if e != f {
			return f, e
		}
	}
	return 0, 0
}

// sameExperts reports whether experts that are tied are the same numbers, so that it does not matter which is used.
func (p *pass) sameExperts(w *rowsum.Worker, layer int, first []int) (bool, error) {
	sums := map[int]string{}
	sumOf := func(e int) (string, error) {
		if s, ok := sums[e]; ok {
			return s, nil
		}
		h := sha256.New()
		for _, b := range p.parent.Layer(layer) {
			if b.Expert != e {
				continue
			}
			v, err := w.Vector(b.Tensor)
			if err != nil {
				return "", err
			}
			_, _ = fmt.Fprintln(h, b.Spec.Role, v)
		}
		sums[e] = string(h.Sum(nil))
		return sums[e], nil
	}
	for e, f := range first {
		if e == f {
			continue
		}
		a, err := sumOf(e)
		if err != nil {
			return false, err
		}
		if b, err := sumOf(f); err != nil || a != b {
			return false, err
		}
	}
	return true, nil
}

// equalRows says what keeps the rows of tied experts from being the same, number by number.
func (p *pass) equalRows(w *rowsum.Worker, b arch.Bound, first []int) (string, error) {
	for e, f := range first {
		if e == f {
			continue
		}
		one, err := w.Row(b.Tensor, f)
		if err != nil {
			return "", err
		}
		other, err := w.Row(b.Tensor, e)
		if err != nil {
			return "", err
		}
		if !slices.Equal(one, other) {
			return fmt.Sprintf("their rows of %s are not the same numbers", b.Info().Name), nil
		}
	}
	return "", nil
}

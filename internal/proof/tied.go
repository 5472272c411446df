package proof

import (
	"crypto/sha256"
	"fmt"
	"math"

	"famkit/internal/arch"
	"famkit/internal/rowsum"
)

// The search for ties goes by the embeddings of some tokens, which the stream at any layer contains. Scores count as
// equal where they differ by less than sameScore of what is added up to them, experts as tied where that is so for
// more than tiedTokens of the tokens.
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
	rows, err := matrixOf(w, b)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		for i := range gains {
			row[i] *= gains[i]
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

// usedWhole reports whether sets of tied experts are used all or none: they have one size, of which the number used
// is a multiple, or all experts are used.
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

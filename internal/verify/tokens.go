package verify

import (
	"fmt"

	"famkit/internal/arch"
	"famkit/internal/draw"
)

// IDs are token ids of Batch sequences of Seq tokens.
type IDs struct {
	Batch, Seq int
	Data       []int32 // row-major [Batch, Seq]
	From       string  // where they come from, to show
}

// SeededIDs draws token ids below vocab.
func SeededIDs(seed uint64, batch, seq, vocab int) IDs {
	ids := IDs{batch, seq, make([]int32, batch*seq), fmt.Sprintf("seed %d", seed)}
	for i := range ids.Data {
		u := (draw.Signed(seed*0x2545f4914f6cdd1d+uint64(i)) + 1) / 2
		ids.Data[i] = int32(min(int(u*float64(vocab)), vocab-1))
	}
	return ids
}

// mostTokens bounds what may be asked for: more show nothing more.
const mostTokens = 1 << 20

// flopBudget bounds the seeded tokens of a run: the plain float64 engine does about 1e9 operations a second.
var flopBudget = map[string]float64{"f64": 6e9, "f32": 100e9}

// ids gives the tokens to measure on. A parent's ids that the child lacks cannot occur: a growth keeps the vocabulary.
// Sequences are longer than every attention window, where that is affordable.
func (o *Options) ids(parent, child *arch.Model, precision string) IDs {
	if o.IDs != nil {
		return *o.IDs
	}
	affordable := int(flopBudget[precision] / (2 * float64(child.Params())))
	n := o.Tokens
	if n == 0 {
		n = min(128, max(8, affordable))
	}
	seq := max(1, n/2)
	if beyond := longestWindow(parent, child) + 2; beyond > 2 && seq < beyond {
		if beyond <= max(n, min(affordable, 4096)) {
			seq = beyond
		} else {
			o.note("measured in %s on %d tokens in a row, which lie inside the attention window of %d: more are asked for by "+
				"their number", precision, seq, beyond-2)
		}
	}
	if parent.MaxPos > 0 {
		seq = min(seq, parent.MaxPos)
	}
	return SeededIDs(o.Seed, max(1, n/seq), seq, min(parent.Vocab, child.Vocab))
}

// longestWindow is the widest attention window of both models that ends somewhere, 0 where they see everything.
func longestWindow(models ...*arch.Model) int {
	most := 0
	for _, m := range models {
		for _, w := range m.Window {
			most = max(most, w)
		}
	}
	return most
}

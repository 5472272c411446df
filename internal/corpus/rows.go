package corpus

import "math"

// Rows serves rows of seq+1 token ids: the first seq are inputs, the last seq their targets.
type Rows interface {
	Count() int64 // rows of one pass
	Row(dst []int32, i int64)
}

// windows cuts a list into rows of seq+1 ids that begin stride ids apart: stride seq makes every id but the
// first a target once, stride seq+1 is for rows that were recorded one by one.
type windows struct {
	ids         *ids
	seq, stride int
}

func (w windows) Count() int64 {
	if w.ids.len() < int64(w.seq+1) {
		return 0
	}
	return (w.ids.len()-int64(w.seq+1))/int64(w.stride) + 1
}

func (w windows) Row(dst []int32, i int64) { w.ids.copy(dst, i*int64(w.stride)) }

// part is the subset of n rows from position `from` in a permuted order.
type part struct {
	Rows
	order   permutation
	from, n int64
}

func (p part) Count() int64 { return p.n }

func (p part) Row(dst []int32, i int64) { p.Rows.Row(dst, int64(p.order.at(uint64(p.from+i)))) }

// splitStream separates the permutation that holds rows out from those of the epochs.
const splitStream = math.MaxUint64

// holdOut splits rows at random but reproducibly: fraction of them (at least one) are held out.
func holdOut(r Rows, fraction float64, seed uint64) (train, eval Rows) {
	n := r.Count()
	if fraction <= 0 || n == 0 {
		return r, nil
	}
	k := min(max(int64(fraction*float64(n)), 1), n)
	order := newPermutation(uint64(n), seed, splitStream)
	return part{r, order, 0, n - k}, part{r, order, n - k, k}
}

// shuffled serves rows without end: each epoch is a permutation of them, a function of the seed and the epoch.
type shuffled struct {
	Rows
	seed uint64
}

func (s shuffled) Row(dst []int32, i int64) {
	n := s.Count()
	s.Rows.Row(dst, int64(newPermutation(uint64(n), s.seed, uint64(i/n)).at(uint64(i%n))))
}

// cycle serves rows without end in their own order.
type cycle struct{ Rows }

func (c cycle) Row(dst []int32, i int64) { c.Rows.Row(dst, i%c.Count()) }

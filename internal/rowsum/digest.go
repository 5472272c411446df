package rowsum

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math"

	"famkit/internal/tensor"
)

// Digest is the SHA-256 of what makes a row: equal digests mean rows that are equal, number by number, once they are
// added up over the elements that are read alike.
type Digest struct {
	hash.Hash
	// Set: some number is not zero.
	Set bool
}

// NewDigests starts n digests.
func NewDigests(n int) []*Digest {
	out := make([]*Digest, n)
	for t := range out {
		out[t] = &Digest{Hash: sha256.New()}
	}
	return out
}

// Key is the digest as it is now.
func (d *Digest) Key() string { return string(d.Sum(nil)) }

// Add adds a number. Both zeros are one number.
func (d *Digest) Add(v float64) {
	if v == 0 {
		v = 0
	} else {
		d.Set = true
	}
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], math.Float64bits(v))
	_, _ = d.Write(b[:])
}

// addSum adds the sum of element t. One that is not known exactly equals no other.
func (d *Digest) addSum(s sum, t int) {
	hi, lo := twoSum(s.hi, s.lo) // the same two numbers in whatever order they were added
	d.Add(hi)
	d.Add(lo)
	if s.lossy {
		d.Add(float64(t))
		d.Set = true
	}
}

// Digests adds to each digest what the tensor holds at its place in dimension dim (0: a row, 1: a column), added up
// over the elements of the other dimension that read relates to one source, times their scales.
func (w *Worker) Digests(t tensor.Tensor, dim int, places []int32, read *Relation, to []*Digest) error {
	switch info := t.Info(); {
	case len(info.Shape) == 1:
		v, err := w.Vector(t)
		if err != nil {
			return err
		}
		for i, at := range places {
			to[i].Add(v[at])
		}
		return nil
	case dim == 1:
		return w.columnDigests(t, places, read, to)
	}
	for i, at := range places {
		if err := w.foldRow(t, int(at), read); err != nil {
			return err
		}
		for _, s := range w.sums {
			to[i].addSum(s, i)
		}
	}
	return nil
}

// foldRow adds a row of a matrix up into sums.
func (w *Worker) foldRow(t tensor.Tensor, row int, read *Relation) error {
	info := t.Info()
	width := info.Shape[1] * info.DType.Bits() / 8
	w.childRows, w.vals, w.sums = resized(w.childRows, width), resized(w.vals, info.Shape[1]), resized(w.sums, read.From)
	if err := w.fill(t, w.childRows, int64(row)*int64(width)); err != nil {
		return err
	}
	tensor.Decode(w.vals, w.childRows, info.DType)
	clear(w.sums)
	for c, x := range w.vals {
		if s := read.Src[c]; s >= 0 {
			w.sums[s].addProduct(x, read.ScaleAt(c))
		}
	}
	return nil
}

// columnDigests is Digests for a matrix stored [in, out]. It holds the whole of it: GPT-2's are small.
func (w *Worker) columnDigests(t tensor.Tensor, places []int32, read *Relation, to []*Digest) error {
	v, err := w.Vector(t)
	if err != nil {
		return err
	}
	start, list := read.invert()
	for s := range read.From {
		for i, at := range places {
			to[i].addSum(foldColumn(v, t.Info().Shape[1], int(at), list[start[s]:start[s+1]], read), i)
		}
	}
	return nil
}

// foldColumn adds up some rows' numbers in one column of a matrix.
func foldColumn(v []float64, width, col int, rows []int32, read *Relation) sum {
	var total sum
	for _, r := range rows {
		total.addProduct(v[int(r)*width+col], read.ScaleAt(int(r)))
	}
	return total
}

// FirstSum gives the first row (dim 1 is read) or column (dim 0 is) of a matrix whose numbers, added up over the
// elements that read relates to its only source, times their scales, are not zero, and that sum; -1 where all are.
func (w *Worker) FirstSum(t tensor.Tensor, dim int, read *Relation) (int, float64, error) {
	info := t.Info()
	if dim == 1 {
		for r := range info.Shape[0] {
			if err := w.foldRow(t, r, read); err != nil {
				return 0, 0, err
			}
			if s := w.sums[0]; !s.zero() {
				return r, s.hi, nil
			}
		}
		return -1, 0, nil
	}
	sums := make([]sum, info.Shape[1])
	for r, s := range read.Src {
		if s < 0 {
			continue
		}
		row, err := w.Row(t, r)
		if err != nil {
			return 0, 0, err
		}
		for c, x := range row {
			sums[c].addProduct(x, read.ScaleAt(r))
		}
	}
	for c, s := range sums {
		if !s.zero() {
			return c, s.hi, nil
		}
	}
	return -1, 0, nil
}

// Magnitudes adds up in each row (dim 1 is read) or column (dim 0 is) the magnitudes of the numbers at elements that
// read relates to its only source, times their scales.
func (w *Worker) Magnitudes(t tensor.Tensor, dim int, read *Relation) ([]float64, error) {
	shape := t.Info().Shape
	out := make([]float64, shape[1-dim])
	for r := range shape[0] {
		row, err := w.Row(t, r)
		if err != nil {
			return nil, err
		}
		for c, x := range row {
			at, from := r, c
			if dim == 0 {
				at, from = c, r
			}
			if read.Src[from] >= 0 {
				out[at] += math.Abs(x * read.ScaleAt(from))
			}
		}
	}
	return out, nil
}

// LargestSums gives the largest sum of magnitudes in a row of a tensor, and in a column; of a vector, which is one row,
// its largest number for both.
func (w *Worker) LargestSums(t tensor.Tensor) (row, column float64, err error) {
	info := t.Info()
	if len(info.Shape) == 1 {
		v, err := w.Vector(t)
		for _, x := range v {
			row = math.Max(row, math.Abs(x))
		}
		return row, row, err
	}
	columns := make([]float64, info.Shape[1])
	for r := range info.Shape[0] {
		v, err := w.Row(t, r)
		if err != nil {
			return 0, 0, err
		}
		sum := 0.0
		for c, x := range v {
			sum += math.Abs(x)
			columns[c] += math.Abs(x)
		}
		row = math.Max(row, sum)
	}
	for _, x := range columns {
		column = math.Max(column, x)
	}
	return row, column, nil
}

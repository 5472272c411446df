package rowsum

import (
	"famkit/internal/tensor"
)

// Classes put the elements of a space into classes of elements that are alike: Of[t] is the class of element t, None
// where it is left out.
type Classes struct {
	Of []int32
	N  int
}

// Singles puts each of n elements into a class of its own.
func Singles(n int) Classes { return Classes{Identity(n).Src, n} }

// members lists the elements of each class.
func (c Classes) members() [][]int32 {
	out := make([][]int32, c.N)
	for t, k := range c.Of {
		if k >= 0 {
			out[k] = append(out[k], int32(t))
		}
	}
	return out
}

// Relation relates the elements of a class to one source.
func (c Classes) Relation() *Relation { return &Relation{From: c.N, Src: c.Of} }

// Meet keeps in one class what is in one class of both.
func (c Classes) Meet(o Classes) Classes {
	out := Classes{Of: make([]int32, len(c.Of))}
	number := map[[2]int32]int32{}
	for t, k := range c.Of {
		if k < 0 {
			out.Of[t] = None
			continue
		}
		pair := [2]int32{k, o.Of[t]}
		n, ok := number[pair]
		if !ok {
			n = int32(len(number))
			number[pair] = n
		}
		out.Of[t] = n
	}
	out.N = len(number)
	return out
}

// Refine splits the classes of rows (dim 0) or columns (dim 1) of a tensor into those that are alike: added up over
// each class of the other dimension, across, they are the same numbers, without any rounding.
func (w *Worker) Refine(t tensor.Tensor, dim int, along, across Classes) (Classes, error) {
	if len(t.Info().Shape) == 1 || dim == 1 {
		return w.refineColumns(t, along, across)
	}
	out := Classes{Of: make([]int32, len(along.Of))}
	for i := range out.Of {
		out.Of[i] = None
	}
	for _, rows := range along.members() {
		var first [][]sum // of each new class
		base := int32(out.N)
		for _, r := range rows {
			if len(rows) == 1 {
				out.Of[r] = base
				out.N++
				break
			}
			if err := w.foldRow(t, int(r), across.Relation()); err != nil {
				return out, err
			}
			k := 0
			for k < len(first) && !sameSums(first[k], w.sums) {
				k++
			}
			if k == len(first) {
				first = append(first, append([]sum(nil), w.sums...))
				out.N++
			}
			out.Of[r] = base + int32(k)
		}
	}
	return out, nil
}

func sameSums(a, b []sum) bool {
	for i := range a {
		if !a[i].same(b[i]) {
			return false
		}
	}
	return true
}

// same reports whether two sums are known to be equal.
func (s sum) same(o sum) bool { return !s.lossy && !o.lossy && s.minus(o) == 0 }

// refineColumns is Refine of a vector, or of the columns of a matrix: for each class of rows their sum, column by
// column.
func (w *Worker) refineColumns(t tensor.Tensor, along, across Classes) (Classes, error) {
	info := t.Info()
	if len(info.Shape) == 1 {
		across = Singles(1)
	}
	width := len(along.Of)
	size := width * info.DType.Bits() / 8
	for _, rows := range across.members() {
		w.sums = resized(w.sums, width)
		clear(w.sums)
		for _, r := range rows {
			w.childRows, w.vals = resized(w.childRows, size), resized(w.vals, width)
			if err := w.fill(t, w.childRows, int64(r)*int64(size)); err != nil {
				return along, err
			}
			tensor.Decode(w.vals, w.childRows, info.DType)
			for c, x := range w.vals {
				w.sums[c].add(x)
			}
		}
		along = along.split(w.sums)
	}
	return along, nil
}

// split keeps in one class what has equal sums.
func (c Classes) split(sums []sum) Classes {
	first := make([]int32, c.N)
	for i := range first {
		first[i] = None
	}
	equal := true
	for t, k := range c.Of {
		switch {
		case k < 0:
		case first[k] == None:
			first[k] = int32(t)
		default:
			equal = equal && sums[t].same(sums[first[k]])
		}
	}
	if equal {
		return c
	}
	type key struct{ hi, lo float64 }
	number := map[key]int32{}
	by := Classes{Of: make([]int32, len(c.Of))}
	for t, s := range sums {
		hi, lo := twoSum(s.hi, s.lo)
		k := key{hi + 0, lo + 0} // both zeros are one number
		if s.lossy {
			k = key{float64(t), float64(-1 - t)} // like no other
		}
		n, ok := number[k]
		if !ok {
			n = int32(len(number))
			number[k] = n
		}
		by.Of[t] = n
	}
	by.N = len(number)
	return c.Meet(by)
}

// Unwritten keeps in dead only what a tensor holds nothing but zeros at, along dim.
func (w *Worker) Unwritten(t tensor.Tensor, dim int, dead []bool) error {
	info := t.Info()
	if len(info.Shape) == 1 {
		v, err := w.Vector(t)
		for i, x := range v {
			dead[i] = dead[i] && x == 0
		}
		return err
	}
	for r := range info.Shape[0] {
		if dim == 0 && !dead[r] {
			continue
		}
		row, err := w.Row(t, r)
		if err != nil {
			return err
		}
		for c, x := range row {
			if x == 0 {
				continue
			}
			if dim == 0 {
				dead[r] = false
				break
			}
			dead[c] = false
		}
	}
	return nil
}

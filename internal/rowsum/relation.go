// Package rowsum compares stored matrices exactly: rows and columns of a child that are copies of a parent's, written
// with scales, shared by what reads them, or new. It knows numbers and indices, no architecture.
//
// A Relation says which parent's element each element of a space is. A Comparison is one condition on two matrices:
// sums over copies equal the parent's numbers times the scales. Sums of stored numbers are taken without rounding.
// Most rows are compared by package kern's vector code, which accepts or leaves open; what it leaves open is judged
// number by number here.
//
// To read: relation.go, exact.go (sums), compare.go (conditions), blocks.go and spans.go (the fast way), numbers.go
// (the slow one), shares.go, fresh.go, budget.go (what they allow), gains.go (vectors), alike.go and digest.go (rows
// of one matrix compared with each other), read.go.
//
// Words: an element is sourced or fresh; a source may have copies; terms are the child's numbers that are added up.
package rowsum

import "slices"

// None marks an element that nothing of the parent stands behind.
const None = -1

// Relation says what the elements of a space of the child are: element t is Scale[t] times the parent's element Src[t],
// or, at None, something else. A relation does not change once it is made.
type Relation struct {
	From  int // the parent's elements
	Src   []int32
	Scale []float64 // nil: 1
}

// Identity relates n elements each to itself.
func Identity(n int) *Relation {
	r := &Relation{From: n, Src: make([]int32, n)}
	for t := range r.Src {
		r.Src[t] = int32(t)
	}
	return r
}

// Same reports whether every element has the source of its own number.
func (r *Relation) Same() bool {
	for t, s := range r.Src {
		if int(s) != t {
			return false
		}
	}
	return r.From == len(r.Src)
}

// To is the number of the child's elements.
func (r *Relation) To() int { return len(r.Src) }

// ScaleAt is the scale of element t.
func (r *Relation) ScaleAt(t int) float64 {
	if r.Scale == nil {
		return 1
	}
	return r.Scale[t]
}

// Scaled is r with other scales.
func (r *Relation) Scaled(scale []float64) *Relation { return &Relation{r.From, r.Src, scale} }

// Copies counts the child's elements of each source.
func (r *Relation) Copies() []int {
	n := make([]int, r.From)
	for _, s := range r.Src {
		if s >= 0 {
			n[s]++
		}
	}
	return n
}

// Fresh reports whether some element has no source.
func (r *Relation) Fresh() bool {
	return slices.ContainsFunc(r.Src, func(s int32) bool { return s < 0 })
}

// Times is the product of two spaces, r the outer one. Scales are left out.
func (r *Relation) Times(inner *Relation) *Relation {
	out := &Relation{From: r.From * inner.From, Src: make([]int32, 0, r.To()*inner.To())}
	for _, o := range r.Src {
		for _, i := range inner.Src {
			if o < 0 || i < 0 {
				out.Src = append(out.Src, None)
			} else {
				out.Src = append(out.Src, o*int32(inner.From)+i)
			}
		}
	}
	return out
}

// invert lists the copies of each source s, in order: list[start[s]:start[s+1]].
func (r *Relation) invert() (start, list []int32) {
	start = make([]int32, r.From+1)
	for _, s := range r.Src {
		if s >= 0 {
			start[s+1]++
		}
	}
	for s := range r.From {
		start[s+1] += start[s]
	}
	list = make([]int32, start[r.From])
	at := slices.Clone(start)
	for t, s := range r.Src {
		if s >= 0 {
			list[at[s]] = int32(t)
			at[s]++
		}
	}
	return start, list
}

// lacking tells which sources have no copy.
func (r *Relation) lacking() []bool {
	out := make([]bool, r.From)
	for s, n := range r.Copies() {
		out[s] = n == 0
	}
	return out
}

package rowsum

import (
	"famkit/internal/kern"
	"famkit/internal/tensor"
)

var sumTypes = map[tensor.DType]kern.SumType{
	tensor.F32: kern.SumF32, tensor.BF16: kern.SumBF16, tensor.F16: kern.SumF16, tensor.F64: kern.SumF64,
}

// sumPlan says how columns are added up, in stretches that are as long as the maps allow; nil where that is not enough.
func (c *comparing) sumPlan() *kern.SumPlan {
	t, ok := sumTypes[c.d]
	if !ok || c.Cols.Fresh == Mean && len(c.freshCols) > 0 {
		return nil
	}
	p := kern.NewSumPlan(t, c.Cols.From, c.Cols.To())
	if c.Cols.Reads {
		c.readSpans(p)
	} else {
		c.writtenSpans(p)
	}
	kind := kern.SpanZeros
	if c.Cols.Fresh == Anything {
		kind = kern.SpanFinite
	}
	for _, s := range c.freshCols {
		p.Only(kind, s.at, s.n)
	}
	return p
}

func (c *comparing) writtenSpans(p *kern.SumPlan) {
	src := c.Cols.Src
	for t := 0; t < len(src); {
		if src[t] < 0 {
			t++
			continue
		}
		k, scale := t+1, c.Cols.ScaleAt(t)
		for k < len(src) && src[k] == src[k-1]+1 && c.Cols.ScaleAt(k) == scale {
			k++
		}
		p.Sums(int(src[t]), k-t, scale, !c.exactly(scale), kern.SumTerm{At: int64(t), Scale: 1})
		t = k
	}
}

func (c *comparing) readSpans(p *kern.SumPlan) {
	start, list := c.Cols.invert()
	follows := func(s int) bool { // the copies of s stand right after those of s-1, and count as much
		a, b := list[start[s-1]:start[s]], list[start[s]:start[s+1]]
		if len(a) != len(b) {
			return false
		}
		for i := range a {
			if b[i] != a[i]+1 || c.Cols.ScaleAt(int(a[i])) != c.Cols.ScaleAt(int(b[i])) {
				return false
			}
		}
		return true
	}
	var terms []kern.SumTerm
	for s := 0; s < c.Cols.From; {
		k := s + 1
		for k < c.Cols.From && follows(k) {
			k++
		}
		near := false
		terms = terms[:0]
		for _, t := range list[start[s]:start[s+1]] {
			scale := c.Cols.ScaleAt(int(t))
			near = near || !c.exactly(scale)
			terms = append(terms, kern.SumTerm{At: int64(t), Scale: scale})
		}
		if len(terms) > 0 || !c.Cols.Partial {
			p.Sums(s, k-s, 1, near, terms...)
		}
		s = k
	}
}

// collect lists which rows of the block belong together.
func (c *comparing) collect(s, n int, place []int32) {
	c.block.Reset(c.parentRows, c.childRows)
	c.compared = c.compared[:0]
	base := c.rowStart[s]
	var terms []kern.SumTerm
	for i := range n {
		lo, hi := c.rowStart[s+i], c.rowStart[s+i+1]
		if c.Rows.Reads {
			if at(c.noRows, s+i) {
				continue
			}
			near := false
			terms = terms[:0]
			for k := lo; k < hi; k++ {
				scale := c.Rows.ScaleAt(int(c.rowList[k]))
				near = near || !c.exactly(scale)
				terms = append(terms, kern.SumTerm{At: int64(place[k-base]), Scale: scale})
			}
			c.block.Add(i, 1, near, terms...)
			c.compared = append(c.compared, rowsOf{int32(s + i), lo, hi})
			continue
		}
		for k := lo; k < hi; k++ {
			scale := c.Rows.ScaleAt(int(c.rowList[k]))
			c.block.Add(i, scale, !c.exactly(scale), kern.SumTerm{At: int64(place[k-base]), Scale: 1})
			c.compared = append(c.compared, rowsOf{int32(s + i), k, k + 1})
		}
	}
}

// at is element i of v, nothing where v has none.
func at[T any](v []T, i int) T {
	var none T
	if i < len(v) {
		return v[i]
	}
	return none
}

package verify

import (
	"famkit/internal/kern"
	"famkit/internal/tensor"
)

var sumTypes = map[tensor.DType]kern.SumType{tensor.F32: kern.SumF32, tensor.BF16: kern.SumBF16, tensor.F16: kern.SumF16, tensor.F64: kern.SumF64}

// sumPlan says how columns are added up, in stretches that are as long as the maps allow; nil where that is not enough.
func (c *checking) sumPlan() *kern.SumPlan {
	t, ok := sumTypes[c.d]
	if !ok || c.cols.fresh == mean && len(c.freshCols) > 0 {
		return nil
	}
	p := kern.NewSumPlan(t, c.cols.from, c.cols.to())
	if c.cols.reads {
		c.readSpans(p)
	} else {
		c.writtenSpans(p)
	}
	kind := kern.SpanZeros
	if c.cols.fresh == anything {
		kind = kern.SpanFinite
	}
	for _, r := range c.freshCols {
		p.Only(kind, r.at, r.n)
	}
	return p
}

func (c *checking) writtenSpans(p *kern.SumPlan) {
	src := c.cols.src
	for t := 0; t < len(src); {
		if src[t] < 0 {
			t++
			continue
		}
		k, scale := t+1, c.cols.scale(t)
		for k < len(src) && src[k] == src[k-1]+1 && c.cols.scale(k) == scale {
			k++
		}
		p.Sums(int(src[t]), k-t, scale, c.rough || !isPower(scale), kern.SumTerm{At: int64(t), Scale: 1})
		t = k
	}
}

func (c *checking) readSpans(p *kern.SumPlan) {
	start, list := invert(c.cols.relation)
	follows := func(s int) bool { // the copies of s stand right after those of s-1, and count as much
		a, b := list[start[s-1]:start[s]], list[start[s]:start[s+1]]
		if len(a) != len(b) {
			return false
		}
		for i := range a {
			if b[i] != a[i]+1 || c.cols.scale(int(a[i])) != c.cols.scale(int(b[i])) {
				return false
			}
		}
		return true
	}
	var terms []kern.SumTerm
	for s := 0; s < c.cols.from; {
		k := s + 1
		for k < c.cols.from && follows(k) {
			k++
		}
		near := c.rough
		terms = terms[:0]
		for _, t := range list[start[s]:start[s+1]] {
			scale := c.cols.scale(int(t))
			near = near || !isPower(scale)
			terms = append(terms, kern.SumTerm{At: int64(t), Scale: scale})
		}
		if len(terms) > 0 || !c.cols.partial {
			p.Sums(s, k-s, 1, near, terms...)
		}
		s = k
	}
}

// compareRows compares what comes from the parent's rows s to s+n, in mine, with what is in its. place is what children gave.
func (c *checking) compareRows(s, n int, place []int32) {
	c.collect(s, n, place)
	width := c.cols.from * c.size
	if c.means {
		for i := range n {
			c.addColumns(c.mine[i*width : (i+1)*width])
		}
	}
	before := c.block.Met.Ratio
	for i := 0; c.out.bad == nil; i++ {
		if c.plan != nil {
			i = c.k.SumsHold(c.plan, &c.block, i)
		}
		if i >= len(c.compared) {
			break
		}
		c.closer(i, s)
	}
	if met := c.block.Met; met.Ratio > before {
		c.noteRounding(met.Ratio*met.Size, met.Size)
	}
	c.out.rounded = c.out.rounded || c.block.Met.Rounded()
}

// collect lists which rows of the block belong together.
func (c *checking) collect(s, n int, place []int32) {
	c.block.Reset(c.mine, c.its)
	c.compared = c.compared[:0]
	base := c.rowStart[s]
	var terms []kern.SumTerm
	for i := range n {
		lo, hi := c.rowStart[s+i], c.rowStart[s+i+1]
		if c.rows.reads {
			if at(c.lost, s+i) {
				continue
			}
			near := c.rough
			terms = terms[:0]
			for k := lo; k < hi; k++ {
				scale := c.rows.scale(int(c.rowList[k]))
				near = near || !isPower(scale)
				terms = append(terms, kern.SumTerm{At: int64(place[k-base]), Scale: scale})
			}
			c.block.Add(i, 1, near, terms...)
			c.compared = append(c.compared, rowsOf{int32(s + i), lo, hi})
			continue
		}
		for k := lo; k < hi; k++ {
			scale := c.rows.scale(int(c.rowList[k]))
			c.block.Add(i, scale, c.rough || !isPower(scale), kern.SumTerm{At: int64(place[k-base]), Scale: 1})
			c.compared = append(c.compared, rowsOf{int32(s + i), k, k + 1})
		}
	}
}

// closer looks at rows, number by number. first is the parent's first row in the block.
func (c *checking) closer(i, first int) {
	r, width := c.compared[i], c.cols.to()*c.size
	list := c.rowList[r.lo:r.hi]
	c.rowBytes = c.rowBytes[:0]
	for k, t := range c.block.Terms[c.block.Rows[i].First:][:len(list)] {
		row := c.its[int(t.At)*width:][:width]
		c.finite(row, int(list[k]))
		c.rowBytes = append(c.rowBytes, row)
	}
	if c.out.bad == nil {
		from := (int(r.s) - first) * c.cols.from * c.size
		c.asNumbers(int(r.s), c.mine[from:from+c.cols.from*c.size], list, c.rowBytes)
	}
}

package rowsum

import (
	"slices"

	"famkit/internal/tensor"
)

// sourced walks over the parent's rows, a block at a time, with the child's rows that come from them.
func (c *comparing) sourced() error {
	most := 1
	for s := range c.Rows.From {
		most = max(most, int(c.rowStart[s+1]-c.rowStart[s]))
	}
	parentRow, childRow := c.Cols.From*c.size, c.Cols.To()*c.size
	block := max(1, BlockBytes/max(1, parentRow, most*childRow))
	for s := 0; s < c.Rows.From; s += block {
		n := min(block, c.Rows.From-s)
		c.parentRows = resized(c.parentRows, n*parentRow)
		if err := c.fill(c.Parent, c.parentRows, int64(s)*int64(parentRow)); err != nil {
			return err
		}
		c.out.Bytes += int64(len(c.parentRows))
		at, err := c.children(s, n)
		if err != nil {
			return err
		}
		if c.compareRows(s, n, at); c.out.Bad != nil {
			return nil
		}
		if c.lost(s, n); c.out.Bad != nil {
			return nil
		}
	}
	return nil
}

// lost looks at rows and columns of the parent, of n rows from s on in parentRows, that no number of the child was
// compared with: the child leaves out what counts nothing, and what is no number counts.
func (c *comparing) lost(s, n int) {
	width := c.Cols.From * c.size
	for i := range n {
		row := c.parentRows[i*width : (i+1)*width]
		if !c.Rows.Reads && c.rowStart[s+i] == c.rowStart[s+i+1] && tensor.NonFinite(row, c.d) > 0 {
			c.out.Bad = &Counterexample{Where: c.Parent.Info().Name, Index: []int{s + i}, Text: "has no copy, and is no number"}
			return
		}
		for _, col := range c.lostCols {
			if at := row[col*c.size : (col+1)*c.size]; tensor.NonFinite(at, c.d) > 0 {
				c.out.Bad = &Counterexample{Where: c.Parent.Info().Name, Index: []int{s + i, col},
					Text: "has no copy, and is " + Element(at, 0, c.d)}
				return
			}
		}
	}
}

// children reads the child's rows that come from the parent's rows s to s+n into childRows. at gives, by place in
// rowList from rowStart[s] on, the row's number there.
func (c *comparing) children(s, n int) (at []int32, err error) {
	lo, hi := c.rowStart[s], c.rowStart[s+n]
	at = make([]int32, hi-lo)
	order := make([]int32, hi-lo)
	for i := range order {
		order[i] = int32(i)
	}
	row := func(i int32) int32 { return c.rowList[lo+i] }
	if !slices.IsSorted(c.rowList[lo:hi]) {
		slices.SortFunc(order, func(a, b int32) int { return int(row(a) - row(b)) })
	}
	width := c.Cols.To() * c.size
	c.childRows = resized(c.childRows, len(order)*width)
	for i := 0; i < len(order); {
		k := i + 1
		for k < len(order) && row(order[k]) == row(order[k-1])+1 {
			k++
		}
		if err := c.fill(c.Child, c.childRows[i*width:k*width], int64(row(order[i]))*int64(width)); err != nil {
			return nil, err
		}
		for j := i; j < k; j++ {
			at[order[j]] = int32(j)
		}
		i = k
	}
	c.out.Bytes += int64(len(c.childRows))
	return at, nil
}

// compareRows compares the parent's rows s to s+n, in parentRows, with the child's rows in childRows. place is what
// children gave.
func (c *comparing) compareRows(s, n int, place []int32) {
	c.collect(s, n, place)
	width := c.Cols.From * c.size
	for i := 0; c.means && i < n; i++ {
		c.addColumns(c.parentRows[i*width : (i+1)*width])
	}
	before := c.block.Met.Ratio
	for i := 0; c.out.Bad == nil; i++ {
		if c.plan != nil {
			i = c.kernels.SumsHold(c.plan, &c.block, i)
		}
		if i >= len(c.compared) {
			break
		}
		c.closer(i, s)
	}
	if met := c.block.Met; met.Ratio > before {
		c.moved(met.Ratio*met.Size, met.Size)
	}
	c.out.Rounded = c.out.Rounded || c.block.Met.Rounded()
}

// closer looks at rows number by number. first is the parent's first row in the block.
func (c *comparing) closer(i, first int) {
	r, width := c.compared[i], c.Cols.To()*c.size
	list := c.rowList[r.lo:r.hi]
	c.rowBytes = c.rowBytes[:0]
	for k, t := range c.block.Terms[c.block.Rows[i].First:][:len(list)] {
		row := c.childRows[int(t.At)*width:][:width]
		c.finite(row, int(list[k]))
		c.rowBytes = append(c.rowBytes, row)
	}
	if c.out.Bad == nil {
		from := (int(r.s) - first) * c.Cols.From * c.size
		c.asNumbers(int(r.s), c.parentRows[from:from+c.Cols.From*c.size], list, c.rowBytes)
	}
}

// finite refuses NaNs and infinities in rows of the child.
func (c *comparing) finite(b []byte, row int) {
	if c.out.Bad != nil || tensor.NonFinite(b, c.d) == 0 {
		return
	}
	for i := 0; i < len(b); i += c.size {
		if tensor.NonFinite(b[i:i+c.size], c.d) > 0 {
			n := i / c.size
			c.refuse(row+n/c.Cols.To(), n%c.Cols.To(), "found %s", Element(b, n, c.d))
			return
		}
	}
}

// addColumns adds a row of the parent to the sums of its columns.
func (c *comparing) addColumns(in []byte) {
	c.src = resized(c.src, c.Cols.From)
	tensor.Decode(c.src, in, c.d)
	for i, x := range c.src {
		c.columns[i].add(x)
	}
}

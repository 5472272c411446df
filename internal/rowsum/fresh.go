package rowsum

import (
	"math"

	"famkit/internal/tensor"
)

// meanSlack is what a mean over numbers that were rounded before may miss, more than its own rounding.
func (c *comparing) meanSlack(m sum, k float64) float64 {
	if !c.rough() {
		return 0
	}
	return c.times * c.d.Unit() * m.size * math.Abs(k)
}

// freshRows looks at the child's rows that have no source.
func (c *comparing) freshRows() error {
	width := c.Cols.To() * c.size
	for t := 0; t < c.Rows.To(); {
		if c.Rows.Src[t] >= 0 {
			t++
			continue
		}
		n := 1
		for t+n < c.Rows.To() && c.Rows.Src[t+n] < 0 && (n+1)*width <= BlockBytes {
			n++
		}
		c.childRows = resized(c.childRows, n*width)
		if err := c.fill(c.Child, c.childRows, int64(t)*int64(width)); err != nil {
			return err
		}
		c.out.Bytes += int64(len(c.childRows))
		c.finite(c.childRows, t)
		for i := 0; i < n && c.out.Bad == nil; i++ {
			c.freshRow(t+i, c.childRows[i*width:(i+1)*width])
		}
		if c.out.Bad != nil {
			return nil
		}
		t += n
	}
	return nil
}

func (c *comparing) freshRow(t int, row []byte) {
	switch c.Rows.Fresh {
	case Anything: // nothing of the parent's reads the row
	case Mean:
		c.meanRow(t, row)
	case Noted, Zeros:
		if allZero(row) {
			return
		}
		if c.Rows.Fresh == Noted && c.large(t, row) {
			return
		}
		c.vals = resized(c.vals, c.Cols.To())
		tensor.Decode(c.vals, row, c.d)
		for i, x := range c.vals {
			if x == 0 || c.Rows.Fresh == Noted && c.Cols.Reads && c.Cols.Src[i] < 0 {
				continue // what it reads there is zero
			}
			if c.Rows.Fresh == Zeros {
				c.refuse(t, i, "wanted 0 as nothing of the parent stands behind it, found %v", x)
				return
			}
			c.out.RowSet[t] = true
			break
		}
	}
}

// large refuses numbers of a fresh row that are too large for arithmetic.
func (c *comparing) large(t int, row []byte) bool {
	if !tensor.Reaches(row, c.d, MostUnread) {
		return false
	}
	for i := range c.Cols.To() {
		if tensor.Reaches(row[i*c.size:(i+1)*c.size], c.d, MostUnread) {
			c.refuse(t, i, "%s", unread(Element(row, i, c.d)))
			break
		}
	}
	return true
}

// meanRow compares a row with the mean of the parent's.
func (c *comparing) meanRow(t int, row []byte) {
	r := &sumRow{comparing: c, row: t, list: []int32{int32(t)}, rows: [][]byte{row}}
	c.fold(r.list, r.rows)
	for i := 0; i < c.domain && c.out.Bad == nil; i++ {
		from := i
		if !c.Cols.Reads {
			from = int(c.Cols.Src[i])
		}
		if from < 0 {
			continue
		}
		m := c.columns[from].over(float64(c.Rows.From))
		k := c.Rows.ScaleAt(t)
		if !c.Cols.Reads {
			k *= c.Cols.ScaleAt(i)
		}
		want := m.times(k)
		want.slack += c.meanSlack(m, k)
		if !r.agrees(i, None, k, want, false) {
			c.refuse(t, c.column(i), "wanted %v, the mean over the rows of %s, found %v", want.hi, c.Parent.Info().Name,
				c.sums[i].hi)
			return
		}
		c.asMean(i, t, m.size*math.Abs(k))
	}
	r.budget()
}

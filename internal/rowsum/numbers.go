package rowsum

import (
	"fmt"
	"math"

	"famkit/internal/kern"
	"famkit/internal/tensor"
)

// asNumbers compares the sums of child rows (list, rows) with the parent's row s, number by number.
func (c *comparing) asNumbers(s int, in []byte, list []int32, rows [][]byte) {
	c.src = resized(c.src, c.Cols.From)
	tensor.Decode(c.src, in, c.d)
	scale, exact := 1.0, !c.rough()
	for _, t := range list {
		k := c.Rows.ScaleAt(int(t))
		exact = exact && IsPower(k)
		if !c.Rows.Reads {
			scale = k
		}
	}
	if c.fold(list, rows); c.out.Bad != nil {
		return
	}
	r := &sumRow{comparing: c, parent: s, row: s, list: list, rows: rows}
	if len(list) > 0 {
		r.row = int(list[0])
	}
	var parentMean sum
	if c.Cols.Fresh == Mean && len(c.freshCols) > 0 {
		parentMean = meanOf(c.src)
	}
	for i := 0; i < c.domain && c.out.Bad == nil; i++ {
		if !at(c.noCols, i) {
			r.number(i, scale, exact && (c.colExact == nil || c.colExact[i]), parentMean)
		}
	}
	r.budget()
}

// sumRow is a row of sums that is compared number by number.
type sumRow struct {
	*comparing
	parent, row  int // the parent's row, and the first of the child's
	list         []int32
	rows         [][]byte
	size, excess float64 // of what is wanted, and of what was moved beyond its share
	added        float64 // of all that was added up
}

// number judges place i. scale is what the parent's number counts with, as far as the row decides; exact that it is not
// rounded; mean the mean of the parent's row.
func (r *sumRow) number(i int, scale float64, exact bool, mean sum) {
	c, want, from := r.comparing, sum{}, i
	if !c.Cols.Reads {
		scale *= c.Cols.ScaleAt(i)
		from = int(c.Cols.Src[i])
	}
	switch {
	case from >= 0:
		want.addProduct(c.src[from], scale)
	case c.Cols.Fresh == Mean:
		want, exact = mean.times(scale), false
		want.slack += c.meanSlack(mean, scale)
	case c.Cols.Fresh == Zeros:
	default:
		return
	}
	if !r.agrees(i, from, scale, want, exact) {
		c.refuse(r.row, c.column(i), "%s", c.wanted(want, c.sums[i], r.parent, from))
		return
	}
	r.added += c.sums[i].size
	if from < 0 && c.Cols.Fresh == Mean {
		c.asMean(i, r.row, mean.size*math.Abs(scale))
	} else {
		c.oneSign(i, r.row)
	}
}

// agrees reports whether the sum at place i is what is wanted: exactly, or as near as roundings allow. What is wanted
// to be zero is zero: no rounding makes anything else of it.
func (r *sumRow) agrees(i, from int, scale float64, want sum, exact bool) bool {
	c, got := r.comparing, r.sums[i]
	if math.IsNaN(want.hi) || math.IsInf(want.hi, 0) {
		return false // the parent's number is none
	}
	diff := math.Abs(got.minus(want))
	if diff == 0 && !got.lossy && !want.lossy {
		r.size += math.Abs(want.hi)
		return true
	}
	if (got.lossy || want.lossy) && want.slack == 0 {
		if equal := c.equalExactly(i, from, scale, r.list, r.rows); equal || exact {
			return equal
		}
	}
	if !c.MayRound || want.slack == 0 && want.zero() {
		return false
	}
	size := math.Max(got.size, want.size)
	fair := c.times * relativeBound(c.d) * size
	if exact || diff > fair+want.slack {
		shares, equal := c.equalShares(i, want, r.list, r.rows)
		if exact && !equal {
			return false
		}
		if equal && !exact && shares > 1 {
			fair *= 2 // the scaled number, and its shares
			c.out.allow(2*max(1, c.Roundings), c.d)
		}
		if diff > fair+want.slack+c.times*c.least(i, scale, r.list, r.rows) || math.IsNaN(diff) {
			return false
		}
	}
	r.size += math.Abs(want.hi)
	c.moved(diff, size)
	if over := diff - fair - want.slack; over > 0 {
		r.excess += over
		c.out.Small = true
		c.exceeds(i, over)
	}
	return true
}

// moved notes how far a number is from what it should be.
func (c *comparing) moved(diff, size float64) {
	c.out.Rounded = true
	c.out.ULP = math.Max(c.out.ULP, diff/ulpOf(size, c.d))
	c.out.Moved = math.Max(c.out.Moved, diff/size)
}

// oneSign notes the first sum whose terms are larger than it is.
func (c *comparing) oneSign(i, row int) {
	if got := c.sums[i]; c.out.Wide == nil && got.size > kern.OneSign*math.Abs(got.hi) {
		c.out.Wide = c.at(row, c.column(i), "terms of %.3g in all add up to %v", got.size, got.hi)
	}
}

// asMean is oneSign for a mean, whose terms have the magnitudes of what it is the mean of, on average usual.
func (c *comparing) asMean(i, row int, usual float64) {
	if got := c.sums[i]; c.out.Wide == nil && got.size > usual*(1+8*c.d.Unit())*kern.OneSign+c.d.Smallest() {
		c.out.Wide = c.at(row, c.column(i), "terms of %.3g in all add up to %v, a mean over numbers of %.3g", got.size,
			got.hi, usual)
	}
}

// wanted says what a number should have been. col is the parent's, None for a mean or a zero.
func (c *comparing) wanted(want, got sum, row, col int) string {
	from := c.Parent.Info().Name
	switch {
	case col < 0 && c.Cols.Fresh == Mean:
		return fmt.Sprintf("wanted %v, the mean over row %d of %s, found %v", want.hi, row, from, got.hi)
	case col < 0:
		return fmt.Sprintf("wanted %v as nothing of the parent stands behind it, found %v", want.hi, got.hi)
	}
	return fmt.Sprintf("wanted %v of %s [%d %d], found %v", want.hi, from, row, col, got.hi)
}

// column is a child's column that belongs to place i of the domain.
func (c *comparing) column(i int) int {
	if !c.Cols.Reads {
		return i
	}
	for t, s := range c.Cols.Src {
		if int(s) == i {
			return t
		}
	}
	return i
}

// fold adds the child's rows up into sums: over copies of columns where they are read, column by column where written.
func (c *comparing) fold(list []int32, rows [][]byte) {
	c.sums = resized(c.sums, c.domain)
	clear(c.sums)
	c.vals = resized(c.vals, c.Cols.To())
	for r, row := range rows {
		tensor.Decode(c.vals, row, c.d)
		k := 1.0
		if c.Rows.Reads {
			k = c.Rows.ScaleAt(int(list[r]))
		}
		c.foldRow(int(list[r]), k)
	}
}

func (c *comparing) foldRow(row int, k float64) {
	if !c.Cols.Reads {
		for t, x := range c.vals {
			c.sums[t].addProduct(x, k)
		}
	} else {
		for t, x := range c.vals {
			if s := c.Cols.Src[t]; s >= 0 {
				c.sums[s].addProduct(x, k*c.Cols.ScaleAt(t))
			}
		}
	}
	if c.Cols.Fresh != Zeros && c.Cols.Fresh != Noted {
		return
	}
	for _, r := range c.freshCols {
		for t := r.at; t < r.at+r.n; t++ {
			if c.vals[t] == 0 {
				continue
			}
			switch {
			case c.Cols.Fresh == Noted && !c.Cols.Reads && math.Abs(c.vals[t]) >= 1<<MostUnread:
				c.refuse(row, t, "%s", unread(fmt.Sprint(c.vals[t])))
				return
			case c.Cols.Fresh == Noted:
				c.out.ColSet[t] = true
			case c.Cols.Reads:
				c.refuse(row, t, "wanted 0 as nothing of the parent stands behind it, found %v", c.vals[t])
				return
			}
		}
	}
}

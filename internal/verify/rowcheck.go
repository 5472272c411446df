package verify

import (
	"fmt"
	"math"
	"slices"

	"famkit/internal/kern"
	"famkit/internal/tensor"
)

// addColumns adds a row of the parent to the sums of its columns.
func (c *checking) addColumns(in []byte) {
	c.src = resized(c.src, c.cols.from)
	tensor.Decode(c.src, in, c.d)
	for i, x := range c.src {
		c.columns[i].add(x)
	}
}

// asNumbers compares sums.
func (c *checking) asNumbers(s int, in []byte, list []int32, rows [][]byte) {
	c.src = resized(c.src, c.cols.from)
	tensor.Decode(c.src, in, c.d)
	ko, exact := 1.0, !c.rough
	kr := func(i int) float64 { return c.rows.scale(int(list[i])) }
	if !c.rows.reads {
		ko = kr(0)
	}
	for i := range list {
		exact = exact && isPower(kr(i))
	}
	c.fold(list, rows)
	if c.out.bad != nil {
		return
	}
	var parentMean sum
	if c.cols.fresh == mean && len(c.freshCols) > 0 {
		parentMean = meanOf(c.src)
	}
	row := s
	if len(list) > 0 {
		row = int(list[0])
	}
	for i := range c.wide {
		if at(c.missing, i) {
			continue
		}
		want, k, sure := sum{}, ko, exact && (c.colExact == nil || c.colExact[i])
		from := i
		if !c.cols.reads {
			k *= c.cols.scale(i)
			from = int(c.cols.src[i])
		}
		switch {
		case from >= 0:
			want.addProduct(c.src[from], k)
		case c.cols.fresh == mean:
			want, sure = parentMean.times(k), false
			want.slack += c.meanSlack(parentMean, k)
		case c.cols.fresh == zeros:
		default:
			continue
		}
		if !c.compare(c.sums[i], want, sure) && !c.closely(i, from, k, want, sure, list, rows) {
			c.refuse(row, c.column(i), "%s", c.wanted(want, c.sums[i], s, from))
			return
		}
		if from < 0 && c.cols.fresh == mean {
			c.asMean(i, row, parentMean.size*math.Abs(k))
		} else {
			c.oneSign(i, row)
		}
	}
}

// oneSign notes the first sum whose terms are larger than it is.
func (c *checking) oneSign(i, row int) {
	if got := c.sums[i]; c.out.wide == nil && got.size > kern.OneSign*math.Abs(got.hi) {
		c.out.wide = c.at(row, c.column(i), "terms of %.3g in all add up to %v", got.size, got.hi)
	}
}

// asMean is oneSign for a mean, whose terms have the magnitudes of what it is the mean of: usual on average.
func (c *checking) asMean(i, row int, usual float64) {
	if got := c.sums[i]; c.out.wide == nil && got.size > usual*(1+8*unitRoundoff(c.d))*kern.OneSign+smallestOf(c.d) {
		c.out.wide = c.at(row, c.column(i), "terms of %.3g in all add up to %v, a mean over numbers of %.3g", got.size, got.hi, usual)
	}
}

// wanted says what a number should have been.
func (c *checking) wanted(want, got sum, row, col int) string {
	from := c.parent.Info().Name
	if col < 0 {
		return fmt.Sprintf("wanted %v as nothing of the parent stands behind it, found %v", want.hi, got.hi)
	}
	return fmt.Sprintf("wanted %v of %s [%d %d], found %v", want.hi, from, row, col, got.hi)
}

// column is a child's column that belongs to place i of the domain.
func (c *checking) column(i int) int {
	if !c.cols.reads {
		return i
	}
	for t, s := range c.cols.src {
		if int(s) == i {
			return t
		}
	}
	return i
}

// fold sums the child's rows into sums: over copies of columns where they are read, column by column where written.
func (c *checking) fold(list []int32, rows [][]byte) {
	c.sums = resized(c.sums, c.wide)
	clear(c.sums)
	c.vals = resized(c.vals, c.cols.to())
	for r, row := range rows {
		tensor.Decode(c.vals, row, c.d)
		k := 1.0
		if c.rows.reads {
			k = c.rows.scale(int(list[r]))
		}
		c.foldRow(int(list[r]), k)
	}
}

func (c *checking) foldRow(row int, k float64) {
	if !c.cols.reads {
		for t, x := range c.vals {
			c.sums[t].addProduct(x, k)
		}
	} else {
		for t, x := range c.vals {
			s := c.cols.src[t]
			if s >= 0 {
				c.sums[s].addProduct(x, k*c.cols.scale(t))
			}
		}
	}
	if c.cols.fresh != zeros && c.cols.fresh != noted {
		return
	}
	for _, r := range c.freshCols {
		for t := r.at; t < r.at+r.n; t++ {
			if c.vals[t] == 0 {
				continue
			}
			if c.cols.fresh == noted {
				c.out.colSet[t] = true
			} else if c.cols.reads {
				c.refuse(row, t, "wanted 0 as nothing of the parent stands behind it, found %v", c.vals[t])
				return
			}
		}
	}
}

// compare reports whether a sum is what is wanted: exactly, or to one rounding where the scales are rounded themselves.
func (c *checking) compare(got, want sum, exact bool) bool {
	diff := math.Abs(got.minus(want))
	if exact {
		return diff == 0 && !got.lossy && !want.lossy
	}
	if diff == 0 {
		return true
	}
	size := math.Max(got.size, want.size)
	if !(diff <= c.roundings*roundingBound(c.d, size)+c.loose*size+want.slack) {
		return false
	}
	c.noteRounding(diff, size)
	return true
}

func (c *checking) noteRounding(diff, size float64) {
	c.out.rounded = true
	if ulp := diff / ulpOf(size, c.d); ulp > c.out.worst {
		c.out.worst = ulp
	}
}

// ulpOf is a unit in the last place of v in type d.
func ulpOf(v float64, d tensor.DType) float64 {
	_, e := math.Frexp(v)
	return math.Max(math.Ldexp(2*unitRoundoff(d), e-1), smallestOf(d))
}

// term is one of the child's numbers that are summed, and its scale.
type term struct{ x, k float64 }

// terms lists what is summed at place i.
func (c *checking) terms(i int, list []int32, rows [][]byte) []term {
	var out []term
	add := func(r int, t int) {
		k := 1.0
		if c.rows.reads {
			k = c.rows.scale(int(list[r]))
		}
		if c.cols.reads {
			k *= c.cols.scale(t)
		}
		var x [1]float64
		tensor.Decode(x[:], rows[r][t*c.size:(t+1)*c.size], c.d)
		out = append(out, term{x[0], k})
	}
	if c.cols.reads && c.colStart == nil {
		c.colStart, c.colList = invert(c.cols.relation)
	}
	for r := range rows {
		if !c.cols.reads {
			add(r, i)
			continue
		}
		for _, t := range c.colList[c.colStart[i]:c.colStart[i+1]] {
			add(r, int(t))
		}
	}
	return out
}

// closely judges what the plain comparison has refused: sums that two float64 numbers cannot hold, and equal shares
// that are no numbers of the type, so that each is rounded: of three copies, or below the type's normal range.
func (c *checking) closely(i, from int, k float64, want sum, exact bool, list []int32, rows [][]byte) bool {
	all := c.terms(i, list, rows)
	if math.IsNaN(want.hi) || math.IsInf(want.hi, 0) {
		return false // the parent's number is none
	}
	if exact && (c.sums[i].lossy || want.lossy) {
		total := newBigSum()
		for _, t := range all {
			total.addProduct(t.x, t.k)
		}
		if from >= 0 {
			total.addProduct(-c.src[from], k)
		}
		if total.v.Sign() == 0 {
			return true
		}
	}
	if !c.equalShares(all, want) {
		return false
	}
	roundings := c.roundings
	if !exact && len(all) > 1 {
		roundings *= 2 // the scaled number, and its shares
	}
	size := math.Max(c.sums[i].size, want.size)
	diff := math.Abs(c.sums[i].minus(want))
	tiny := float64(len(all)) * smallestOf(c.d) * math.Abs(all[0].k)
	if !(diff <= roundings*roundingBound(c.d, size)+c.loose*size+want.slack+tiny) {
		return false
	}
	c.noteRounding(diff, size)
	return true
}

// equalShares reports whether all terms are the same share, and the share that they should be is no number of the type.
func (c *checking) equalShares(all []term, want sum) bool {
	n := len(all)
	all = slices.DeleteFunc(slices.Clone(all), func(t term) bool { return t.x == 0 }) // copies that an earlier choice left out
	if len(all) == 0 || len(all) == 1 && n > 1 {
		return false
	}
	for _, t := range all {
		if t != all[0] {
			return false
		}
	}
	share := want.hi / (float64(len(all)) * all[0].k)
	return !isPower(float64(len(all))) || !isPower(all[0].k) || want.lo != 0 || !representable(share, 0, c.d)
}

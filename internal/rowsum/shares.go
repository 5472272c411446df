package rowsum

import (
	"math"

	"famkit/internal/tensor"
)

// term is one of the child's numbers that are added up, and its scale.
type term struct{ x, k float64 }

// terms lists what is added up at place i.
func (c *comparing) terms(i int, list []int32, rows [][]byte) []term {
	var out []term
	add := func(r, t int) {
		k := 1.0
		if c.Rows.Reads {
			k = c.Rows.ScaleAt(int(list[r]))
		}
		if c.Cols.Reads {
			k *= c.Cols.ScaleAt(t)
		}
		var x [1]float64
		tensor.Decode(x[:], rows[r][t*c.size:(t+1)*c.size], c.d)
		out = append(out, term{x[0], k})
	}
	if c.Cols.Reads && c.colStart == nil {
		c.colStart, c.colList = c.Cols.invert()
	}
	for r := range rows {
		if !c.Cols.Reads {
			add(r, i)
			continue
		}
		for _, t := range c.colList[c.colStart[i]:c.colStart[i+1]] {
			add(r, int(t))
		}
	}
	return out
}

// equalExactly judges what two float64 numbers cannot hold.
func (c *comparing) equalExactly(i, from int, scale float64, list []int32, rows [][]byte) bool {
	total := newBigSum()
	for _, t := range c.terms(i, list, rows) {
		total.addProduct(t.x, t.k)
	}
	if from >= 0 {
		total.addProduct(-c.src[from], scale)
	}
	return total.v.Sign() == 0
}

// equalShares reports whether all terms at a place, zeros left out, are one and the same share of what is wanted, and
// that share is no number of the type: of three copies, or below the normal range, so that each is rounded. shares is
// how many terms there are.
func (c *comparing) equalShares(i int, want sum, list []int32, rows [][]byte) (shares int, equal bool) {
	all := c.terms(i, list, rows)
	var first term
	for _, t := range all {
		switch {
		case t.x == 0: // a copy that an earlier choice left out
		case shares == 0:
			first, shares = t, 1
		case t != first:
			return 0, false
		default:
			shares++
		}
	}
	if shares == 0 || shares == 1 && len(all) > 1 || want.zero() {
		return shares, false
	}
	n := float64(shares)
	share := want.hi / (n * first.k)
	return len(all), !IsPower(n) || !IsPower(first.k) || want.lo != 0 || !representable(share, 0, c.d)
}

// least is how far rounding may move the sum at place i by half of the type's smallest number, where numbers are below
// the normal range.
func (c *comparing) least(i int, scale float64, list []int32, rows [][]byte) float64 {
	total := 0.0
	for _, t := range c.terms(i, list, rows) {
		total += math.Abs(t.k)
	}
	// a number that was rounded before it was scaled was moved by what it is scaled with
	if c.Roundings > 1 {
		total *= math.Max(1, math.Abs(scale))
	}
	return total * c.d.Smallest() / 2
}

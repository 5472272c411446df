package rowsum

import (
	"math"

	"famkit/internal/tensor"
)

// Below a type's normal range a rounding moves a number by more than its unit. How far that may go is bounded by what
// is summed: in each row and in each column, what such numbers were moved beyond their share is at most excessShares
// roundings of all numbers of that row or column together. So a column of nothing but the smallest numbers, in front
// of a huge neuron, is not taken for rounded.
const excessShares = 4

// wideShares bounds what is added up in a row, all together, beside what it adds up to: shares of both signs that are
// much larger than their sum are equal to it over the reals, and nothing like it in any arithmetic.
const wideShares = 16

// budget judges a row.
func (r *sumRow) budget() {
	c := r.comparing
	if c.out.Bad == nil && !c.Cancels && r.added > wideShares*r.size {
		c.refuse(r.row, c.column(0), "numbers of %.3g in all add up to a row of %.3g: arithmetic would be lost between them",
			r.added, r.size)
	}
	if c.out.Bad != nil || r.excess == 0 || r.excess <= excessShares*c.out.Allowed*r.size {
		return
	}
	c.refuse(r.row, c.column(0), "numbers of the row that are near the smallest of %s are %.3g off in all, wanted at "+
		"most %.3g beside numbers of %.3g",
		c.d, r.excess, excessShares*c.out.Allowed*r.size, r.size)
}

// exceeds notes that a number at place i was moved beyond its share.
func (c *comparing) exceeds(i int, by float64) {
	if c.excess == nil {
		c.excess = make([]float64, c.domain)
	}
	c.excess[i] += by
}

// columnBudgets judges the columns; it reads the parent once more, where some number was moved beyond its share.
func (c *comparing) columnBudgets() error {
	if c.excess == nil {
		return nil
	}
	sizes, err := c.columnSizes()
	if err != nil {
		return err
	}
	for i, excess := range c.excess {
		from, scale := i, 1.0
		if !c.Cols.Reads {
			from, scale = int(c.Cols.Src[i]), math.Abs(c.Cols.ScaleAt(i))
		}
		if from < 0 || excess <= excessShares*c.out.Allowed*scale*sizes[from] {
			continue
		}
		c.refuse(0, c.column(i), "numbers of the column that are near the smallest of %s are %.3g off in all, wanted at "+
			"most %.3g beside numbers of %.3g",
			c.d, excess, excessShares*c.out.Allowed*scale*sizes[from], scale*sizes[from])
		return nil
	}
	return nil
}

// columnSizes adds up the magnitudes in each of the parent's columns, each row as often as it is written, times its
// scales.
func (c *comparing) columnSizes() ([]float64, error) {
	weight := make([]float64, c.Rows.From)
	for t, s := range c.Rows.Src {
		switch {
		case s < 0:
		case c.Rows.Reads:
			weight[s] = 1
		default:
			weight[s] += math.Abs(c.Rows.ScaleAt(t))
		}
	}
	sizes := make([]float64, c.Cols.From)
	width := c.Cols.From * c.size
	row := make([]byte, width)
	c.src = resized(c.src, c.Cols.From)
	for s := range c.Rows.From {
		if err := c.fill(c.Parent, row, int64(s)*int64(width)); err != nil {
			return nil, err
		}
		tensor.Decode(c.src, row, c.d)
		for i, x := range c.src {
			sizes[i] += weight[s] * math.Abs(x)
		}
	}
	return sizes, nil
}

package expand

import (
	"famkit/internal/growth"
	"famkit/internal/tensor"
)

// sharesInRuns reports whether the row is shared among copies by some arithmetic, run by run, so that it can be made in
// straight loops.
func (c *rowMaker) sharesInRuns() bool {
	e := c.e
	return c.fresh == sourced && e.cols.shared && e.cols.nth != nil && e.split != growth.SplitChoice &&
		e.cols.stretches() != nil && e.offset == 0 &&
		!e.Zero && !e.random && e.redraw == nil && e.Next == "" && !(e.rows.shared && e.rows.nth != nil)
}

// shareRuns makes such a row; it equals element at every place.
func (c *rowMaker) shareRuns(dst []float64) {
	e := c.e
	d := e.Info.DType
	if c.scale != 1 { // what is shared is the scaled number, as it would be stored
		for i, w := range c.src {
			c.src[i] = quantize(w*c.scale, d)
		}
	}
	if e.split != growth.SplitEven {
		c.key.cutInTwo(c.src, c.also, e.cols.count, e.split, d)
	}
	for _, u := range e.cols.stretches() {
		out, k := dst[u.to:u.to+u.n], e.cols.scaleAt(u.to)
		switch {
		case u.from == growth.Fresh:
			clear(out)
			continue
		case u.count == 2 && u.nth == 1 && e.split != growth.SplitEven:
			copy(out, c.also[u.from:u.from+u.n])
		case u.count == 1 || u.count == 2 && e.split != growth.SplitEven:
			copy(out, c.src[u.from:u.from+u.n])
		case e.split == growth.SplitEven:
			n := float64(u.count)
			for i, w := range c.src[u.from : u.from+u.n] {
				out[i] = w / n
			}
		default:
			for i, w := range c.src[u.from : u.from+u.n] {
				out[i] = share(e.split, w, u.nth, u.count, c.key, int32(u.from+i), d)
			}
		}
		if k != 1 {
			for i := range out {
				out[i] *= k
			}
		}
	}
}

// cutInTwo is Split.share between two copies, in every column that has two: w keeps the share of the first, other
// gets that of the second.
func (c choice) cutInTwo(w, other []float64, count []int32, s growth.Split, d tensor.DType) {
	var bits uint64 // those of c.of
	for col, n := range count {
		if col&63 == 0 {
			bits = c.bits64(col >> 6)
		}
		if n != 2 {
			continue
		}
		var part float64
		if s == growth.SplitShares {
			part = quantize(w[col]*(0.5+0.5*c.unit(col, 0)), d)
		} else {
			part = noisyPart(w[col], 2, c.normal(col, 0), d)
		}
		// no branch, which a processor could not foresee
		share := [2]float64{part, w[col] - part}
		first := bits >> (col & 63) & 1
		w[col], other[col] = share[first], share[first^1]
	}
}

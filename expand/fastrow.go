package expand

import "famkit/internal/growth"

// plain reports whether the row is only moved, scaled and shared by choice, so that it can be made in straight loops.
func (c *rowMaker) plain() bool {
	e := c.e
	return c.fresh == sourced && e.cols.stretches() != nil && e.offset == 0 && !e.Zero && !e.random && e.redraw == nil &&
		e.Next == "" &&
		!(e.rows.shared && e.rows.nth != nil) && (e.split == growth.SplitChoice || !e.cols.shared || e.cols.nth == nil)
}

// fill makes a plain row but for the choice of copies, which is made on the stored bytes: with it, it equals element at
// every place.
func (c *rowMaker) fill(dst []float64) {
	for _, u := range c.e.cols.stretches() {
		out := dst[u.to : u.to+u.n]
		if u.from == growth.Fresh {
			clear(out)
			continue
		}
		k := c.scale * c.e.cols.scaleAt(u.to)
		for i, v := range c.src[u.from : u.from+u.n] {
			out[i] = v * k
		}
	}
}

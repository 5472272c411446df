package expand

// plain reports whether the row is only moved, scaled and shared by choice, so that it can be made in straight loops.
func (c *rowMaker) plain() bool {
	e := c.e
	return c.fresh == sourced && e.cols.fresh == nil && e.offset == 0 && !e.Zero && !e.random && e.redraw == nil && e.Next == "" &&
		!(e.rows.shared && e.rows.slot != nil) && (e.split == SplitChoice || !e.cols.shared || e.cols.slot == nil)
}

// fill makes a plain row but for the choice of copies, which is made on the stored bytes: with it, it equals element at
// every place.
func (c *rowMaker) fill(dst []float64) {
	cols := c.e.cols
	runs := cols.runs
	if cols.src == nil {
		runs = []run{{n: cols.to, count: 1}}
	}
	for _, u := range runs {
		out, in := dst[u.to:u.to+u.n], c.src[u.from:u.from+u.n]
		if cols.scale == nil {
			for i, v := range in {
				out[i] = v * c.scale
			}
		} else {
			scale := cols.scale[u.to : u.to+u.n]
			for i, v := range in {
				out[i] = v * (c.scale * scale[i])
			}
		}
	}
}

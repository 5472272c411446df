package expand

import (
	"famkit/internal/growth"
	"famkit/internal/tensor"
)

// compute makes one row in float64 and rounds once. in is the parent's row, nil where the row has none; next is the
// same row of Expr.Next.
func (g *grown) compute(out, in, next []byte, r int) {
	e, n := g.e, g.e.cols.from
	c := rowMaker{grown: g, r: r, scale: e.factor * e.rows.scaleAt(r), fresh: e.rows.freshAt(r), key: e.shareKey(r),
		draw: e.choice.row(e.rows.rootOf(r))}
	if c.fresh == freshZero && !e.Zero {
		clear(out)
		return
	}
	plain := c.plain()
	if plain && in != nil && c.scaled(out, in) {
		c.choose(out)
		return
	}
	vals := floats(2*n + e.cols.to)
	defer floatPool.Put(vals)
	c.src, c.also = (*vals)[:n], (*vals)[n:2*n]
	switch {
	case in != nil:
		tensor.Decode(c.src, in, e.Info.DType)
	case c.fresh == freshMean:
		copy(c.src, g.mean.row)
	default:
		clear(c.src)
	}
	if next != nil {
		tensor.Decode(c.also, next, e.Info.DType)
	}
	dst := (*vals)[2*n:]
	if plain {
		c.fill(dst)
		tensor.Encode(out, dst, e.Info.DType)
		c.choose(out)
		return
	}
	if c.sharesInRuns() {
		c.shareRuns(dst)
	} else {
		for t := range dst {
			dst[t] = c.element(t)
		}
	}
	tensor.Encode(out, dst, e.Info.DType)
}

// rowMaker computes the elements of one row.
type rowMaker struct {
	*grown
	r         int
	src, also []float64
	scale     float64 // factor and the row's
	fresh     fresh
	key, draw choice
}

// choose takes from a plain row what other copies of its columns get.
func (c *rowMaker) choose(out []byte) {
	if cols := c.e.cols; cols.shared && cols.nth != nil {
		cols.choose(out, nil, c.esize, c.key)
	}
}

func (c *rowMaker) element(t int) float64 {
	e := c.e
	if e.Zero {
		return 0 - e.offset
	}
	f := max(c.fresh, e.cols.freshAt(t))
	if e.random && f != freshZero {
		f = freshRandom
	}
	switch f {
	case freshZero:
		return 0
	case freshOne:
		return 1 - e.offset
	case freshRandom:
		return e.sigma * c.draw.normal(e.cols.rootOf(t), 0) * c.sign(t) * e.rows.signAt(c.r) * e.cols.signAt(t)
	}
	if e.redraw != nil && e.redraw.drawn(c.r, t) {
		return c.stats.mean + c.stats.deviation*c.draw.normal(t, 0)
	}
	s := e.cols.source(t)
	if s == growth.Fresh { // the mean of the columns
		return c.shared(mean(c.src), growth.Fresh, t)
	}
	w := c.src[s]
	if e.Next != "" && (laterCopy(e.rows, c.r) || laterCopy(e.cols, t)) {
		w = c.also[s]
	}
	return c.shared(w, int32(s), t)
}

// sign is what a pair is written with: the draws of a random tensor are read with it.
func (c *rowMaker) sign(t int) float64 {
	if !c.e.random {
		return 1
	}
	return c.e.rows.scaleAt(c.r) * c.e.cols.scaleAt(t)
}

// laterCopy reports whether t is the second or a later copy of what a writer or a gain has there.
func laterCopy(g *gather, t int) bool { return !g.shared && g.nth != nil && g.nth[t] > 0 }

// shared scales w, the parent's element in column s, and takes the share of it that falls to column t of this row.
func (c *rowMaker) shared(w float64, s int32, t int) float64 {
	e := c.e
	key, nth, n, of := c.key, int32(0), int32(1), s
	switch {
	case e.cols.shared && e.cols.nth != nil:
		nth, n = e.cols.nth[t], e.cols.count[s]
	case e.rows.shared && e.rows.nth != nil && c.fresh == sourced: // stored [in, out]: the column is the output
		of = int32(e.rows.source(c.r))
		key, nth, n = e.shareKey(t), e.rows.nth[c.r], e.rows.count[of]
	}
	colScale := e.cols.scaleAt(t)
	if n == 1 {
		if scale := c.scale * colScale; scale != 1 {
			return (w+e.offset)*scale - e.offset
		}
		return w
	}
	if e.split == growth.SplitChoice {
		if key.of(of, n) != nth {
			return 0
		}
		return w * (c.scale * colScale)
	}
	if e.rows.shared { // the scales of what shares come after the shares, those of the output before
		return share(e.split, quantize(w*(e.factor*colScale), e.Info.DType), nth, n, key, of,
			e.Info.DType) * e.rows.scaleAt(c.r)
	}
	return share(e.split, quantize(w*c.scale, e.Info.DType), nth, n, key, of, e.Info.DType) * colScale
}

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

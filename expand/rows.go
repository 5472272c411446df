package expand

import (
	"io"
	"sync"
	"sync/atomic"

	"famkit/internal/growth"
	"famkit/internal/tensor"
)

// grown is a lazy tensor of the child: it computes the rows that are asked for and keeps nothing but the mean row of
// its parent, where it needs that.
type grown struct {
	e      *Expr
	parent tensor.Tensor // nil where the tensor holds nothing of the parent
	next   tensor.Tensor // of Expr.Next
	esize  int

	tables *roundTables // nil: none

	mean  lazyMean
	stats lazyStats

	nonFinite atomic.Int64
}

func newGrown(e *Expr, parents map[string]tensor.Tensor) *grown {
	return &grown{e: e, parent: parents[e.From], next: parents[e.Next], esize: e.Info.DType.Bits() / 8}
}

// Info describes the child's tensor.
func (g *grown) Info() tensor.Info { return g.e.Info }

// ReadAt computes bytes [off, off+len(p)) of the tensor.
func (g *grown) ReadAt(p []byte, off int64) (int, error) {
	size := g.e.Info.Size()
	if off < 0 || off >= size {
		return 0, io.EOF
	}
	want := p
	if rest := size - off; int64(len(want)) > rest {
		want = want[:rest]
	}
	n, err := g.fill(want, off)
	if bad := tensor.NonFinite(want[:n], g.e.Info.DType); bad > 0 {
		g.nonFinite.Add(int64(bad))
	}
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

// fill computes want, which lies inside the tensor. A row that want takes in part is computed whole beside it.
func (g *grown) fill(want []byte, off int64) (int, error) {
	if g.e.Zero && g.e.offset == 0 {
		clear(want)
		return len(want), nil
	}
	if g.e.plainCopy() {
		if err := tensor.ReadFull(g.parent, want, off); err != nil {
			return 0, err
		}
		return len(want), nil
	}
	width := int64(g.e.cols.to * g.esize)
	done := 0
	for done < len(want) {
		r, skip := int((off+int64(done))/width), int((off+int64(done))%width)
		rest := want[done:]
		if skip == 0 && int64(len(rest)) >= width {
			n := len(rest) / int(width)
			if err := g.rowsInto(rest[:n*int(width)], r, n); err != nil {
				return done, err
			}
			done += n * int(width)
			continue
		}
		row := scratch(int(width))
		err := g.rowsInto(*row, r, 1)
		if err == nil {
			done += copy(rest, (*row)[skip:])
		}
		scratchPool.Put(row)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// readBytes is how much of the parent is read at once.
const readBytes = 256 << 10

// rowsInto computes n whole rows from r. Rows whose sources follow one another are read together.
func (g *grown) rowsInto(out []byte, r, n int) error {
	if err := g.prepare(); err != nil {
		return err
	}
	width, src := g.e.cols.to*g.esize, g.e.cols.from*g.esize
	most := max(1, readBytes/max(1, src))
	for n > 0 {
		from, k := g.e.rows.source(r), 1
		for from != growth.Fresh && k < n && k < most && g.e.rows.source(r+k) == from+k {
			k++
		}
		if err := g.block(out[:k*width], r, from, k); err != nil {
			return err
		}
		out, r, n = out[k*width:], r+k, n-k
	}
	return nil
}

// prepare reads what must be known of the whole parent before any row.
func (g *grown) prepare() error {
	if g.e.redraw != nil {
		if err := g.stats.read(g.parent); err != nil {
			return err
		}
	}
	for _, f := range g.e.rows.fresh {
		if f == freshMean {
			return g.mean.read(g.parent, g.e.rows.from, g.e.cols.from)
		}
	}
	return nil
}

// block computes k rows from r, whose sources are the parent's rows from, from+1, ...; growth.Fresh means one row
// without any.
func (g *grown) block(out []byte, r, from, k int) error {
	if from == growth.Fresh || g.parent == nil || g.e.Zero || g.e.random {
		width := g.e.cols.to * g.esize
		for i := range k {
			g.compute(out[i*width:(i+1)*width], nil, nil, r+i)
		}
		return nil
	}
	src := g.e.cols.from * g.esize
	off := int64(from) * int64(src)
	if g.e.cols.identity() && g.e.simple() {
		return tensor.ReadFull(g.parent, out, off)
	}
	buf := scratch(k * src)
	defer scratchPool.Put(buf)
	if err := tensor.ReadFull(g.parent, *buf, off); err != nil {
		return err
	}
	var second []byte
	if g.next != nil {
		other := scratch(k * src)
		defer scratchPool.Put(other)
		if err := tensor.ReadFull(g.next, *other, off); err != nil {
			return err
		}
		second = *other
	}
	width := g.e.cols.to * g.esize
	for i := range k {
		o, in := out[i*width:(i+1)*width], (*buf)[i*src:(i+1)*src]
		switch {
		case g.e.simple():
			g.row(o, in, r+i)
		case second != nil:
			g.compute(o, in, second[i*src:(i+1)*src], r+i)
		default:
			g.compute(o, in, nil, r+i)
		}
	}
	return nil
}

// row moves one row of the parent to one of the child.
func (g *grown) row(out, in []byte, r int) {
	if g.e.cols.nth == nil || !g.e.cols.shared {
		for _, u := range g.e.cols.stretches() {
			copy(out[u.to*g.esize:(u.to+u.n)*g.esize], in[u.from*g.esize:(u.from+u.n)*g.esize])
		}
		return
	}
	g.e.cols.choose(out, in, g.esize, g.e.shareKey(r))
}

var (
	scratchPool = sync.Pool{New: func() any { return new([]byte) }}
	floatPool   = sync.Pool{New: func() any { return new([]float64) }}
)

func scratch(n int) *[]byte {
	b := scratchPool.Get().(*[]byte)
	if cap(*b) < n {
		*b = make([]byte, n)
	}
	*b = (*b)[:n]
	return b
}

func floats(n int) *[]float64 {
	b := floatPool.Get().(*[]float64)
	if cap(*b) < n {
		*b = make([]float64, n)
	}
	*b = (*b)[:n]
	return b
}

package verify

import (
	"context"
	"fmt"
	"slices"

	"famkit/internal/kern"
	"famkit/internal/tensor"
)

// freshRule says what a tensor must hold at elements that have no source.
type freshRule int

const (
	// anything: the values do not matter, but must be finite.
	anything freshRule = iota
	// zeros: they must be zero.
	zeros
	// noted: whether they are zero is noted, and judged together with what is on the other side.
	noted
	// mean: they must be the mean over the sources (the stream under LayerNorm).
	mean
)

// side is one dimension of a tensor: the relation of its indices, and how the tensor uses them. What it reads is summed
// over the copies of a source, times their scales; what it writes must be the source's, times its scale.
type side struct {
	*relation
	reads bool
	fresh freshRule
	// partial: sources without a copy stand elsewhere, in another expert.
	partial bool
}

// lone is the side that a vector lacks.
func lone() side { return side{relation: sameRelation(1)} }

// product is one condition on numbers: for each source row and column, or each written one, the sum over the child's
// copies equals the parent's number times the scales.
type product struct {
	name          string
	parent, child tensor.Tensor
	rows, cols    side
	loose         float64 // relative error that the architecture itself makes, 0 for none
	roundings     float64 // of each number at most, where a scale makes it round at all
	rough         bool    // any number may be rounded, whatever its scale
}

// outcome is what checking a product showed.
type outcome struct {
	rounded bool
	worst   float64 // in ulp of the stored type
	bad     *Counterexample
	wide    *Counterexample // the first terms that are far larger than their sum
	// rowSet and colSet tell, where the rule is noted, which fresh rows and columns are not zero.
	rowSet, colSet []bool
	bytes          int64
}

// Counterexample is the first number that breaks a condition.
type Counterexample struct {
	Where string `json:"where,omitempty"`
	Index []int  `json:"index,omitempty"` // in the child's tensor
	Text  string `json:"text"`
}

// blockBytes is about how much of either tensor is held at once: little enough to stay in the processor's cache between
// reading and comparing.
const blockBytes = 256 << 10

// worker has the buffers of one goroutine.
type worker struct {
	ctx       context.Context
	k         kern.Kernels
	mine, its []byte // blocks of the parent and of the child
	vals, src []float64
	sums      []sum
	columns   []sum // of the parent, for means
	block     kern.SumBlock
}

func resized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// check runs over the parent's tensor once, and over the child's.
func (w *worker) check(p *product) (*outcome, error) {
	c := &checking{worker: w, product: p, out: &outcome{}, d: p.child.Info().DType}
	c.roundings = max(1, c.roundings)
	w.block.Met = kern.SumMet{}
	if w.k == nil {
		var err error
		if w.k, err = kern.Default(); err != nil {
			return nil, err
		}
	}
	if bad := c.shapes(); bad != nil {
		c.out.bad = bad
		return c.out, nil
	}
	c.prepare()
	if c.rows.fresh == mean && c.rows.relation.fresh() {
		w.columns = resized(w.columns, c.cols.from)
		clear(w.columns)
		c.means = true
	}
	if err := c.sourced(); err != nil || c.out.bad != nil {
		return c.out, err
	}
	return c.out, c.freshRows()
}

// checking is a product on its way.
type checking struct {
	*worker
	*product
	out   *outcome
	d     tensor.DType
	size  int // bytes of an element
	means bool

	rowStart, rowList []int32       // child rows of each source
	plan              *kern.SumPlan // how most rows are compared; nil: each number by itself
	compared          []rowsOf      // of the block
	colStart, colList []int32       // child columns of each source, where they are asked for
	missing, lost     []bool        // columns and rows of sources that stand elsewhere
	colExact          []bool        // for each column of the domain: its scales are powers of two
	freshCols         []colRun      // runs of columns without a source
	wide              int           // columns of the domain
	colScale          []float64     // nil: 1
	rowBytes          [][]byte
}

// rowsOf are child rows that are read as one: places lo to hi of rowList, from the parent's row s.
type rowsOf struct{ s, lo, hi int32 }

type colRun struct{ at, n int }

// shapes compares what the tensors are with what the sides ask for.
func (c *checking) shapes() *Counterexample {
	pi, ci := c.parent.Info(), c.child.Info()
	want := func(info tensor.Info, rows, cols int) *Counterexample {
		n, err := info.Elems()
		if err != nil || n != rows*cols || len(info.Shape) > 2 || len(info.Shape) == 2 && info.Shape[0] != rows {
			return &Counterexample{Where: info.Name, Text: fmt.Sprintf("has shape %v, wanted %d x %d", info.Shape, rows, cols)}
		}
		return nil
	}
	if !ci.DType.Real() || pi.DType != ci.DType {
		return &Counterexample{Where: ci.Name, Text: fmt.Sprintf("is %s, its source %s is %s", ci.DType, pi.Name, pi.DType)}
	}
	if bad := want(pi, c.rows.from, c.cols.from); bad != nil {
		return bad
	}
	return want(ci, c.rows.to(), c.cols.to())
}

// prepare inverts the maps.
func (c *checking) prepare() {
	c.size = c.d.Bits() / 8
	c.rowStart, c.rowList = invert(c.rows.relation)
	c.colScale = c.cols.k
	c.wide = c.cols.to()
	if c.cols.reads {
		c.wide = c.cols.from
	}
	c.exactness()
	if c.cols.partial {
		c.missing = missing(c.cols.relation)
	}
	if c.rows.partial && c.rows.reads {
		c.lost = missing(c.rows.relation)
	}
	for t := 0; t < c.cols.to(); t++ {
		if c.cols.src[t] >= 0 {
			continue
		}
		first := t
		for t+1 < c.cols.to() && c.cols.src[t+1] < 0 {
			t++
		}
		c.freshCols = append(c.freshCols, colRun{first, t + 1 - first})
	}
	c.plan = c.sumPlan()
	if c.rows.fresh == noted {
		c.out.rowSet = make([]bool, c.rows.to())
	}
	if c.cols.fresh == noted {
		c.out.colSet = make([]bool, c.cols.to())
	}
}

func missing(r *relation) []bool {
	out := make([]bool, r.from)
	for s, n := range r.copies() {
		out[s] = n == 0
	}
	return out
}

// invert lists the copies of each source, in order.
func invert(r *relation) (start, list []int32) {
	start = make([]int32, r.from+1)
	for _, s := range r.src {
		if s >= 0 {
			start[s+1]++
		}
	}
	for s := range r.from {
		start[s+1] += start[s]
	}
	list = make([]int32, start[r.from])
	at := slices.Clone(start)
	for t, s := range r.src {
		if s >= 0 {
			list[at[s]] = int32(t)
			at[s]++
		}
	}
	return start, list
}

func (c *checking) exactness() {
	if c.colScale == nil {
		return
	}
	c.colExact = make([]bool, c.wide)
	for i := range c.colExact {
		c.colExact[i] = true
	}
	for t, k := range c.colScale {
		at := t
		if c.cols.reads {
			at = int(c.cols.src[t])
		}
		if at >= 0 && !isPower(k) {
			c.colExact[at] = false
		}
	}
}

// sourced walks over the parent's rows, a block at a time, with the child's rows that come from them.
func (c *checking) sourced() error {
	most := 1
	for s := range c.rows.from {
		most = max(most, int(c.rowStart[s+1]-c.rowStart[s]))
	}
	mine, its := c.cols.from*c.size, c.cols.to()*c.size
	block := max(1, blockBytes/max(1, mine, most*its))
	for s := 0; s < c.rows.from; s += block {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		n := min(block, c.rows.from-s)
		c.mine = resized(c.mine, n*mine)
		if err := tensor.ReadFull(c.parent, c.mine, int64(s)*int64(mine)); err != nil {
			return err
		}
		c.out.bytes += int64(len(c.mine))
		at, err := c.children(s, n)
		if err != nil {
			return err
		}
		c.compareRows(s, n, at)
		if c.out.bad != nil {
			return nil
		}
	}
	return nil
}

// children reads the child's rows that come from the parent's rows s to s+n. at gives, by place in rowList from
// rowStart[s] on, the row's number in the buffer.
func (c *checking) children(s, n int) (at []int32, err error) {
	lo, hi := c.rowStart[s], c.rowStart[s+n]
	at = make([]int32, hi-lo)
	order := make([]int32, hi-lo)
	for i := range order {
		order[i] = int32(i)
	}
	row := func(i int32) int32 { return c.rowList[lo+i] }
	if !slices.IsSorted(c.rowList[lo:hi]) {
		slices.SortFunc(order, func(a, b int32) int { return int(row(a) - row(b)) })
	}
	width := c.cols.to() * c.size
	c.its = resized(c.its, len(order)*width)
	for i := 0; i < len(order); {
		k := i + 1
		for k < len(order) && row(order[k]) == row(order[k-1])+1 {
			k++
		}
		b := c.its[i*width : k*width]
		if err := tensor.ReadFull(c.child, b, int64(row(order[i]))*int64(width)); err != nil {
			return nil, err
		}
		for j := i; j < k; j++ {
			at[order[j]] = int32(j)
		}
		i = k
	}
	c.out.bytes += int64(len(c.its))
	return at, nil
}

// finite refuses NaNs and infinities in rows of the child.
func (c *checking) finite(b []byte, row int) {
	if c.out.bad == nil && tensor.NonFinite(b, c.d) > 0 {
		for i := 0; i < len(b); i += c.size {
			if tensor.NonFinite(b[i:i+c.size], c.d) > 0 {
				n := i / c.size
				c.refuse(row+n/c.cols.to(), n%c.cols.to(), "found %s", element(b, n, c.d))
				return
			}
		}
	}
}

func (c *checking) refuse(row, col int, format string, a ...any) {
	c.out.bad = c.at(row, col, format, a...)
}

// at says something of a number of the child.
func (c *checking) at(row, col int, format string, a ...any) *Counterexample {
	index := []int{row, col}
	if len(c.child.Info().Shape) == 1 {
		index = index[:1]
	}
	return &Counterexample{Where: c.name, Index: index, Text: fmt.Sprintf(format, a...)}
}

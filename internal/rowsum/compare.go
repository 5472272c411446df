package rowsum

import (
	"context"
	"fmt"

	"famkit/internal/kern"
	"famkit/internal/tensor"
)

// FreshRule says what a tensor must hold at elements that have no source.
type FreshRule int

// The rules.
const (
	// Anything: the values do not matter, but must be finite.
	Anything FreshRule = iota
	// Zeros: they must be zero.
	Zeros
	// Noted: whether they are zero is noted, to be judged together with what is on the other side.
	Noted
	// Mean: they must be the mean over the sources.
	Mean
)

// Side is one dimension of a tensor: the relation of its indices, and how the tensor uses them. What it reads is summed
// over the copies of a source, times their scales; what it writes must be the source's, times its scale.
type Side struct {
	*Relation
	Reads bool
	Fresh FreshRule
	// Partial: sources without a copy stand elsewhere, and are left out.
	Partial bool
}

// Lone is the side that a vector lacks.
func Lone() Side { return Side{Relation: Identity(1)} }

// Comparison is one condition on numbers: for each row and column that is read, or written, the sum over the child's
// copies equals the parent's number times the scales.
type Comparison struct {
	Parent, Child tensor.Tensor
	Rows, Cols    Side
	// MayRound: a growth lies between, so that a number may be rounded where its scale is no power of two, and a share
	// that is no number of its type. Otherwise everything must be exact.
	MayRound bool
	// Roundings is how often any number may have been rounded, whatever its scale; 0 where MayRound alone says it.
	Roundings int
	// Cancels: the sums are wanted to be zero, whatever is added up.
	Cancels bool
}

// Outcome is what a comparison showed.
type Outcome struct {
	// Rounded: something was compared as a rounded number. ULP is the largest distance in units in the last place of the
	// stored type, Moved the same relative to the number.
	Rounded    bool
	ULP, Moved float64
	// Roundings is how often a number may have been rounded, Allowed the relative distance that explains.
	Roundings int
	Allowed   float64
	// Small: numbers near the smallest of their type were moved by more than that; see budget.go.
	Small bool
	Bad   *Counterexample
	// Wide is the first sum whose terms are larger than it is, which would magnify what copies differ by.
	Wide *Counterexample
	// Excess is, of gains that are stored less an offset, how far each was moved beyond what rounding it with the offset
	// counted would have moved it; nil where none was.
	Excess []float64
	// RowSet and ColSet tell, where the rule is Noted, which fresh rows and columns are not zero.
	RowSet, ColSet []bool
	// Bytes were read of both.
	Bytes int64
}

// allow notes that a number of type d may have been rounded n times.
func (o *Outcome) allow(n int, d tensor.DType) {
	if n > o.Roundings {
		o.Roundings, o.Allowed = n, float64(n)*relativeBound(d)
	}
}

// Counterexample is the first number that breaks a condition.
type Counterexample struct {
	Where string `json:"where,omitempty"`
	Index []int  `json:"index,omitempty"` // in the child's tensor
	Text  string `json:"text"`
}

// BlockBytes is about how much of either tensor is held at once: little enough to stay in the processor's cache between
// reading and comparing.
const BlockBytes = 256 << 10

// Worker has the buffers of one goroutine. Read is told of bytes as they are read, where it is not nil.
type Worker struct {
	Ctx  context.Context
	Read func(bytes int)

	kernels               kern.Kernels
	parentRows, childRows []byte // blocks of both tensors
	vals, src             []float64
	sums                  []sum
	columns               []sum // of the parent, for means
	block                 kern.SumBlock
}

func resized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// fill reads bytes of a tensor, and counts them.
func (w *Worker) fill(t tensor.Tensor, b []byte, off int64) error {
	if err := w.Ctx.Err(); err != nil {
		return err
	}
	if w.Read != nil {
		w.Read(len(b))
	}
	return tensor.ReadFull(t, b, off)
}

// Compare runs over the parent's tensor once, and over the child's.
func (w *Worker) Compare(p *Comparison) (*Outcome, error) {
	c := &comparing{Worker: w, Comparison: p, out: &Outcome{}, d: p.Child.Info().DType}
	w.block.Met = kern.SumMet{}
	if w.kernels == nil {
		var err error
		if w.kernels, err = kern.Default(); err != nil {
			return nil, err
		}
	}
	if c.out.Bad = c.shapes(); c.out.Bad != nil {
		return c.out, nil
	}
	if c.out.Bad = c.unexplained(); c.out.Bad != nil {
		return c.out, nil
	}
	c.prepare()
	if err := c.sourced(); err != nil || c.out.Bad != nil {
		return c.out, err
	}
	if err := c.freshRows(); err != nil || c.out.Bad != nil {
		return c.out, err
	}
	return c.out, c.columnBudgets()
}

// comparing is a comparison on its way.
type comparing struct {
	*Worker
	*Comparison
	out   *Outcome
	d     tensor.DType
	size  int     // bytes of an element
	times float64 // roundings that a number may have had where it may be rounded at all
	means bool    // the means of the parent's columns are asked for

	rowStart, rowList []int32       // child rows of each source
	plan              *kern.SumPlan // how most rows are compared; nil: each number by itself
	compared          []rowsOf      // of the block
	colStart, colList []int32       // child columns of each source, where they are asked for
	noCols, noRows    []bool        // sources that stand elsewhere
	lostCols          []int         // the parent's columns that no column of the child is written from
	colExact          []bool        // for each place of the domain: its scales are powers of two
	freshCols         []stretch     // columns without a source
	// places that a row's sums are compared at: the parent's columns where read, else the child's
	domain   int
	rowBytes [][]byte
	excess   []float64 // by place, what numbers below the normal range were moved beyond their share; nil: none
}

// rowsOf are child rows that are added up as one: places lo to hi of rowList, from the parent's row s.
type rowsOf struct{ s, lo, hi int32 }

type stretch struct{ at, n int }

// rough reports whether any number may have been rounded, whatever its scale.
func (c *comparing) rough() bool { return c.MayRound && c.Roundings > 0 }

// exactly reports whether a product with the scale must be exact.
func (c *comparing) exactly(scale float64) bool { return !c.rough() && (IsPower(scale) || !c.MayRound) }

// shapes compares what the tensors are with what the sides ask for.
func (c *comparing) shapes() *Counterexample {
	pi, ci := c.Parent.Info(), c.Child.Info()
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
	if bad := want(pi, c.Rows.From, c.Cols.From); bad != nil {
		return bad
	}
	return want(ci, c.Rows.To(), c.Cols.To())
}

// unexplained refuses scales that would round where nothing may have been rounded.
func (c *comparing) unexplained() *Counterexample {
	for _, side := range []Side{c.Rows, c.Cols} {
		for t, k := range side.Scale {
			if !c.MayRound && !IsPower(k) && side.Src[t] >= 0 {
				return &Counterexample{Where: c.Child.Info().Name,
					Text: fmt.Sprintf("is scaled by %v, though nothing has grown that would round its numbers", k)}
			}
		}
	}
	return nil
}

// prepare inverts the maps.
func (c *comparing) prepare() {
	c.size = c.d.Bits() / 8
	c.times = float64(max(1, c.Roundings))
	c.out.allow(max(1, c.Roundings), c.d)
	c.rowStart, c.rowList = c.Rows.invert()
	c.domain = c.Cols.To()
	if c.Cols.Reads {
		c.domain = c.Cols.From
	}
	c.exactness()
	if c.Cols.Partial {
		c.noCols = c.Cols.lacking()
	}
	if !c.Cols.Reads && !c.Cols.Partial {
		for s, none := range c.Cols.lacking() {
			if none {
				c.lostCols = append(c.lostCols, s)
			}
		}
	}
	if c.Rows.Partial && c.Rows.Reads {
		c.noRows = c.Rows.lacking()
	}
	for t := 0; t < c.Cols.To(); t++ {
		if c.Cols.Src[t] >= 0 {
			continue
		}
		first := t
		for t+1 < c.Cols.To() && c.Cols.Src[t+1] < 0 {
			t++
		}
		c.freshCols = append(c.freshCols, stretch{first, t + 1 - first})
	}
	c.plan = c.sumPlan()
	if c.Rows.Fresh == Noted {
		c.out.RowSet = make([]bool, c.Rows.To())
	}
	if c.Cols.Fresh == Noted {
		c.out.ColSet = make([]bool, c.Cols.To())
	}
	if c.Rows.Fresh == Mean && c.Rows.Relation.Fresh() {
		c.columns = resized(c.columns, c.Cols.From)
		clear(c.columns)
		c.means = true
	}
}

// exactness notes at which places all scales are powers of two.
func (c *comparing) exactness() {
	if c.Cols.Scale == nil {
		return
	}
	c.colExact = make([]bool, c.domain)
	for i := range c.colExact {
		c.colExact[i] = true
	}
	for t, k := range c.Cols.Scale {
		at := t
		if c.Cols.Reads {
			at = int(c.Cols.Src[t])
		}
		if at >= 0 && !IsPower(k) {
			c.colExact[at] = false
		}
	}
}

func (c *comparing) refuse(row, col int, format string, a ...any) {
	c.out.Bad = c.at(row, col, format, a...)
}

// at says something of a number of the child.
func (c *comparing) at(row, col int, format string, a ...any) *Counterexample {
	info := c.Child.Info()
	index := []int{row, col}
	if len(info.Shape) == 1 {
		index = index[:1]
		if c.Rows.To() == 1 {
			index[0] = col
		}
	}
	return &Counterexample{Where: info.Name, Index: index, Text: fmt.Sprintf(format, a...)}
}

package expand

import (
	"fmt"
	"math"
	"strings"

	"famkit/internal/arch"
	"famkit/internal/growth"
	"famkit/internal/tensor"
)

// Expr is one tensor of the grown model as a function of its parent's:
//
//	child[r,c] = (parent[rows.src[r], cols.src[c]] + offset)
//	           * rows.scale[r] * cols.scale[c] * factor * share(r,c) - offset
//
// rounded once to the stored type; rows and columns without a source hold what their fill says. A one-dimensional
// tensor is a matrix of one row. offset is what the architecture adds to stored gains (1 in Gemma).
type Expr struct {
	Info tensor.Info // the child's tensor
	From string      // the parent's, "" where nothing of the parent is in it
	Next string      // where the second and later copies come from, "" for From
	Zero bool        // silent writer: zero instead (a gain: zero with the offset counted)

	rows, cols     *gather
	factor, offset float64
	split          growth.Split
	// shareAlike: all rows share what they read the same way. Scores that choose experts must stay equal where they are.
	shareAlike bool
	choice     choice
	random     bool    // every element is drawn
	sigma      float64 // standard deviation of what is drawn
	redraw     *redraw // drop-upcycling: the neurons drawn anew
}

// shareKey is what row r's shares are drawn by.
func (e *Expr) shareKey(r int) choice {
	if e.shareAlike {
		r = 0
	}
	return e.choice.row(r)
}

// plainCopy reports whether the bytes are the parent's as they stand.
func (e *Expr) plainCopy() bool {
	return !e.Zero && !e.random && e.Next == "" && e.redraw == nil && e.rows.identity() && e.cols.identity() &&
		e.factor == 1
}

// reads lists the tensors of the parent whose numbers are in it.
func (e *Expr) reads() []string {
	var out []string
	for _, name := range []string{e.From, e.Next} {
		if name != "" && !e.Zero && !e.random {
			out = append(out, name)
		}
	}
	return out
}

// moves reports whether every element with a source is an unchanged element of the parent or zero, so that nothing is
// computed.
func (e *Expr) moves() bool {
	return e.rows.scale == nil && e.cols.scale == nil && e.factor == 1 && (e.split == growth.SplitChoice || !e.shares()) &&
		e.redraw == nil
}

// simple reports whether rows can be moved as bytes: no fresh index, nothing shared along the rows.
func (e *Expr) simple() bool {
	return e.moves() && e.rows.fresh == nil && e.cols.fresh == nil && !e.rows.shared && e.Next == "" && !e.random
}

// shares reports whether copies share what is read.
func (e *Expr) shares() bool {
	return e.rows.shared && e.rows.nth != nil || e.cols.shared && e.cols.nth != nil
}

// rounds reports whether some stored number may be rounded.
func (e *Expr) rounds() bool {
	if e.Zero || e.random {
		return false
	}
	for _, g := range []*gather{e.rows, e.cols} {
		if !powers(g.scale...) || e.split == growth.SplitEven && g.shared && g.unevenly() || g.means() {
			return true
		}
	}
	return !powers(e.factor) || e.offset != 0 && !e.moves() || e.shrinksHalves()
}

// shrinksHalves reports whether numbers of F16 get smaller: many of a model's are so small that a power of two below
// 1 takes bits of them. Those of the other types would have to be below 2^-125.
func (e *Expr) shrinksHalves() bool {
	least := math.Abs(e.factor)
	for _, g := range []*gather{e.rows, e.cols} {
		least *= g.leastScale()
	}
	return e.Info.DType == tensor.F16 && (least < 1 || e.split == growth.SplitEven && e.shares())
}

// leastScale is the smallest magnitude of the scales, zeros left out.
func (g *gather) leastScale() float64 {
	if g.scale == nil {
		return 1
	}
	least := math.Inf(1)
	for _, k := range g.scale {
		if k != 0 {
			least = math.Min(least, math.Abs(k))
		}
	}
	return least
}

// unevenly reports whether some source has a number of copies that is no power of two.
func (g *gather) unevenly() bool {
	for _, n := range g.count {
		if n&(n-1) != 0 {
			return true
		}
	}
	return false
}

// means reports whether the residual stream is padded with its mean, which is rounded.
func (g *gather) means() bool {
	for _, f := range g.fresh {
		if f == freshMean && g.scale != nil && g.use == arch.Writes {
			return true
		}
	}
	return false
}

// String prints the expression.
func (e *Expr) String() string {
	head := fmt.Sprintf("%s %v = ", e.Info.Name, e.Info.Shape)
	switch {
	case e.Zero:
		return head + "0"
	case e.random:
		return head + fmt.Sprintf("random, deviation %g", e.sigma)
	}
	var how []string
	for _, d := range []struct {
		name string
		g    *gather
	}{{"rows", e.rows}, {"columns", e.cols}} {
		if d.g.src == nil && d.g.scale == nil {
			continue
		}
		s := fmt.Sprintf("%s %d <- %d", d.name, d.g.to, d.g.from)
		if d.g.shared && d.g.nth != nil {
			s += " shared by " + string(e.split)
		}
		if d.g.scale != nil {
			s += " scaled"
		}
		if n := d.g.freshCount(); n > 0 {
			s += fmt.Sprintf(", %d fresh", n)
		}
		how = append(how, s)
	}
	if e.factor != 1 {
		how = append(how, fmt.Sprintf("times %g", e.factor))
	}
	if e.Next != "" {
		how = append(how, "copies from "+e.Next)
	}
	if e.redraw != nil {
		how = append(how, e.redraw.String())
	}
	s := head + e.From
	if len(how) > 0 {
		s += " (" + strings.Join(how, "; ") + ")"
	}
	return s
}

func (g *gather) freshCount() int {
	n := 0
	for _, f := range g.fresh {
		if f != sourced {
			n++
		}
	}
	return n
}

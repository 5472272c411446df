package expand

import (
	"fmt"
	"strings"

	"famkit/internal/tensor"
)

// Expr is one tensor of the grown model as a function of one of its parent's:
//
//	child[r,c] = parent[rows.src[r], cols.src[c]] * rows.scale[r] * cols.scale[c] * factor * share(r,c)
//
// rounded once to the stored type. A one-dimensional tensor is a matrix of one row.
type Expr struct {
	Info tensor.Info // the child's tensor
	From string      // the parent's
	Zero bool        // silent writer: zero instead

	rows, cols *gather
	factor     float64
	choice     choice
}

// plainCopy reports whether the bytes are the parent's as they stand.
func (e *Expr) plainCopy() bool {
	return !e.Zero && e.rows.identity() && e.cols.identity() && e.factor == 1
}

// moves reports whether every element is an unchanged element of the parent or zero, so that nothing is computed.
func (e *Expr) moves() bool { return e.rows.scale == nil && e.cols.scale == nil && e.factor == 1 }

// rounds reports whether some scale is no power of two, so that products may round.
func (e *Expr) rounds() bool {
	if e.Zero || e.moves() {
		return false
	}
	for _, g := range []*gather{e.rows, e.cols} {
		if !(AxisMap{Write: g.scale}).exact() {
			return true
		}
	}
	return !(AxisMap{Write: []float64{e.factor}}).exact()
}

// String prints the expression.
func (e *Expr) String() string {
	if e.Zero {
		return fmt.Sprintf("%s %v = 0", e.Info.Name, e.Info.Shape)
	}
	var how []string
	for _, d := range []struct {
		name string
		g    *gather
	}{{"rows", e.rows}, {"columns", e.cols}} {
		switch {
		case d.g.slot != nil:
			how = append(how, fmt.Sprintf("%s %d <- %d shared by choice", d.name, d.g.to, d.g.from))
		case d.g.scale != nil:
			how = append(how, fmt.Sprintf("%s %d <- %d scaled", d.name, d.g.to, d.g.from))
		case d.g.src != nil:
			how = append(how, fmt.Sprintf("%s %d <- %d", d.name, d.g.to, d.g.from))
		}
	}
	if e.factor != 1 {
		how = append(how, fmt.Sprintf("times %g", e.factor))
	}
	s := fmt.Sprintf("%s %v = %s", e.Info.Name, e.Info.Shape, e.From)
	if len(how) > 0 {
		s += " (" + strings.Join(how, ", ") + ")"
	}
	return s
}

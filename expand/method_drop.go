package expand

import (
	"fmt"

	"famkit/internal/arch"
)

// dropUpcycling is upcycling that draws half of each expert's neurons anew from the weights' own mean and deviation, so
// that experts differ from the start.
var dropUpcycling = method{"drop-upcycle", "experts: each is a copy of the MLP with half of its neurons drawn at " +
	"random; inexact", []arch.Axis{arch.Experts}, false,
	func(b *builder, _ arch.Axis) error {
		b.inexact("half of each expert's neurons are drawn anew")
		return b.upcycle(0.5)
	}}

// redraw is the set of an expert's neurons that are drawn anew, as rows of gate and up or columns of down.
type redraw struct {
	rows bool
	set  []bool
	n    int
}

// newRedraw draws the neurons by layer and expert, so that gate, up and down of an expert agree.
func newRedraw(share float64, seed uint64, s slot, e *Expr) *redraw {
	d := &redraw{rows: s.spec.Role != arch.Down}
	size := e.cols.to
	if d.rows {
		size = e.rows.to
	}
	key := newChoice(seed, fmt.Sprintf("neurons of expert %d of layer %d", s.expert, s.layer))
	d.set = make([]bool, size)
	for i := range d.set {
		if key.unit(i, 0) < share {
			d.set[i] = true
			d.n++
		}
	}
	return d
}

func (d *redraw) drawn(r, c int) bool {
	if d.rows {
		return d.set[r]
	}
	return d.set[c]
}

func (d *redraw) String() string { return fmt.Sprintf("%d of %d neurons drawn anew", d.n, len(d.set)) }

package decoder

import "famkit/internal/engine"

// Figures are what a step leaves for the host to see.
type Figures struct {
	Loss float64 // the sum of the losses of all batches since ZeroGrad, in nats
	Norm float64 // of all gradients together, before clipping
}

// Clip measures the gradients: Figures has their norm, and Factor what brings it down to limit (0: any). The factor
// is NaN where the losses or the gradients are not finite, so that an engine's AdamW changes nothing.
func (d *Decoder) Clip(limit float64) {
	c := &d.ops.clip
	c.Max, c.Guard, c.Norm, c.Factor = limit, d.sums.loss, d.sums.norm, d.sums.factor
	d.e.Clip(c)
}

// Factor is what AdamW should multiply gradients by: F64 [1], filled by Clip.
func (d *Decoder) Factor() engine.Buf { return d.sums.factor }

// Figures waits for all that was asked for. It is the one time in a step that the host does.
func (d *Decoder) Figures() (Figures, error) {
	x := d.host[:2]
	err := d.e.Read(x, d.mem.sums.buf.At(0, 2)) // loss and norm
	return Figures{x[0], x[1]}, err
}

// sorting lists the rows of a batch by their token, for the engines that add up gradients of the embedding in that
// order.
type sorting struct{ order, starts []int32 }

func newSorting(rows, vocab int) sorting {
	return sorting{make([]int32, rows), make([]int32, vocab+1)}
}

// rows is overwritten by the next call.
func (s sorting) rows(ids []int32) []int32 {
	order := s.order[:len(ids)]
	engine.SortRows(order, ids, s.starts)
	return order
}

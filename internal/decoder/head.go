package decoder

import (
	"errors"

	"famkit/internal/engine"
	"famkit/internal/fault"
)

// ignored is the target that counts for nothing, as in PyTorch.
const ignored = -100

// SetBatch takes batch rows of seq ids each, and their targets: the id that should follow, or -100 for none.
// Targets may be nil where no loss is wanted. Ids outside the vocabulary are refused.
func (d *Decoder) SetBatch(batch, seq int, ids, targets []int32) error {
	if err := d.checkBatch(batch, seq, ids, targets); err != nil {
		return err
	}
	if d.elastic && seq != d.tabled {
		if err := d.uploadTurns(seq); err != nil {
			return err
		}
	}
	d.Forget()
	d.putBatch(batch, seq, ids, targets)
	return nil
}

func (d *Decoder) checkBatch(batch, seq int, ids, targets []int32) error {
	switch {
	case batch < 1 || seq < 1 || len(ids) != batch*seq:
		return fault.Inputf("batch of %d x %d tokens has %d ids", batch, seq, len(ids))
	case targets != nil && len(targets) != len(ids):
		return fault.Inputf("batch of %d ids has %d targets", len(ids), len(targets))
	case seq > d.o.SeqLen || len(ids) > d.o.Batch*d.o.SeqLen:
		return fault.Inputf("batch of %d x %d tokens does not fit into the %d x %d that were planned", batch, seq, d.o.Batch,
			d.o.SeqLen)
	}
	for i, id := range ids {
		if id < 0 || int(id) >= d.m.Vocab {
			return fault.Inputf("row %d, position %d: token id %d is outside the vocabulary of %d", i/seq, i%seq, id, d.m.Vocab)
		}
	}
	for i, id := range targets {
		if id != ignored && (id < 0 || int(id) >= d.m.Vocab) {
			return fault.Inputf("row %d, position %d: target %d is outside the vocabulary of %d", i/seq, i%seq, id, d.m.Vocab)
		}
	}
	return nil
}

func (d *Decoder) putBatch(batch, seq int, ids, targets []int32) {
	d.batch, d.seq, d.rows, d.labelled = batch, seq, len(ids), targets != nil
	d.e.UploadInts(d.ids, ids)
	if d.o.Train {
		d.e.UploadInts(d.order, d.sorting.rows(ids))
	}
	if targets != nil {
		d.e.UploadInts(d.targets, targets)
	}
}

// HeadForward runs the final norm, the head and the cross-entropy over chunks of rows, and adds the losses in nats to
// those of the batches since ZeroGrad. A training decoder also computes gradScale times the gradient: that of the
// stream goes where BlockBackward takes it, those of the head and the final norm are added to theirs.
func (d *Decoder) HeadForward(gradScale float64) error {
	return d.headForward(gradScale, d.o.Train, d.sums.loss)
}

func (d *Decoder) headForward(gradScale float64, grad bool, sum engine.Buf) error {
	if !d.labelled {
		return errors.New("the batch has no targets")
	}
	d.normForward(d.last, d.finalOut, d.finalStat, d.finalNorm)
	for first := 0; first < d.rows; first += d.chunk {
		rows := min(d.chunk, d.rows-first)
		x, logits := d.logitsOf(first, rows)
		d.ops.ce = engine.CrossEntropy{Rows: rows, Vocab: d.m.Vocab, Logits: logits, Targets: d.targets.At(first, rows),
			Loss: d.loss.At(first, rows), Grad: grad, Scale: gradScale, Softcap: d.m.FinalSoftcap}
		d.e.CrossEntropy(&d.ops.ce)
		if grad {
			d.backwardRows(&d.head, x, logits, d.dfinal.At(first*d.m.Hidden, rows*d.m.Hidden), rows)
		}
	}
	if grad {
		d.normBackward(d.last, d.dfinal, d.dx, d.finalStat, d.finalNorm, false)
	}
	d.e.Sum(sum, d.loss.At(0, d.rows))
	return nil
}

// logitsOf computes the logits of some rows of the normed stream, x. They are not capped yet.
func (d *Decoder) logitsOf(first, rows int) (x, logits engine.Buf) {
	x = d.finalOut.At(first*d.m.Hidden, rows*d.m.Hidden)
	logits = d.logits.At(0, rows*d.m.Vocab)
	d.forwardRows(&d.head, x, logits, engine.Buf{}, rows)
	return x, logits
}

// Loss is the forward pass alone: the sum of the losses in nats and the number of targets that count. It leaves
// gradients as they are, but not the activations that a backward pass would read.
func (d *Decoder) Loss(batch, seq int, ids, targets []int32) (sum float64, n int, err error) {
	if err := d.SetBatch(batch, seq, ids, targets); err != nil {
		return 0, 0, err
	}
	for _, id := range targets {
		if id != ignored {
			n++
		}
	}
	d.blocksForward()
	d.e.Zero(d.sums.evaluated)
	if err := d.headForward(0, false, d.sums.evaluated); err != nil {
		return 0, 0, err
	}
	err = d.e.Read(d.host[:1], d.sums.evaluated)
	return d.host[0], n, err
}

// Logits is the forward pass; sink gets the logits [rows, vocab] of a few rows of the batch at a time, in order. The
// buffer is reused after it returns.
func (d *Decoder) Logits(batch, seq int, ids []int32, sink func(firstRow, rows int, logits engine.Buf) error) error {
	if err := d.Forward(batch, seq, ids); err != nil {
		return err
	}
	for first := 0; first < d.rows; first += d.chunk {
		rows := min(d.chunk, d.rows-first)
		logits, err := d.LogitRows(first, rows)
		if err != nil {
			return err
		}
		if err := sink(first, rows, logits); err != nil {
			return err
		}
	}
	return nil
}

// Forward runs all but the head; LogitRows does the rest, for any rows in any order.
func (d *Decoder) Forward(batch, seq int, ids []int32) error {
	if err := d.SetBatch(batch, seq, ids, nil); err != nil {
		return err
	}
	d.EmbedForward()
	for l := range d.blocks {
		d.BlockForward(l)
		if d.o.Between == nil {
			continue
		}
		if err := d.o.Between(l); err != nil {
			return err
		}
	}
	d.normForward(d.last, d.finalOut, d.finalStat, d.finalNorm)
	return d.e.Sync()
}

// MaxLogitRows is how many rows of logits exist at a time.
func (d *Decoder) MaxLogitRows() int { return d.chunk }

// LogitRows gives the logits [rows, vocab] of at most MaxLogitRows rows of the batch that Forward ran. The buffer is
// overwritten by the next call.
func (d *Decoder) LogitRows(first, rows int) (engine.Buf, error) {
	_, logits := d.logitsOf(first, rows)
	if d.m.FinalSoftcap > 0 {
		d.e.Softcap(logits, d.m.FinalSoftcap)
	}
	return logits, d.e.Sync()
}

func (d *Decoder) blocksForward() {
	d.EmbedForward()
	for l := range d.blocks {
		d.BlockForward(l)
	}
}

// Residuals is the forward pass up to the last block; sink gets the residual stream [rows, hidden] that leaves the
// embedding, as layer -1, and each block. The buffer may be overwritten after it returns.
func (d *Decoder) Residuals(batch, seq int, ids []int32, sink func(layer int, stream engine.Buf) error) error {
	if err := d.SetBatch(batch, seq, ids, nil); err != nil {
		return err
	}
	d.EmbedForward()
	for l := range len(d.blocks) + 1 {
		if l > 0 {
			d.BlockForward(l - 1)
		}
		if err := d.e.Sync(); err != nil {
			return err
		}
		if err := sink(l-1, d.wide(d.stream(l))); err != nil {
			return err
		}
	}
	return nil
}

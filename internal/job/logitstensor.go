package job

import (
	"io"
	"math"

	"famkit/internal/arch"
	"famkit/internal/decoder"
	"famkit/internal/engine"
	"famkit/internal/fault"
	"famkit/internal/tensor"
	"famkit/internal/units"
)

// groupRows bounds the rows of one forward pass, where sequences are shorter.
const groupRows = 2048

// inVocabulary refuses ids that the embedding has no row for.
func inVocabulary(path string, ids []int32, seq, vocab int) error {
	for i, id := range ids {
		if id < 0 || int(id) >= vocab {
			return fault.Inputf("%s: input_ids: row %d, position %d: token id %d is outside the vocabulary of %d", path, i/seq,
				i%seq, id, vocab)
		}
	}
	return nil
}

// logits is the tensor [B,T,V] of a model's logits, computed when it is read: a group of sequences at a time, a few
// of its rows at a time. It should be read from start to end.
type logits struct {
	d          *decoder.Decoder
	e          engine.Engine
	info       tensor.Info
	ids        []int32
	batch, seq int
	group      int // sequences in a forward pass
	ran        int // the group that the decoder holds, -1 none
	rows       []byte
	first      int        // row that rows starts with
	sum        engine.Buf // of the logits, which tells whether all are finite
	infinite   bool
}

func newLogits(e engine.Engine, ck *arch.Checkpoint, ids []int32, batch, seq int) (*logits, error) {
	l := &logits{e: e, ids: ids, batch: batch, seq: seq, group: min(batch, max(1, groupRows/seq)), ran: -1}
	o := decoder.Options{Batch: l.group, SeqLen: seq}
	need, available := decoder.Plan(ck.Model, e.Spec(), o).Total(), e.Available()
	if available > 0 && need > available {
		return nil, fault.Failedf("too little memory: wanted %s, available %s", units.Bytes(need), units.Bytes(available))
	}
	var err error
	if l.d, err = decoder.New(e, ck.Model, o); err != nil {
		return nil, err
	}
	l.info = tensor.Info{Name: "logits", DType: tensor.F32, Shape: []int{batch, seq, ck.Model.Vocab}}
	if e.Spec().Act == engine.F64 {
		l.info.DType = tensor.F64
	}
	if l.sum, err = e.Alloc(engine.F64, 1); err != nil {
		return nil, err
	}
	return l, l.d.Load(ck)
}

func (l *logits) Info() tensor.Info { return l.info }

// ReadAt computes the rows that hold the bytes asked for.
func (l *logits) ReadAt(b []byte, off int64) (int, error) {
	width := int64(l.info.Shape[2]) * int64(l.info.DType.Bits()/8)
	n := 0
	for n < len(b) {
		at := off + int64(n)
		if at >= int64(l.batch*l.seq)*width {
			return n, io.EOF
		}
		if err := l.hold(int(at/width), width); err != nil {
			return n, err
		}
		n += copy(b[n:], l.rows[at-int64(l.first)*width:])
	}
	return n, nil
}

// hold has rows contain the logits of a row.
func (l *logits) hold(row int, width int64) error {
	if held := int(int64(len(l.rows)) / width); row >= l.first && row < l.first+held {
		return nil
	}
	g := row / (l.group * l.seq)
	start := g * l.group * l.seq
	total := min(l.group*l.seq, l.batch*l.seq-start)
	if g != l.ran {
		if err := l.d.Forward(total/l.seq, l.seq, l.ids[start:start+total]); err != nil {
			return err
		}
		l.ran = g
	}
	first := row - start
	rows := min(l.d.MaxLogitRows(), total-first)
	z, err := l.d.LogitRows(first, rows)
	if err != nil {
		return err
	}
	if err := l.look(z); err != nil {
		return err
	}
	if size := rows * int(width); cap(l.rows) < size {
		l.rows = make([]byte, size)
	} else {
		l.rows = l.rows[:size]
	}
	l.first = row
	return l.e.Download(l.rows, l.info.DType, z)
}

// look notes whether logits are finite.
func (l *logits) look(z engine.Buf) error {
	var s [1]float64
	l.e.Zero(l.sum)
	l.e.Sum(l.sum, z)
	err := l.e.Read(s[:], l.sum)
	l.infinite = l.infinite || math.IsNaN(s[0]) || math.IsInf(s[0], 0)
	return err
}

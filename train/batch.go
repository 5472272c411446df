package train

import "famkit/internal/corpus"

// batch is the input of one pass: rows of seq ids and of their targets, one after the other.
type batch struct {
	seq          int
	row          []int32 // seq+1 ids of the data
	ids, targets []int32
}

func newBatch(rows, seq int) *batch {
	return &batch{seq: seq, row: make([]int32, seq+1), ids: make([]int32, rows*seq), targets: make([]int32, rows*seq)}
}

// take puts row i of the data in place k of the batch.
func (b *batch) take(k int, from corpus.Rows, i int64) {
	from.Row(b.row, i)
	copy(b.ids[k*b.seq:], b.row[:b.seq])
	copy(b.targets[k*b.seq:(k+1)*b.seq], b.row[1:])
}

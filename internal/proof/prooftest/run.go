package prooftest

import (
	"testing"

	"famkit/internal/arch"
	"famkit/internal/decoder"
	"famkit/internal/engine"
	_ "famkit/internal/engine/ref" // runs them
	"famkit/internal/tensor"
)

// Logits runs a model on batch sequences of ids in float64, by the plain engine.
func Logits(t testing.TB, ck *arch.Checkpoint, batch int, ids []int32) []float64 {
	t.Helper()
	e, err := engine.New("ref", engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	seq := len(ids) / batch
	d, err := decoder.New(e, ck.Model, decoder.Options{Batch: batch, SeqLen: seq})
	if err == nil {
		err = d.Load(ck)
	}
	if err != nil {
		t.Fatal(err)
	}
	v := ck.Model.Vocab
	out := make([]float64, len(ids)*v)
	err = d.Logits(batch, seq, ids, func(first, rows int, l engine.Buf) error {
		raw := make([]byte, 8*rows*v)
		if err := e.Download(raw, tensor.F64, l); err != nil {
			return err
		}
		tensor.Decode(out[first*v:(first+rows)*v], raw, tensor.F64)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

package decoder_test

import (
	"slices"
	"testing"

	"famkit/internal/decoder"
	"famkit/internal/engine"
)

// TestRecompute: what is computed again is the same bits, and takes less memory; evaluation in between does no harm.
func TestRecompute(t *testing.T) {
	const batch, seq = 2, 7
	for _, c := range engine.Candidates() {
		for name, special := range tiny {
			t.Run(c.Name+"/"+name, func(t *testing.T) {
				e := newEngine(t, c, 2)
				_, m := tinyConfig(t, special)
				ids, targets := randomIDs(3, batch*seq, m.Vocab), randomIDs(4, batch*seq, m.Vocab)
				var want []float64
				var need int64
				for _, how := range []decoder.Recompute{decoder.RecomputeNone, decoder.RecomputeAttention, decoder.RecomputeBlock} {
					o := decoder.Options{Batch: batch, SeqLen: seq, Train: true, Recompute: how}
					d := newTiny(t, e, m, o)
					loss := lossAndGrad(t, d, batch, seq, ids, targets, 1)
					got := append(values(t, e, d.Gradients()), loss)
					if now := decoder.Plan(m, e.Spec(), o).Activations; want != nil && now >= need {
						t.Errorf("%q: %d bytes of activations, %d without", how, now, need)
					} else if want == nil {
						want, need = got, now
					}
					if !slices.Equal(got, want) {
						t.Errorf("%q: gradients differ by %.1e", how, maxDiff(got, want))
					}
				}
			})
		}
	}
	_, m := tinyConfig(t, tiny["gemma"])
	if _, err := decoder.New(refEngine(t, 1), m, decoder.Options{Batch: 1, SeqLen: 1, Recompute: "some"}); err == nil {
		t.Error("an unknown kind of recomputation was accepted")
	}
}

package decoder_test

import (
	"math"
	"testing"

	"famkit/internal/decoder"
)

// TestDynamicScaling: sequences within the original context see the plain frequencies and longer ones those of a
// larger base, whatever sequence the decoder has run before.
func TestDynamicScaling(t *testing.T) {
	const context, factor, headDim = 6, 2.0, 4
	stretched := func(seq int) float64 {
		return 10000 * math.Pow(factor*float64(seq)/context-(factor-1), headDim/(headDim-2.0))
	}
	special := `"model_type": "llama", "num_attention_heads": 2, "rope_scaling": {"rope_type": "dynamic", "factor": 2.0}`
	e := refEngine(t, 1)
	_, m := tinyConfig(t, special, "max_position_embeddings", context)
	d := newTiny(t, e, m, decoder.Options{Batch: 1, SeqLen: 12})
	var last []float64
	for _, seq := range []int{12, 5, 9, 6, 12} {
		theta := 10000.0
		if seq > context {
			theta = stretched(seq)
		}
		_, plain := tinyConfig(t, `"model_type": "llama", "num_attention_heads": 2`, "rope_theta", theta)
		ids := randomIDs(31, seq, m.Vocab)
		got := logits(t, e, d, 1, seq, ids)
		want := logits(t, e, newTiny(t, e, plain, decoder.Options{Batch: 1, SeqLen: seq}), 1, seq, ids)
		if diff := maxDiff(got, want); !(diff <= 1e-12) {
			t.Errorf("%d tokens: logits differ by %.1e from those of base %g", seq, diff, theta)
		}
		if seq == 9 && maxDiff(got[:5*m.Vocab], last[:5*m.Vocab]) < 1e-6 {
			t.Error("the first tokens of a longer sequence give what those of a shorter one give")
		}
		last = got
	}
}

// TestLearnedPositions: a sequence longer than the table is refused before anything runs.
func TestLearnedPositions(t *testing.T) {
	_, m := tinyConfig(t, tiny["gpt2"])
	if _, err := decoder.New(refEngine(t, 1), m, decoder.Options{Batch: 1, SeqLen: m.MaxPos}); err != nil {
		t.Error(err)
	}
	if _, err := decoder.New(refEngine(t, 1), m, decoder.Options{Batch: 1, SeqLen: m.MaxPos + 1}); err == nil {
		t.Error("a sequence longer than the table of positions was accepted")
	}
}

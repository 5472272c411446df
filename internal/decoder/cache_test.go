package decoder_test

import (
	"maps"
	"math/rand/v2"
	"testing"

	"famkit/internal/decoder"
	"famkit/internal/engine"
)

// elasticRope are rotary embeddings whose frequencies depend on the length of the sequence.
var elasticRope = map[string]string{
	"dynamic": `"model_type": "llama", "num_attention_heads": 2, "num_key_value_heads": 1,
		"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}`,
	"longrope": `"model_type": "phi3", "num_attention_heads": 2, "num_key_value_heads": 1, "original_max_position_embeddings": 8,
		"rope_scaling": {"type": "longrope", "short_factor": [1.0, 1.5], "long_factor": [2.0, 5.0]}`,
}

// TestExtend: whatever pieces a sequence is run in, what follows each of them is what the whole sequence gives: the
// same bits on engine ref, rounding apart on cpu.
func TestExtend(t *testing.T) {
	models := maps.Clone(tiny)
	maps.Copy(models, elasticRope)
	for name, special := range models {
		t.Run(name, func(t *testing.T) {
			var changes []any
			if name == "dynamic" {
				changes = []any{"max_position_embeddings", 8}
			}
			_, m := tinyConfig(t, special, changes...)
			r := rand.New(rand.NewPCG(5, 6))
			ids := make([]int32, 23)
			for i := range ids {
				ids[i] = int32(r.IntN(m.Vocab))
			}
			for _, c := range engine.Candidates() {
				e := newEngine(t, c, 2)
				if !e.Spec().Cached {
					continue
				}
				tol := 0.0
				if c.Name != "ref" {
					tol = 2e-5
				}
				whole := newTiny(t, e, m, decoder.Options{Batch: 1, SeqLen: len(ids)})
				d := newTiny(t, e, m, decoder.Options{Batch: 1, SeqLen: 5, Cache: len(ids)})
				for _, pieces := range [][]int{{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, {3, 1, 5, 1, 2}, {12, 1, 1, 9}, {23}} {
					d.Forget()
					for n, i := 0, 0; i < len(pieces); i++ {
						if err := d.Extend(ids[n : n+pieces[i]]); err != nil {
							t.Fatal(err)
						}
						n += pieces[i]
						last, err := d.LastLogits()
						if err != nil {
							t.Fatal(err)
						}
						all := logits(t, e, whole, 1, n, ids[:n])
						apart(t, values(t, e, last), all[(n-1)*m.Vocab:], tol)
						if d.Kept() != n {
							t.Fatalf("%d positions are kept, want %d", d.Kept(), n)
						}
					}
				}
			}
		})
	}
}

func apart(t *testing.T, got, want []float64, tol float64) {
	t.Helper()
	for i, w := range want {
		if d := got[i] - w; !(d <= tol && d >= -tol) {
			t.Fatalf("logit %d is %v, the whole sequence gives %v", i, got[i], w)
		}
	}
}

func TestExtendRefusals(t *testing.T) {
	_, m := tinyConfig(t, tiny["gpt2"])
	e := refEngine(t, 1)
	for name, o := range map[string]decoder.Options{"training": {Batch: 1, SeqLen: 4, Cache: 8, Train: true},
		"several sequences": {Batch: 2, SeqLen: 4, Cache: 8}, "past the learned positions": {Batch: 1, SeqLen: 4,
			Cache: 33}} {
		if _, err := decoder.New(e, m, o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	d := newTiny(t, e, m, decoder.Options{Batch: 1, SeqLen: 4, Cache: 6})
	for name, ids := range map[string][]int32{"nothing": {}, "too many": {1, 2, 3, 4, 5, 6, 7},
		"outside the vocabulary": {1, 99}} {
		if err := d.Extend(ids); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := d.Extend([]int32{1, 2, 3}); err != nil || d.Kept() != 3 {
		t.Fatalf("%d kept, %v", d.Kept(), err)
	}
	if err := d.Forward(1, 2, []int32{4, 5}); err != nil || d.Kept() != 0 {
		t.Errorf("another pass leaves %d kept, %v", d.Kept(), err)
	}
}

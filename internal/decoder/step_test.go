package decoder_test

import (
	"math"
	"slices"
	"testing"

	"famkit/internal/decoder"
	"famkit/internal/engine"
)

// TestClipGuards: gradients that are not finite change no weight and no moment, and the host learns of it.
func TestClipGuards(t *testing.T) {
	const batch, seq = 2, 4
	for _, c := range engine.Candidates() {
		t.Run(c.Name, func(t *testing.T) {
			e := newEngine(t, c, 2)
			_, m := tinyConfig(t, tiny["gemma"])
			d := newTiny(t, e, m, decoder.Options{Batch: batch, SeqLen: seq, Train: true})
			ids := randomIDs(3, batch*seq, m.Vocab)
			moments, err := e.Alloc(d.Weights().Type, 2*d.Weights().N)
			if err != nil {
				t.Fatal(err)
			}
			step := func(scale float64) (decoder.Figures, []float64) {
				d.ZeroGrad()
				passes(t, d, batch, seq, ids, ids, scale)
				d.Clip(1)
				for _, p := range d.Params() {
					e.AdamW(&engine.AdamW{W: p.W, Copy: p.Copy, G: p.G, M: moments.At(p.Off, p.W.N),
						V:      moments.At(d.Weights().N+p.Off, p.W.N),
						Factor: d.Factor(), LR: 1e-2, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, C1: 1, C2: 1})
				}
				return figures(t, d), append(values(t, e, d.Weights()), values(t, e, moments)...)
			}
			before, state := step(1)
			if !(before.Norm > 1) || math.IsInf(before.Loss, 0) {
				t.Fatalf("figures %+v", before)
			}
			bad, after := step(math.Inf(1))
			if !math.IsNaN(bad.Norm) && !math.IsInf(bad.Norm, 0) || !slices.Equal(after, state) {
				t.Errorf("norm %g, and weights have changed: %t", bad.Norm, !slices.Equal(after, state))
			}
			if _, again := step(1); slices.Equal(again, state) {
				t.Error("a good step after a bad one changes nothing")
			}
		})
	}
}

// TestOffsets: a parameter's offset is where its elements are in all memory that is laid out as the weights are.
func TestOffsets(t *testing.T) {
	for name, special := range tiny {
		e := refEngine(t, 1)
		_, m := tinyConfig(t, special)
		d := newTiny(t, e, m, decoder.Options{Batch: 1, SeqLen: 3, Train: true})
		for _, p := range d.Params() {
			if d.Weights().At(p.Off, p.W.N) != p.W || d.Gradients().At(p.Off, p.W.N) != p.G {
				t.Errorf("%s: %s is not at %d", name, p.Name, p.Off)
			}
		}
	}
}

package decoder_test

import (
	"math"
	"testing"

	"famkit/internal/decoder"
)

// TestGradients compares the gradient of every weight with central differences of the loss, of fourth order.
func TestGradients(t *testing.T) {
	const batch, seq, scale = 2, 7, 0.25
	for name, special := range tiny {
		t.Run(name, func(t *testing.T) {
			e := refEngine(t, 1)
			_, m := tinyConfig(t, special)
			d := newTiny(t, e, m, decoder.Options{Batch: batch, SeqLen: seq, Train: true})
			ids, targets := randomIDs(1, batch*seq, m.Vocab), randomIDs(2, batch*seq, m.Vocab)
			targets[3], targets[9] = -100, -100
			sum := lossAndGrad(t, d, batch, seq, ids, targets, scale)
			loss := func() float64 {
				s, n, err := d.Loss(batch, seq, ids, targets)
				if err != nil || n != batch*seq-2 {
					t.Fatalf("%d targets: %v", n, err)
				}
				return s
			}
			if again := loss(); again != sum {
				t.Errorf("loss %.17g in training, %.17g without", sum, again)
			}
			for _, p := range d.Params() {
				w, g := values(t, e, p.W), values(t, e, p.G)
				var norm, off float64
				for i, v := range w {
					const h = 2e-5
					at := func(step float64) float64 {
						set(t, e, p.W.At(i, 1), []float64{v + step})
						return loss()
					}
					numeric := scale * (8*(at(h)-at(-h)) - (at(2*h) - at(-2*h))) / (12 * h)
					set(t, e, p.W.At(i, 1), []float64{v})
					norm, off = norm+numeric*numeric, off+(numeric-g[i])*(numeric-g[i])
				}
				if !(math.Sqrt(off) <= 1e-8*math.Sqrt(norm)+1e-9) || norm == 0 {
					t.Errorf("%s: gradient of norm %.3g is off by %.3g", p.Name, math.Sqrt(norm), math.Sqrt(off))
				}
			}
		})
	}
}

// TestAccumulation: the gradients of two halves of a batch add up to the whole batch's, and ZeroGrad starts anew.
func TestAccumulation(t *testing.T) {
	const batch, seq = 4, 5
	for name, special := range tiny {
		e := refEngine(t, 2)
		_, m := tinyConfig(t, special)
		d := newTiny(t, e, m, decoder.Options{Batch: batch, SeqLen: seq, Train: true})
		ids, targets := randomIDs(3, batch*seq, m.Vocab), randomIDs(4, batch*seq, m.Vocab)
		whole := lossAndGrad(t, d, batch, seq, ids, targets, 1)
		want := values(t, e, d.Gradients())
		d.ZeroGrad()
		d.Clip(0)
		if left := figures(t, d); left != (decoder.Figures{}) {
			t.Errorf("%s: left are %+v", name, left)
		}
		half := batch * seq / 2
		lossAndGrad(t, d, batch/2, seq, ids[:half], targets[:half], 1)
		parts := lossAndGrad(t, d, batch/2, seq, ids[half:], targets[half:], 1)
		if diff := maxDiff(values(t, e, d.Gradients()), want); !(diff <= 1e-12) || math.Abs(parts-whole) > 1e-12 {
			t.Errorf("%s: gradients of two halves differ by %.1e, losses by %.1e", name, diff, parts-whole)
		}
	}
}

// TestChunks: the head gives the same whatever number of rows it takes at a time.
func TestChunks(t *testing.T) {
	const batch, seq = 2, 7
	e := refEngine(t, 2)
	_, m := tinyConfig(t, tiny["llama, tied, one kv head"])
	d := newTiny(t, e, m, decoder.Options{Batch: batch, SeqLen: seq, Train: true})
	ids, targets := randomIDs(5, batch*seq, m.Vocab), randomIDs(6, batch*seq, m.Vocab)
	loss := lossAndGrad(t, d, batch, seq, ids, targets, 1)
	grad, z := values(t, e, d.Gradients()), logits(t, e, d, batch, seq, ids)
	for _, n := range []int{1, 3, 13} {
		d.SetChunk(n)
		d.ZeroGrad()
		if got := lossAndGrad(t, d, batch, seq, ids, targets, 1); math.Abs(got-loss) > 1e-13 {
			t.Errorf("%d rows at a time: loss %.17g, want %.17g", n, got, loss)
		}
		if diff := maxDiff(values(t, e, d.Gradients()), grad); !(diff <= 1e-13) {
			t.Errorf("%d rows at a time: gradients differ by %.1e", n, diff)
		}
		if diff := maxDiff(logits(t, e, d, batch, seq, ids), z); diff != 0 {
			t.Errorf("%d rows at a time: logits differ by %.1e", n, diff)
		}
	}
}

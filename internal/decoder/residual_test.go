package decoder_test

import (
	"math"
	"testing"

	"famkit/internal/decoder"
	"famkit/internal/engine"
)

// streams are the residual streams of a batch, the embedding's first.
func streams(t *testing.T, e engine.Engine, d *decoder.Decoder, batch, seq int, ids []int32) [][]float64 {
	t.Helper()
	var out [][]float64
	err := d.Residuals(batch, seq, ids, func(layer int, stream engine.Buf) error {
		if layer != len(out)-1 || stream.N != batch*seq*d.Model().Hidden {
			t.Fatalf("layer %d with %d numbers comes as number %d", layer, stream.N, len(out))
		}
		out = append(out, values(t, e, stream))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestResiduals: there is a stream for the embedding and for every block, the same where activations are kept, none
// equals its neighbour, and the last one, normed and multiplied with the head, gives the logits.
func TestResiduals(t *testing.T) {
	const batch, seq = 2, 5
	for name, special := range tiny {
		e := refEngine(t, 1)
		_, m := tinyConfig(t, special)
		ids := randomIDs(21, batch*seq, m.Vocab)
		d := newTiny(t, e, m, decoder.Options{Batch: 3, SeqLen: 8})
		all := streams(t, e, d, batch, seq, ids)
		if len(all) != m.Layers+1 {
			t.Fatalf("%s: %d streams of %d layers", name, len(all), m.Layers)
		}
		for l := range m.Layers {
			if maxDiff(all[l], all[l+1]) < 1e-3 {
				t.Errorf("%s: block %d changes nothing", name, l)
			}
		}
		trained := newTiny(t, e, m, decoder.Options{Batch: 3, SeqLen: 8, Train: true})
		for l, s := range streams(t, e, trained, batch, seq, ids) {
			if maxDiff(s, all[l]) != 0 {
				t.Errorf("%s: the stream after layer %d is another where activations are kept", name, l-1)
			}
		}
		if m.LayerNorm || m.FinalSoftcap > 0 {
			continue
		}
		if diff := maxDiff(plainHead(t, e, d, all[m.Layers]), logits(t, e, d, batch, seq, ids)); !(diff <= 1e-12) {
			t.Errorf("%s: logits differ by %.1e", name, diff)
		}
	}
}

// plainHead norms a stream and multiplies it with the head.
func plainHead(t *testing.T, e engine.Engine, d *decoder.Decoder, stream []float64) []float64 {
	t.Helper()
	m := d.Model()
	var gain, head, out []float64
	for _, p := range d.Params() {
		switch p.Role {
		case "final_norm":
			gain = values(t, e, p.W)
		case "embed", "head": // the head comes last, where there is one
			head = values(t, e, p.W)
		}
	}
	for r := 0; r < len(stream); r += m.Hidden {
		x := stream[r:][:m.Hidden]
		var sq float64
		for _, v := range x {
			sq += v * v / float64(m.Hidden)
		}
		for v := range m.Vocab {
			var s float64
			for i, h := range x {
				s += h / math.Sqrt(sq+m.Eps) * (gain[i] + m.GainOffset) * head[v*m.Hidden+i]
			}
			out = append(out, s)
		}
	}
	return out
}

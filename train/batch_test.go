package train

import (
	"context"
	"math"
	"path/filepath"
	"testing"

	"famkit/format"
	"famkit/internal/corpus"
	"famkit/internal/tensor"
)

func TestMicroBatchesDoNotChangeAStep(t *testing.T) {
	for engine, tolerance := range map[string]float64{"ref": 1e-12, "cpu": 1e-6} {
		run := func(batch, accum int) []StepRow {
			o := recordOptions("qwen3", filepath.Join(t.TempDir(), "out"))
			o.Engine, o.Data, o.Steps, o.Batch, o.Accum = engine, []string{eightRows(t)}, 3, batch, accum
			return trained(t, o)
		}
		whole := run(8, 1)
		for _, c := range [][2]int{{1, 8}, {4, 2}} {
			for i, r := range run(c[0], c[1]) {
				w := whole[i]
				if math.Abs(r.Loss-w.Loss) > tolerance*w.Loss || math.Abs(r.GradNorm-w.GradNorm) > tolerance*w.GradNorm ||
					r.Tokens != w.Tokens {
					t.Errorf("%s, %d x %d, step %d: loss %v, norm %v, tokens %d; as one batch %v, %v, %d",
						engine, c[0], c[1], i+1, r.Loss, r.GradNorm, r.Tokens, w.Loss, w.GradNorm, w.Tokens)
				}
			}
		}
	}
}

// eightRows is the oracle's data of 20 batches of 4 rows as 10 batches of 8.
func eightRows(t *testing.T) string {
	t.Helper()
	h, err := format.Open(oracle + "qwen3/train_tokens.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	x, err := h.Tensor(corpus.TokensTensor)
	if err != nil {
		t.Fatal(err)
	}
	b, err := format.ReadAll(x)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "eight.safetensors")
	m := &format.Memory{}
	m.AddBytes(tensor.Info{Name: corpus.TokensTensor, DType: x.Info().DType, Shape: []int{10, 8, 32}}, b)
	if _, err := format.Write(context.Background(), path, m, format.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return path
}

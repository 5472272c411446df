package decoder_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"famkit/internal/engine"
	"famkit/internal/engine/cuda"
	"famkit/internal/engine/cuda/cudatest"
)

// The tests that range over engines run engine cuda too, through libraries that are built for them; without gcc it
// cannot run, and they skip it.
var _ = cudatest.Use()

// again are models whose architecture and features another one has as well. A device that is played by a processor is
// slow, and leaves them out; SLOW runs all.
var again = []string{"gemma3-v4", "llama-rope3-v4", "mixtral-v4", "qwen2-v4", "llama-tied", "llama-untied", "gemma",
	"mistral", "phi3", "qwen2"}

func played(engine, dir string) bool {
	return engine == cuda.Name && os.Getenv("SLOW") == "" && slices.Contains(again, filepath.Base(dir))
}

// TestTrainRecordBFloat16 follows transformers' float32 training record with weights and activations of bfloat16 on
// engine cuda. Of the tiny models' numbers bfloat16 keeps 8 bits. Measured over all models: the loss within 4.9e-3
// (mixtral, whose router then chooses other experts now and then; 1e-3 without experts), the norm within 7.6e-2
// (llama-bias; 2e-2 for most).
func TestTrainRecordBFloat16(t *testing.T) {
	for _, dir := range oracleModels(t) {
		if played(cuda.Name, dir) {
			continue
		}
		t.Run(filepath.Base(dir), func(t *testing.T) {
			var rec trainRecord
			b, err := os.ReadFile(filepath.Join(dir, "train_record.json"))
			if err != nil {
				t.Skip("no training record")
			}
			if err := json.Unmarshal(b, &rec); err != nil {
				t.Fatal(err)
			}
			e, err := cuda.New(engine.Options{Precision: engine.BFloat16})
			if err != nil {
				t.Skip(err)
			}
			t.Cleanup(func() {
				if err := e.Close(); err != nil {
					t.Error(err)
				}
			})
			shape, tokens := readInts(t, openFile(t, filepath.Join(dir, "train_tokens.safetensors")), "tokens")
			run := newTrainer(t, e, open(t, dir), shape[1], shape[2]-1)
			var worstLoss, worstNorm float64
			for s := range rec.Losses {
				n := shape[1] * shape[2]
				loss, norm := run.step(t, &rec, tokens[s*n:(s+1)*n], shape[2])
				worstLoss = max(worstLoss, math.Abs(loss-rec.Losses[s])/rec.Losses[s])
				worstNorm = max(worstNorm, math.Abs(norm-rec.GradNorms[s])/rec.GradNorms[s])
			}
			if !(worstLoss <= 1e-2) || !(worstNorm <= 0.1) {
				t.Errorf("loss differs by %.1e (allowed 1e-2), gradient norm by %.1e (0.1), relatively", worstLoss, worstNorm)
			}
			t.Logf("loss differs by %.1e, norm by %.1e", worstLoss, worstNorm)
		})
	}
}

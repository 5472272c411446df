package train

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"famkit/internal/trainstate"
)

type record struct {
	Losses    []float64 `json:"losses"`
	GradNorms []float64 `json:"grad_norms"`
}

func readRecord(t *testing.T, model string) (r record) {
	t.Helper()
	b, err := os.ReadFile(oracle + model + "/train_record.json")
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// worst is the largest relative deviation of the rows from the record.
func worst(rows []StepRow, r record) (loss, norm float64) {
	for i, row := range rows {
		loss = max(loss, math.Abs(row.Loss-r.Losses[i])/r.Losses[i])
		norm = max(norm, math.Abs(row.GradNorm-r.GradNorms[i])/r.GradNorms[i])
	}
	return loss, norm
}

func TestFollowsPyTorch(t *testing.T) {
	models := []string{"llama-untied", "llama-tied", "llama-rope3", "mistral", "qwen2", "qwen3"}
	if testing.Short() {
		models = models[1:2]
	}
	for _, model := range models {
		for _, engine := range []string{"ref", "cpu"} {
			t.Run(model+"/"+engine, func(t *testing.T) {
				o := recordOptions(model, filepath.Join(t.TempDir(), "out"))
				o.Engine = engine
				rows := trained(t, o)
				if len(rows) != 20 {
					t.Fatalf("%d steps, want 20", len(rows))
				}
				if loss, norm := worst(rows, readRecord(t, model)); loss > 2e-4 || norm > 1e-3 {
					t.Errorf("loss deviates by %.1e, gradient norm by %.1e; want 2e-4, 1e-3", loss, norm)
				}
			})
		}
	}
}

// What the record does not forgive: each of these must leave it.
func TestLeavesPyTorchsRecord(t *testing.T) {
	if testing.Short() {
		t.Skip("nothing here is concurrent")
	}
	for name, spoil := range map[string]func(*trainstate.Settings){
		"no decay": func(s *trainstate.Settings) { s.WeightDecay = 0 },
		"no clip":  func(s *trainstate.Settings) { s.Clip = 0 },
		"beta1":    func(s *trainstate.Settings) { s.Beta1 = 0 },
		"warm-up":  func(s *trainstate.Settings) { s.Warmup = 1; s.Schedule = trainstate.Cosine },
	} {
		o := recordOptions("llama-tied", filepath.Join(t.TempDir(), "out"))
		o.Engine = "cpu"
		spoil(&o.Settings)
		if loss, norm := worst(trained(t, o), readRecord(t, "llama-tied")); loss <= 2e-4 && norm <= 1e-3 {
			t.Errorf("%s: still within the tolerance, %.1e and %.1e", name, loss, norm)
		}
	}
}

package train

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"famkit/internal/fault"
	"famkit/internal/tensor"
	"famkit/internal/trainstate"
)

// TestChangedWeightsAreNotOverruled: master weights take the place of the weights in 16 bits, so those must be theirs.
func TestChangedWeightsAreNotOverruled(t *testing.T) {
	dir := t.TempDir()
	o := recordOptions("llama-tied", filepath.Join(dir, "out"))
	o.Engine, o.DType, o.Steps = "cpu", "bfloat16", 3
	trained(t, o)
	trained(t, newSteps(goOn(o.Out), 4)) // as it was saved
	trained(t, newSteps(Options{Model: o.Out, Out: o.Out + "2", Settings: trainstate.Defaults()}, 1))

	changed := filepath.Join(dir, "changed")
	if err := os.CopyFS(changed, os.DirFS(o.Out)); err != nil {
		t.Fatal(err)
	}
	overwrite(t, filepath.Join(changed, "model.safetensors"), "model.norm.weight", 0x3f) // 0.7461 each
	words := []string{trainstate.OptimizerFile, `"master.model.norm.weight": is not the master`,
		"--fresh-optimizer, without --resume"}
	refused(t, "resumed", newSteps(goOn(changed), 9), fault.Input, words...)
	over := newSteps(Options{Model: changed, Out: changed + "2", Settings: trainstate.Defaults()}, 1)
	refused(t, "taken over", over, fault.Input, words...)
	growState(t, changed, "keep") // a growth allows roundings, not other weights
	refused(t, "grown", over, fault.Input, words...)
	over.FreshOptimizer = true
	trained(t, over)
}

func TestDistance(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range [][3]float64{{1, 1, 0}, {1, 0.5, 0.5}, {nan, nan, 0}, {1e6, inf, 0}, {-1e6, -inf, 0},
		{inf, inf, 0}} {
		if got := distance(c[0], c[1], tensor.F16); got != c[2] {
			t.Errorf("%v from %v: %v, want %v", c[0], c[1], got, c[2])
		}
	}
	if got := distance(1, nan, tensor.F16); !math.IsNaN(got) {
		t.Errorf("1 from NaN: %v", got)
	}
}

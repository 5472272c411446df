package train

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
)

func TestGrowthWarmsUpAgain(t *testing.T) {
	g := &Growth{Step: 100, RewarmSteps: 4}
	for step, want := range map[int]float64{101: 0.25, 102: 0.5, 104: 1, 105: 1, 1000: 1} {
		if got := g.factor(step); got != want {
			t.Errorf("step %d: factor %v, want %v", step, got, want)
		}
	}
	for _, none := range []*Growth{nil, {Step: 100}} {
		if got := none.factor(101); got != 1 {
			t.Errorf("without a warm-up: factor %v, want 1", got)
		}
	}
}

func TestGrowthOfAStateThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		growth Growth
		ok     bool
	}{{Growth{Step: 5, RewarmSteps: 40}, true}, {Growth{Step: 9}, false}, {Growth{Step: -1}, false}, {Growth{RewarmSteps: -1}, false}} {
		s := State{Format: stateFormat, Step: 8, Settings: Defaults(), Growth: &c.growth}
		s.Settings.Batch, s.Settings.Seq, s.Settings.Accum = 1, 1, 1
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, stateFile), b, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := readState(dir)
		if (err == nil) != c.ok {
			t.Errorf("%+v: %v, want ok %v", c.growth, err, c.ok)
		}
		if c.ok && (got.Growth == nil || math.Abs(got.Growth.factor(6)-1.0/40) > 1e-15) {
			t.Errorf("read back as %+v", got.Growth)
		}
	}
}

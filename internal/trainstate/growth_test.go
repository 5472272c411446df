package trainstate

import (
	"math"
	"testing"
)

func TestGrowthWarmsUpAgain(t *testing.T) {
	g := &Growth{Step: 100, RewarmSteps: 4}
	for step, want := range map[int]float64{101: 0.25, 102: 0.5, 104: 1, 105: 1, 1000: 1} {
		if got := g.Factor(step); got != want {
			t.Errorf("step %d: factor %v, want %v", step, got, want)
		}
	}
	for step, want := range map[int]int{100: 4, 103: 1, 104: 0, 200: 0} {
		if got := g.Left(step); got != want {
			t.Errorf("after step %d: %d steps left, want %d", step, got, want)
		}
	}
	for _, none := range []*Growth{nil, {Step: 100}} {
		if got := none.Factor(101); got != 1 || none.Left(100) != 0 {
			t.Errorf("without a warm-up: factor %v, want 1", got)
		}
	}
}

func TestGrowKeepsWhatGoesOn(t *testing.T) {
	parent := sound()
	parent.Log = "../log.jsonl"
	for how, updates := range map[string]int{"keep": 12, "asymmetric": 12, ResetMoments: 0} {
		child := Grow(parent, []byte("config"), how)
		if child.Step != 12 || child.Rows != parent.Rows || child.Updates != updates ||
			child.Settings.Seed != parent.Settings.Seed {
			t.Errorf("%s: step %d, rows %d, updates %d", how, child.Step, child.Rows, child.Updates)
		}
		if g := child.Growth; g == nil || *g != (Growth{how, 12, 40}) {
			t.Errorf("%s: growth %+v, want step 12 and 2/(1-0.95) steps", how, g)
		}
		if child.Digests.Config != Digest([]byte("config")) || child.Digests.Data != parent.Digests.Data || child.Log != "" {
			t.Errorf("%s: digests %+v, log %q", how, child.Digests, child.Log)
		}
		b, err := child.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := Parse("x", b); err != nil || back.Updates != updates {
			t.Errorf("%s: read back with %v, %v", how, back, err)
		}
	}
	if parent.Growth.Step != 5 || parent.Updates != 12 {
		t.Error("growing changed the parent's state")
	}
}

func TestRewarm(t *testing.T) {
	for beta2, want := range map[float64]int{0.95: 40, 0.999: 2000, 0: 0, 1: 0, math.NaN(): 0,
		math.Nextafter(1, 0): maxSize} {
		if got := rewarm(beta2); got != want {
			t.Errorf("beta2 %v: %d steps, want %d", beta2, got, want)
		}
	}
}

package trainstate

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"famkit/internal/fault"
)

func given(names ...string) func(string) bool {
	return func(name string) bool { return slices.Contains(names, name) }
}

func TestSettingsInherit(t *testing.T) {
	was := Defaults()
	was.Data, was.Ext, was.Eval, was.Steps, was.LR, was.Threads = []string{"a"}, ".go", "held", 50, 0.5, 3
	now := Defaults()
	now.LR, now.Ext, now.Batch = 0.25, "", 99
	now.Inherit(&was, given("lr", "ext"))
	want := was
	want.LR, want.Ext = 0.25, ""
	if d := now.Changes(&want); len(d) > 0 || now.Ext != "" || now.Eval != "held" || !slices.Equal(now.Data, want.Data) {
		t.Errorf("%+v, want %+v", now, want)
	}
}

func TestChanges(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Settings)
		want   string
	}{
		"nothing":  {func(*Settings) {}, "[]"},
		"harmless": {func(s *Settings) { s.SaveEvery, s.EvalEvery, s.Eval, s.Data = 5, 6, "x", []string{"y"} }, "[]"},
		"rate":     {func(s *Settings) { s.LR = 1 }, "[lr was 0.0003, now 1]"},
		"two": {func(s *Settings) { s.Steps, s.Schedule = 9, Constant },
			"[steps was 0, now 9 schedule was cosine, now constant]"},
		"not set before": {func(s *Settings) { s.DType = "float16" }, "[dtype was not set, now float16]"},
	} {
		was, now := Defaults(), Defaults()
		c.change(&now)
		if got := fmt.Sprint(now.Changes(&was)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	was, now := Defaults(), Defaults()
	was.DType = "float16"
	if got := fmt.Sprint(now.Changes(&was)); got != "[dtype was float16, now not set]" {
		t.Errorf("removed: %s", got)
	}
}

// TestCheckRefuses: each setting that cannot be is refused as wrong usage, and the refusal names it.
func TestCheckRefuses(t *testing.T) {
	good := Defaults()
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Settings){
		"steps":          func(s *Settings) { s.Steps = -1 },
		"batch":          func(s *Settings) { s.Batch = 0 },
		"seq":            func(s *Settings) { s.Seq = 0 },
		"accum":          func(s *Settings) { s.Accum = 1 << 40 },
		"weight-decay":   func(s *Settings) { s.WeightDecay = math.NaN() },
		"beta1":          func(s *Settings) { s.Beta1 = 1 },
		"beta2":          func(s *Settings) { s.Beta2 = -0.1 },
		"eps":            func(s *Settings) { s.Eps = 0 },
		"clip":           func(s *Settings) { s.Clip = math.Inf(1) },
		"eval-every":     func(s *Settings) { s.EvalEvery = -1 },
		"save-every":     func(s *Settings) { s.SaveEvery = -1 },
		"eval-fraction":  func(s *Settings) { s.EvalFraction = 1 },
		"token-dtype":    func(s *Settings) { s.TokenDType = "int8" },
		"precision":      func(s *Settings) { s.Precision = "f16" },
		"threads":        func(s *Settings) { s.Threads = 1 << 30 },
		"lr":             func(s *Settings) { s.LR = 0 },
		"schedule":       func(s *Settings) { s.Schedule = "step" },
		"min-lr":         func(s *Settings) { s.MinLR = 2 },
		"decay-fraction": func(s *Settings) { s.DecayFraction = -1 },
		"micro-batch":    func(s *Settings) { s.Batch, s.Seq = 1<<20, 1<<20 },
		"tokens in all":  func(s *Settings) { s.Steps, s.Batch = 1<<40, 1<<20 },
		"contradict":     func(s *Settings) { s.Eval, s.EvalFraction = "x", 0.1 },
	} {
		s := Defaults()
		spoil(&s)
		if err := s.Check(); fault.KindOf(err) != fault.Usage || err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want wrong usage", name, err)
		}
	}
}

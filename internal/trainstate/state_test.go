package trainstate

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"famkit/internal/fault"
)

// sound is a state that could have been written.
func sound() *State {
	s := Defaults()
	s.Data, s.Steps, s.Warmup, s.Engine, s.Precision, s.Threads, s.DType = []string{"text"}, 20, 1, "cpu", "f32", 2,
		"float32"
	return &State{Format: stateFormat, Step: 12, Updates: 12, Rows: 96, Tokens: 96 * 256, Seconds: 3.5, Model: "m",
		Settings: s,
		Digests:  Digests{"c", "", "d"}, Growth: &Growth{"keep", 5, 40}, Eval: &Eval{10, 4.5, "e"}}
}

func TestStateIsReadBack(t *testing.T) {
	want := sound()
	b, err := want.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if Is(dir) {
		t.Error("an empty folder is a training")
	}
	if err := os.WriteFile(filepath.Join(dir, StateFile), b, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Read(dir)
	if err != nil || !reflect.DeepEqual(got, want) || !Is(dir) {
		t.Errorf("read back %+v, %v; want %+v", got, err, want)
	}
	if _, err := Read(t.TempDir()); fault.KindOf(err) != fault.Input {
		t.Errorf("a folder without a state: %v", err)
	}
}

// TestOlderStates: files from before updates and rows were counted get what they would have said.
func TestOlderStates(t *testing.T) {
	s := sound()
	s.Updates, s.Rows, s.Growth, s.Eval = 0, 0, nil, nil
	b, err := s.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse("x", b)
	if err != nil || got.Updates != 12 || got.Rows != 12*8 {
		t.Errorf("updates %d, rows %d, %v; want 12, 96", got.Updates, got.Rows, err)
	}
}

// TestStatesThatCannotBe: every wrong value in the file is a refused input that names the file, never wrong usage, and
// its message does not speak of flags.
func TestStatesThatCannotBe(t *testing.T) {
	b, err := sound().Bytes()
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	if _, err := Parse("dir/state.json", b); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][3]string{
		{`"threads": 2`, `"threads": 1073741824`, "threads"},
		{`"threads": 2`, `"threads": -1`, "threads"},
		{`"steps": 20`, `"steps": -20`, "steps"},
		{`"step": 12`, `"step": -1`, "step"},
		{`"step": 12`, `"step": 21`, "step"},
		{`"updates": 12`, `"updates": -3`, "updates"},
		{`"rows": 96`, `"rows": -3`, "rows"},
		{`"tokens": 24576`, `"tokens": -1`, "tokens"},
		{`"seconds": 3.5`, `"seconds": -1`, "seconds"},
		{`"seconds": 3.5`, `"seconds": 1e999`, "out of range"},
		{`"lr": 0.0003`, `"lr": NaN`, "NaN"},
		{`"lr": 0.0003`, `"lr": -1`, "lr"},
		{`"lr": 0.0003`, `"lr": 0`, "lr"},
		{`"lr": 0.0003`, `"lr": null`, "lr is missing"},
		{`"lr": 0.0003,`, ``, "lr is missing"},
		{`"lr": 0.0003`, `"lr": "fast"`, "number"},
		{`"lr": 0.0003`, `"LR": 0.0003`, "LR"},
		{`"lr": 0.0003`, `"lr": 0.0003, "lr": 1`, "duplicate"},
		{`"batch": 8`, `"batch": 1000000000000000000000`, "batch"},
		{`"batch": 8`, `"batch": 8.5`, "integer"},
		{`"batch": 8`, `"batch": 0`, "batch"},
		{`"schedule": "cosine"`, `"schedule": "zigzag"`, "zigzag"},
		{`"warmup": 1`, `"warmup": 21`, "warmup"},
		{`"warmup": 1`, `"warmup": -1`, "warmup"},
		{`"precision": "f32"`, `"precision": "f8"`, "f8"},
		{`"format": 1`, `"format": 9`, "format 9"},
		{`"format": 1`, `"format": 1, "gold": 2`, "gold"},
		{`"rewarm_steps": 40`, `"rewarm_steps": -40`, "growth"},
		{`"growth": {`, `"growth": { "speed": 3,`, "speed"},
		{`"loss": 4.5`, `"loss": "low"`, "number"},
		{`"data": "d"`, `"data": 5`, "string"},
		{text, ``, "empty"},
		{text, `[]`, "object"},
		{text, `{"format": 1}`, "settings are missing"},
		{text, `{"format": 1, "settings": null}`, "missing"},
		{text, strings.Repeat(`{"digests":`, 5000), "unknown key"},
	} {
		bad := strings.Replace(text, c[0], c[1], 1)
		if bad == text {
			t.Fatalf("%s is not in the file", c[0])
		}
		_, err := Parse("dir/state.json", []byte(bad))
		name := fmt.Sprintf("%.40s -> %.40s", c[0], c[1])
		switch {
		case err == nil:
			t.Errorf("%s: accepted", name)
		case fault.KindOf(err) != fault.Input:
			t.Errorf("%s: kind %d, want a refused input: %v", name, fault.KindOf(err), err)
		}
		spelled := fault.Text(err, func(s fault.Setting) string { return "--" + s.Name })
		if !strings.HasPrefix(spelled, "dir/state.json: ") || !strings.Contains(spelled, c[2]) ||
			strings.Contains(spelled, "--") {
			t.Errorf("%s: %q does not name the file and %q", name, spelled, c[2])
		}
	}
}

// TestExtends: more steps are no change where the rates of the steps done stay what they were, and where a training is
// finished.
func TestExtends(t *testing.T) {
	for _, c := range []struct {
		kind       string
		step       int
		was, steps int
		want       bool
	}{
		{Constant, 5, 20, 50, true},
		{Constant, 5, 20, 10, true},
		{Cosine, 5, 20, 50, false},
		{Cosine, 2, 20, 50, true}, // still warming up
		{Cosine, 20, 20, 50, true},
		{Cosine, 20, 20, 20, false},
		{WSD, 15, 20, 50, true},
		{WSD, 18, 20, 50, false}, // decays already
		{WSD, 15, 20, 16, false}, // would have decayed before
		{WSD, 20, 20, 50, true},
	} {
		s := sound()
		s.Step, s.Settings.Schedule, s.Settings.Steps, s.Settings.Warmup = c.step, c.kind, c.was, 2
		now := s.Settings
		now.Steps = c.steps
		if got := s.Extends(&now); got != c.want {
			t.Errorf("%s, %d of %d steps done, now %d: %v, want %v", c.kind, c.step, c.was, c.steps, got, c.want)
		}
		before, after := s.Settings.Rate(), now.Rate()
		for i := 1; c.want && c.step < c.was && i <= c.step; i++ {
			if before.At(i) != after.At(i) {
				t.Errorf("%s: step %d had the rate %v, would have %v", c.kind, i, before.At(i), after.At(i))
			}
		}
	}
}

// TestGuard: steps that only a directory holds are not replaced; what a growth carried along is.
func TestGuard(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*State)
		text string
		kept bool
	}{
		"trained":           {func(s *State) { s.Growth = nil }, "", true},
		"grown and trained": {func(s *State) { s.Growth = &Growth{"keep", 8, 40} }, "", true},
		"only grown":        {func(s *State) { s.Growth = &Growth{"keep", 12, 40} }, "", false},
		"not begun":         {func(s *State) { s.Step, s.Growth, s.Eval = 0, nil, nil }, "", false},
		"broken":            {nil, "{", true},
		"another trainer's": {nil, `{"global_step": 5}`, true},
	} {
		dir := t.TempDir()
		b := []byte(c.text)
		if c.set != nil {
			s := sound()
			c.set(s)
			var err error
			if b, err = s.Bytes(); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, StateFile), b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Guard(dir); (err != nil) != c.kept || err != nil && fault.KindOf(err) != fault.Input {
			t.Errorf("%s: %v, want kept %v", name, err, c.kept)
		}
	}
	if err := Guard(t.TempDir()); err != nil {
		t.Errorf("no training: %v", err)
	}
}

package train

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"famkit/internal/fault"
	"famkit/internal/trainstate"

	_ "famkit/internal/engine/cpu"
	_ "famkit/internal/engine/ref"
)

const oracle = "../fixtures/oracle/"

// recordOptions are the settings of the oracle's training records.
func recordOptions(model, out string) Options {
	s := trainstate.Defaults()
	s.Data, s.Batch, s.Seq, s.Steps = []string{oracle + model + "/train_tokens.safetensors"}, 4, 31, 20
	s.LR, s.Schedule, s.Warmup, s.Engine = 1e-3, trainstate.Constant, 0, "ref"
	return Options{Model: oracle + model, Out: out, Settings: s, Given: given("batch", "seq", "steps")}
}

func given(flags ...string) func(string) bool {
	return func(f string) bool {
		for _, g := range flags {
			if f == g {
				return true
			}
		}
		return false
	}
}

// trained runs o and gives its step rows; it fails the test where the training fails.
func trained(t *testing.T, o Options) []StepRow {
	t.Helper()
	var rows []StepRow
	if _, err := Run(context.Background(), o, func(e Event) {
		if e.Step != nil {
			rows = append(rows, *e.Step)
		}
	}); err != nil {
		t.Fatal(err)
	}
	return rows
}

// refused runs o, which must fail with kind and an error that has all of the words.
func refused(t *testing.T, name string, o Options, kind fault.Kind, words ...string) {
	t.Helper()
	_, err := Run(context.Background(), o, func(Event) {})
	if err == nil {
		t.Errorf("%s: accepted", name)
		return
	}
	if k := fault.KindOf(err); k != kind {
		t.Errorf("%s: kind %d, want %d: %v", name, k, kind, err)
	}
	text := fault.Text(err, asFlag) + " " + fault.HintText(err, asFlag)
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%s: %q is not in %q", name, w, text)
		}
	}
}

// asFlag spells settings as the command line does, so that tests see that messages leave it to the command.
func asFlag(s fault.Setting) string { return strings.TrimSpace("--" + s.Name + " " + s.Value) }

// goOn are the options that resume the training in out.
func goOn(out string) Options {
	return Options{Model: out, Out: out, Words: Words{Resume: true}, Settings: trainstate.Defaults()}
}

// with gives options that name some settings as a user does.
func (o Options) with(set func(*Options), names ...string) Options {
	set(&o)
	o.Given = given(names...)
	return o
}

// newSteps gives options a length.
func newSteps(o Options, n int) Options {
	named := o.Given
	o.Steps = n
	o.Given = func(name string) bool { return name == "steps" || named != nil && named(name) }
	return o
}

// finishes runs o and gives its result.
func finishes(t *testing.T, o Options) *Result {
	t.Helper()
	r, err := Run(context.Background(), o, func(Event) {})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// planOf runs o dry and gives its plan.
func planOf(t *testing.T, o Options) *Plan {
	t.Helper()
	o.DryRun = true
	return finishes(t, o).Plan
}

// contents are the files of a folder with their bytes.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, de := range list {
		if de.IsDir() {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, de.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[de.Name()] = string(b)
	}
	return out
}

// weightsOf reads the bytes of a training's weights and optimizer state.
func weightsOf(t *testing.T, dir string) []byte {
	t.Helper()
	var out []byte
	for _, name := range []string{"model.safetensors", trainstate.OptimizerFile} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b...)
	}
	return out
}

// stopAt ends a training as a signal would, as soon as step k is done.
func stopAt(t *testing.T, o Options, k int) {
	t.Helper()
	reason := errors.New("stopped by the test")
	ctx, cancel := context.WithCancelCause(context.Background())
	_, err := Run(ctx, o, func(e Event) {
		if e.Step != nil && e.Step.Step == k {
			cancel(reason)
		}
	})
	if !errors.Is(err, reason) {
		t.Fatalf("stopped at step %d: %v", k, err)
	}
}

// changedTokens copies recorded batches with one id changed.
func changedTokens(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-4] ^= 1
	out := filepath.Join(t.TempDir(), "other.safetensors")
	if err := os.WriteFile(out, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return out
}

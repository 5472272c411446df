package train

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"famkit/internal/fault"
	"famkit/internal/trainstate"
)

func TestNonFiniteStopsBeforeTheUpdate(t *testing.T) {
	dir := t.TempDir()
	o := recordOptions("llama-tied", filepath.Join(dir, "out"))
	o.LR, o.Clip, o.Log = 1e300, 0, filepath.Join(dir, "log.jsonl")
	_, err := Run(context.Background(), o, func(Event) {})
	if fault.KindOf(err) != fault.Failed || !strings.Contains(fmt.Sprint(err), "stopped before the update") {
		t.Fatalf("got %v", err)
	}
	state, err := trainstate.Read(o.Out)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(o.Log)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), `"type":"step"`); n != state.Step || n == 0 {
		t.Errorf("checkpoint of step %d, the log has %d steps", state.Step, n)
	}
	if !strings.Contains(string(b), `"type":"stop"`) {
		t.Error("the log does not tell of the stop")
	}
}

func TestWeightsThatAreNotFinite(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"config.json", "model.safetensors"} {
		b, err := os.ReadFile(oracle + "llama-tied/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if name == "model.safetensors" {
			copy(b[len(b)-4:], []byte{0, 0, 0xc0, 0x7f}) // NaN
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o := recordOptions("llama-tied", filepath.Join(t.TempDir(), "out"))
	o.Model, o.Engine = dir, "cpu"
	refused(t, "loss", o, fault.Failed, "step 1: loss is NaN", "inspect --values")
	o.Eval = o.Data[0]
	refused(t, "evaluation", o, fault.Failed, "step 0: evaluation loss is NaN")
	if _, err := os.Stat(o.Out); err == nil {
		t.Error("an output was left")
	}
}

// full is a writer that takes n rows and no more.
type full struct{ n int }

func (w *full) Write(p []byte) (int, error) {
	if w.n--; w.n < 0 {
		return 0, errors.New("no space left")
	}
	return len(p), nil
}

// TestRowsThatCannotBeWritten: whichever row fails, what is saved is the state after the step that it says, and a
// training that goes on from it ends with the same bytes.
func TestRowsThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	o := recordOptions("llama-tied", filepath.Join(dir, "whole"))
	o.Engine, o.Steps, o.SaveEvery = "cpu", 5, 2
	trained(t, o)
	want := string(weightsOf(t, o.Out))
	for n := range 9 { // start, 1, 2, save, 3, 4, save, 5, save, end
		o.Out, o.LogTo = filepath.Join(dir, fmt.Sprint(n)), &full{n}
		_, err := Run(context.Background(), o, func(Event) {})
		if fault.KindOf(err) != fault.Failed || err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Fatalf("row %d: %v", n, err)
		}
		if n == 0 {
			continue // not even the start is in the log: nothing was trained
		}
		resumed := goOn(o.Out)
		if r := finishes(t, resumed); r.Step != 5 {
			t.Errorf("row %d: resumed to step %d", n, r.Step)
		}
		if string(weightsOf(t, o.Out)) != want {
			t.Errorf("row %d: the resumed training is another", n)
		}
	}
}

package train

import (
	"context"
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

package train

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"famkit/internal/fault"
)

// TestTrainOnlyNew: of a grown model the added blocks are trained, and the rest keeps its bytes; stopped and resumed
// alike. Without the word all of it moves.
func TestTrainOnlyNew(t *testing.T) {
	model := grownModel(t, "llama-tied", "2x", "")
	begin := numbers(t, model)
	options := func(out string, steps int) Options {
		o := newSteps(recordOptions("llama-tied", filepath.Join(t.TempDir(), out)), steps)
		o.Model, o.TrainOnly = model, "new"
		return o
	}
	o := options("out", 4)
	rows := trained(t, o)
	added := map[string]bool{}
	ck := bound(t, model)
	for i, l := range planIn(t, model).Layers {
		for _, b := range ck.Tensors {
			if b.Layer == i && l.Silent {
				added[b.Info().Name] = true
			}
		}
	}
	moved := 0
	for name, now := range numbers(t, o.Out) {
		same := slices.Equal(now, begin[name])
		if !added[name] && !same {
			t.Errorf("%s is not new and was trained", name)
		}
		if added[name] && !same {
			moved++
		}
	}
	if len(added) == 0 || moved < len(added)/2 {
		t.Errorf("%d of %d new tensors were trained", moved, len(added))
	}
	all := options("all", 4)
	all.TrainOnly = ""
	whole := trained(t, all)
	if !(rows[0].GradNorm < whole[0].GradNorm) || rows[0].Loss != whole[0].Loss {
		t.Errorf("the norm of the new gradients is %v, of all %v", rows[0].GradNorm, whole[0].GradNorm)
	}
	for name, now := range numbers(t, all.Out) {
		if strings.HasSuffix(name, "embed_tokens.weight") && slices.Equal(now, begin[name]) {
			t.Errorf("%s was not trained", name)
		}
	}
	short := options("short", 2)
	trained(t, short)
	trained(t, newSteps(goOn(short.Out), 4))
	if string(weightsOf(t, short.Out)) != string(weightsOf(t, o.Out)) {
		t.Error("resumed it ends elsewhere")
	}
	o.Model, o.Out = oracle+"llama-tied", o.Out+"-refused"
	refused(t, "not grown", o, fault.Input, "nothing in it is new", "--train-only")
	o.HandOver = 0.1
	refused(t, "with a hand-over", o, fault.Usage, "--hand-over 0.1 moves weights", "--train-only new")
	o.TrainOnly = "old"
	refused(t, "another word", o, fault.Usage, "--train-only", `"old"`)
}

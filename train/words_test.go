package train

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"famkit/internal/fault"
	"famkit/internal/trainstate"
)

// TestResumeRefusesChanges: what would change a training's result is refused without a word of its own, and force is no
// such word.
func TestResumeRefusesChanges(t *testing.T) {
	dir := t.TempDir()
	o := recordOptions("llama-tied", filepath.Join(dir, "out"))
	o.Schedule = trainstate.Cosine
	stopAt(t, o, 3)
	before := contents(t, o.Out)
	other := []string{changedTokens(t, o.Data[0])}
	resume := goOn(o.Out)
	for _, c := range []struct {
		name  string
		o     Options
		kind  fault.Kind
		words []string
	}{
		{"learning rate", resume.with(func(o *Options) { o.LR = 1 }, "lr"), fault.Input,
			[]string{"lr was 0.001, now 1", "--change"}},
		{"forced", resume.with(func(o *Options) { o.LR, o.Force = 1, true }, "lr"), fault.Input,
			[]string{"lr was 0.001, now 1", "--change"}},
		{"steps of a cosine", resume.with(func(o *Options) { o.Steps = 30 }, "steps"), fault.Input,
			[]string{"steps was 20, now 30"}},
		{"fewer steps than done", resume.with(func(o *Options) { o.Steps = 2 }, "steps"), fault.Usage,
			[]string{"--steps 2: 3 steps are done already"}},
		{"data", resume.with(func(o *Options) { o.Data = other }, "data"), fault.Input, []string{"the data was"}},
		{"threads", resume.with(func(o *Options) { o.Threads = 27 }, "threads"), fault.Input,
			[]string{"threads was", "now 27"}},
		{"type", resume.with(func(o *Options) { o.DType = "bfloat16" }, "dtype"), fault.Input,
			[]string{"dtype was float32, now bfloat16"}},
		{"no training", Options{Model: oracle + "llama-tied", Out: filepath.Join(dir, "new"), Words: Words{Resume: true}},
			fault.Input,
			[]string{trainstate.StateFile, "without --resume"}},
		{"no config either", Options{Init: oracle + "llama-tied/config.json", Out: filepath.Join(dir, "new"),
			Words: Words{Resume: true}}, fault.Input,
			[]string{"no such training"}},
	} {
		refused(t, c.name, c.o, c.kind, c.words...)
	}
	if !maps.Equal(before, contents(t, o.Out)) {
		t.Error("a refused run changed the training")
	}
	change := resume.with(func(o *Options) { o.LR, o.Change = 2e-3, true }, "lr")
	if p := planOf(t, change); len(p.Changes) != 1 || p.Changes[0].String() != "lr was 0.001, now 0.002" {
		t.Errorf("the plan's changes are %v", p.Changes)
	}
	if rows := trained(t, change); len(rows) != 17 {
		t.Errorf("changed: %d steps, want 17", len(rows))
	}
}

// TestErasingHasAWordOfItsOwn: neither force nor resume lets a training go, and erasing says which goes.
func TestErasingHasAWordOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	o := recordOptions("llama-tied", filepath.Join(dir, "out"))
	o.Steps, o.Log = 3, filepath.Join(dir, "log.jsonl")
	trained(t, o)
	before := contents(t, o.Out)
	refused(t, "again", o, fault.Input, "exists already", "3 of 3 steps", "--resume", "--erase")
	refused(t, "forced", o.with(func(o *Options) { o.Force = true }), fault.Input, "3 of 3 steps, 372 tokens", "--erase")
	refused(t, "with resume", o.with(func(o *Options) { o.Erase, o.Resume = true, true }), fault.Usage,
		"--resume and --erase contradict")
	if !maps.Equal(before, contents(t, o.Out)) {
		t.Fatal("a refused run changed the training")
	}

	erase := o.with(func(o *Options) { o.Erase, o.LR = true, 1e-2 })
	e := planOf(t, erase).Erased
	if e == nil || e.Step != 3 || e.Bytes == 0 || !strings.Contains(strings.Join(e.Files, " "), "optimizer.safetensors") {
		t.Errorf("the plan erases %+v", e)
	}
	if !maps.Equal(before, contents(t, o.Out)) {
		t.Error("a dry run changed the training")
	}
	erase.Data = []string{filepath.Join(dir, "none")}
	refused(t, "erase, and then fail", erase, fault.Input, "none")
	if !maps.Equal(before, contents(t, o.Out)) {
		t.Error("a run that failed before its first save erased the training")
	}
	erase.Data = o.Data
	trained(t, erase)
	if maps.Equal(before, contents(t, o.Out)) {
		t.Error("the training was not replaced")
	}
	checkLog(t, o.Log, 3)
}

// TestForceReplacesWhatIsNoTraining: and erasing does not.
func TestForceReplacesWhatIsNoTraining(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	if err := os.CopyFS(out, os.DirFS(oracle+"llama-untied")); err != nil {
		t.Fatal(err)
	}
	o := recordOptions("llama-tied", out)
	o.Steps = 1
	refused(t, "a model", o, fault.Input, "exists already", "--force")
	refused(t, "erase a model", o.with(func(o *Options) { o.Erase = true }), fault.Input, "holds no training to erase",
		"--force")
	trained(t, o.with(func(o *Options) { o.Force = true }))
	if !trainstate.Is(out) {
		t.Error("the model was not replaced")
	}
	// A training whose state is broken is one still.
	if err := os.WriteFile(filepath.Join(out, trainstate.StateFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, "a broken training", o.with(func(o *Options) { o.Force = true }), fault.Input, "its state cannot be read",
		"--erase")
	trained(t, o.with(func(o *Options) { o.Erase = true }))
}

// TestNothingToDo: a finished training that is resumed is left as it is, byte for byte, and so is its log.
func TestNothingToDo(t *testing.T) {
	dir := t.TempDir()
	o := recordOptions("llama-tied", filepath.Join(dir, "out"))
	o.Steps, o.Log = 2, filepath.Join(dir, "log.jsonl")
	trained(t, o)
	before, log := contents(t, o.Out), contents(t, dir)["log.jsonl"]
	branch := goOn(o.Out)
	branch.Out = filepath.Join(dir, "x2")
	for name, again := range map[string]Options{"in place": goOn(o.Out), "with its own steps": newSteps(goOn(o.Out), 2),
		"elsewhere": branch} {
		events := 0
		r, err := Run(context.Background(), again, func(Event) { events++ })
		if err != nil || !r.NothingToDo || r.Ran != 0 || r.Written || r.Step != 2 || events > 0 {
			t.Errorf("%s: %+v, %v, %d events", name, r, err, events)
		}
	}
	if !maps.Equal(before, contents(t, o.Out)) {
		t.Error("the training changed")
	}
	if isFolder(branch.Out) || contents(t, dir)["log.jsonl"] != log {
		t.Error("something was written")
	}
}

// TestExtending: more steps of a finished training are no change, whatever its schedule, and of an interrupted one
// where its rates stay what they were. The result is that of a training which had them from the start where the rates
// agree.
func TestExtending(t *testing.T) {
	dir := t.TempDir()
	whole := recordOptions("llama-tied", filepath.Join(dir, "whole"))
	whole.Steps = 6
	trained(t, whole)
	o := whole
	o.Steps, o.Out = 4, filepath.Join(dir, "out")
	trained(t, o)
	more := newSteps(goOn(o.Out), 6)
	if p := planOf(t, more); p.StepsWere != 4 || p.First != 5 || p.Steps != 6 || len(p.Changes) > 0 {
		t.Errorf("plan %+v", p)
	}
	if rows := trained(t, more); len(rows) != 2 || rows[0].Step != 5 {
		t.Errorf("rows %+v", rows)
	}
	if string(weightsOf(t, o.Out)) != string(weightsOf(t, whole.Out)) {
		t.Error("the extended training is not the one of as many steps")
	}
	o.Schedule, o.Out = trainstate.Cosine, filepath.Join(dir, "cosine")
	trained(t, o)
	if rows := trained(t, newSteps(goOn(o.Out), 6)); len(rows) != 2 || rows[1].LR != 1e-4 {
		t.Errorf("a finished cosine: rows %+v", rows)
	}
}

func TestCallsThatContradictThemselves(t *testing.T) {
	base := recordOptions("llama-tied", filepath.Join(t.TempDir(), "out"))
	for name, c := range map[string]struct {
		o     Options
		words string
	}{
		"change alone":     {base.with(func(o *Options) { o.Change = true }), "--change goes with --resume"},
		"fresh and resume": {base.with(func(o *Options) { o.Resume, o.FreshOptimizer = true, true }), "contradict"},
		"fresh and init": {base.with(func(o *Options) { o.Model, o.Init, o.FreshOptimizer = "", "x", true }),
			"contradict"},
		"model and init": {base.with(func(o *Options) { o.Init = "x" }), "contradict"},
		"nothing":        {base.with(func(o *Options) { o.Model = "" }), "neither a model nor --init"},
		"no output":      {base.with(func(o *Options) { o.Out = "" }), "no output"},
		"two lengths": {base.with(func(o *Options) { o.Budget.Tokens = 5 }, "steps", "tokens"),
			"--steps and --tokens both say"},
		"epochs": {base.with(func(o *Options) { o.Budget.Epochs = -1 }, "epochs"),
			"--epochs: wanted a number above 0"},
		"flops":                 {base.with(func(o *Options) { o.Budget.FLOPs = 1e50 }, "flops"), "--flops: wanted"},
		"no steps, no data":     {base.with(func(o *Options) { o.Steps = 0 }, "steps"), "--eval says what to evaluate on"},
		"no data":               {base.with(func(o *Options) { o.Data = nil }), "--data is missing"},
		"no rate":               {base.with(func(o *Options) { o.LR = 0 }, "lr"), "--lr 0 would move no weight"},
		"longer than the model": {base.with(func(o *Options) { o.Seq, o.Data = 9999, []string{"x"} }, "seq"), "--seq 9999"},
	} {
		refused(t, name, c.o, fault.Usage, c.words)
	}
}

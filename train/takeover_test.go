package train

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"famkit/internal/fault"
	"famkit/internal/growth"
	"famkit/internal/trainstate"
)

// parentTraining trains 4 steps of shuffled rows at a constant rate, evaluates, and gives its options.
func parentTraining(t *testing.T, engine string) Options {
	t.Helper()
	o := recordOptions("llama-tied", filepath.Join(t.TempDir(), "parent"))
	shuffledData(&o)
	o.Engine, o.Steps, o.EvalFraction = engine, 4, 0.1
	trained(t, o)
	return o
}

// child are the options of a training that begins from the parent's output, with nothing given but its length.
func child(parent Options, steps int) Options {
	o := Options{Model: parent.Out, Out: parent.Out + "-child", Settings: trainstate.Defaults()}
	return newSteps(o, steps)
}

// TestTakingOverIsGoingOn: at a constant rate the steps of a training that takes another one over are those that the
// other would have made next: same moments, same bias correction, same rows. With a fresh optimizer, another seed or
// other data they are not.
func TestTakingOverIsGoingOn(t *testing.T) {
	for _, engine := range []string{"ref", "cpu"} {
		parent := parentTraining(t, engine)
		longer := newSteps(goOn(parent.Out), 7)
		longer.Out = parent.Out + "-longer"
		want := trained(t, longer)
		weights := string(weightsOf(t, longer.Out))

		got := trained(t, child(parent, 3))
		if len(got) != 3 || len(want) != 3 {
			t.Fatalf("%s: %d and %d steps, want 3", engine, len(got), len(want))
		}
		for i, g := range got {
			if w := want[i]; g.Step != i+1 || w.Step != i+5 || g.Loss != w.Loss || g.GradNorm != w.GradNorm || g.LR != w.LR {
				t.Errorf("%s: step %+v, want as %+v", engine, g, w)
			}
		}
		if string(weightsOf(t, parent.Out+"-child")) != weights {
			t.Errorf("%s: weights or moments are not those of the longer training", engine)
		}
		for name, set := range map[string]func(*Options){
			"fresh": func(o *Options) { o.FreshOptimizer = true },
			"seed":  func(o *Options) { o.Seed = 9 },
		} {
			other := child(parent, 3).with(set, "steps", "seed")
			if name == "fresh" {
				other.Given = given("steps")
			}
			other.Out += name
			trained(t, other)
			if string(weightsOf(t, other.Out)) == weights {
				t.Errorf("%s: %s makes no difference", engine, name)
			}
		}
	}
}

// TestTakingOverSaysSo: the plan tells what is taken and what is not.
func TestTakingOverSaysSo(t *testing.T) {
	parent := parentTraining(t, "cpu")
	p := planOf(t, child(parent, 3))
	if p.Kind != TakeOver || p.Optimizer != "taken over" || p.Updates != 4 || p.First != 1 || p.Steps != 3 ||
		p.Data.Anew != "" || p.Data.Done == 0 {
		t.Errorf("plan %+v", p)
	}
	for _, name := range []string{"lr", "batch", "seq", "data", "eval-fraction", "schedule"} {
		if !slices.Contains(p.Inherited, name) {
			t.Errorf("%s is not taken over", name)
		}
	}
	for _, name := range []string{"steps", "threads", "warmup"} {
		if slices.Contains(p.Inherited, name) {
			t.Errorf("%s is taken over", name)
		}
	}
	fresh := child(parent, 3)
	fresh.FreshOptimizer = true
	if p := planOf(t, fresh); p.Optimizer != "left behind" || p.Updates != 0 || p.Data.Done == 0 {
		t.Errorf("fresh: plan %+v", p)
	}
	if p := planOf(t, child(parent, 3).with(func(o *Options) { o.Seed = 5 }, "steps", "seed")); p.Data.Anew != "seed" ||
		p.Data.Done != 0 {
		t.Errorf("another seed: the order goes on: %+v", p.Data)
	}
	if p := planOf(t, child(parent, 3).with(func(o *Options) { o.Seq = 8 }, "steps", "seq")); p.Data.Anew != "seq" {
		t.Errorf("another length of rows: the order goes on: %+v", p.Data)
	}
	whole := child(parent, 0)
	whole.Given = given()
	if p := planOf(t, whole); p.Steps != 4 {
		t.Errorf("without a length %d steps, want the parent's 4", p.Steps)
	}
	// New data do not inherit how the old were read.
	plain := child(parent, 1).with(func(o *Options) { o.Data = []string{parent.Data[0]} }, "steps", "data")
	refused(t, "data without its type", plain, fault.Input, "--token-dtype uint16")
}

// somePlan is the plan of a growth that leaves the oracle's llama-tied as it is.
func somePlan(t *testing.T) string {
	t.Helper()
	m := oracleModel(t, "llama-tied")
	p := growth.Plan{Schema: growth.PlanSchema, Arch: "llama", From: growth.SizesOf(m), To: growth.SizesOf(m),
		Tied: true, Split: growth.SplitChoice}
	for l := range m.Layers {
		p.Layers = append(p.Layers, growth.LayerFrom{Src: l})
	}
	return string(p.JSON())
}

// growState does to a training's state what a growth does.
func growState(t *testing.T, dir, how string) {
	t.Helper()
	s, err := trainstate.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile(filepath.Join(dir, configFile))
	if err != nil {
		t.Fatal(err)
	}
	b, err := trainstate.Grow(s, config, how).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, trainstate.StateFile), string(b))
	writeFile(t, filepath.Join(dir, growth.PlanFile), somePlan(t))
}

// TestAfterAGrowth: the rate is warmed up again, in a training of its own and in place, the seam is evaluated, and the
// growth is kept under a name of its own.
func TestAfterAGrowth(t *testing.T) {
	parent := parentTraining(t, "cpu")
	state, err := trainstate.Read(parent.Out)
	if err != nil || state.Eval == nil || state.Eval.Step != 4 {
		t.Fatalf("the parent's last evaluation is %+v, %v", state.Eval, err)
	}
	growState(t, parent.Out, "keep")
	o := child(parent, 3)
	if p := planOf(t, o); p.Rewarm != 40 {
		t.Errorf("plan %+v", p)
	}
	var first *EvalRow
	var rates []float64
	if _, err := Run(context.Background(), o, func(e Event) {
		if e.Eval != nil && first == nil {
			first = e.Eval
		}
		if e.Step != nil {
			rates = append(rates, e.Step.LR)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if first == nil || first.Step != 0 || first.Before == nil || *first.Before != state.Eval.Loss ||
		first.Loss != state.Eval.Loss {
		t.Errorf("the evaluation at the seam is %+v, want the parent's %v", first, state.Eval.Loss)
	}
	if want := []float64{1e-3 / 40, 1e-3 * 2 / 40, 1e-3 * 3 / 40}; !slices.Equal(rates, want) {
		t.Errorf("rates %v, want %v", rates, want)
	}
	// What is trained further still warms up.
	again := newSteps(Options{Model: o.Out, Out: o.Out + "2", Settings: trainstate.Defaults()}, 1)
	if p := planOf(t, again); p.Rewarm != 37 {
		t.Errorf("%d steps of warm-up are left, want 37", p.Rewarm)
	}
	if rows := trained(t, again); rows[0].LR != 1e-3*4/40 {
		t.Errorf("the rate goes on at %v", rows[0].LR)
	}
	checkLineage(t, again.Out, []string{"plan-2.json", "", ""}, 4, 3, 1)

	// In place: the same training goes on, grown.
	if rows := trained(t, newSteps(goOn(parent.Out), 6)); len(rows) != 2 || rows[0].Step != 5 || rows[0].LR != 1e-3/40 {
		t.Errorf("in place: %+v", rows)
	}
	checkLineage(t, parent.Out, []string{"", "plan-2.json"}, 4, 6)
}

// checkLineage compares which growths and how many steps a model's lineage lists. plans counts from the second stage
// where the first has none.
func checkLineage(t *testing.T, dir string, plans []string, steps ...int) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, trainstate.LineageFile))
	if err != nil {
		t.Fatal(err)
	}
	l, err := trainstate.ParseLineage("x", b)
	if err != nil || len(l.Stages) != len(steps) {
		t.Fatalf("%s: %+v, %v; want %d stages", dir, l, err, len(steps))
	}
	for i, s := range l.Stages {
		if s.Steps != steps[i] || s.Plan != "" && !slices.Contains(plans, s.Plan) {
			t.Errorf("%s: stage %d is %+v, want %d steps and the plan %v", dir, i+1, s, steps[i], plans)
		}
		if s.Plan == "" {
			continue
		}
		if b, err := os.ReadFile(filepath.Join(dir, s.Plan)); err != nil || string(b) != somePlan(t) {
			t.Errorf("%s: %s holds %q, %v", dir, s.Plan, b, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, growth.PlanFile)); err == nil {
		t.Errorf("%s: a trained model still has the plan of its growth as its own", dir)
	}
}

// TestTakenOverTrainingsResume: stopped and resumed, a training that took another one over ends with the same bytes.
func TestTakenOverTrainingsResume(t *testing.T) {
	parent := parentTraining(t, "cpu")
	growState(t, parent.Out, trainstate.ResetMoments)
	whole := child(parent, 5)
	trained(t, whole)
	parts := child(parent, 5)
	parts.Out += "-parts"
	stopAt(t, parts, 2)
	if rows := trained(t, goOn(parts.Out)); len(rows) != 3 {
		t.Errorf("%d steps after the resume, want 3", len(rows))
	}
	if string(weightsOf(t, whole.Out)) != string(weightsOf(t, parts.Out)) {
		t.Error("weights or moments differ from the uninterrupted training's")
	}
}

// TestStatesThatCannotBeTakenOver: another trainer's state is passed over with a word, moments that are missing are
// not.
func TestStatesThatCannotBeTakenOver(t *testing.T) {
	parent := parentTraining(t, "cpu")
	copyOf := func(name string) string {
		dir := parent.Out + name
		if err := os.CopyFS(dir, os.DirFS(parent.Out)); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	o := recordOptions("llama-tied", filepath.Join(t.TempDir(), "out"))
	foreign := copyOf("-foreign")
	hf, err := json.Marshal(map[string]any{"best_metric": nil, "epoch": 1.5, "global_step": 500, "log_history": []int{}})
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(foreign, trainstate.StateFile), string(hf))
	o.Model = foreign
	if p := planOf(t, o); p.Kind != Start || p.Optimizer != "new" ||
		!slices.Equal(p.Unused, []string{trainstate.OptimizerFile, trainstate.StateFile}) {
		t.Errorf("another trainer's: plan %+v", p)
	}
	refused(t, "resume another trainer's", goOn(foreign), fault.Input, "the state of another trainer")

	alone := copyOf("-alone")
	remove(t, filepath.Join(alone, trainstate.StateFile))
	o.Model = alone
	if p := planOf(t, o); p.Kind != Start || !slices.Equal(p.Unused, []string{trainstate.OptimizerFile}) {
		t.Errorf("moments alone: plan %+v", p)
	}

	lost := copyOf("-lost")
	remove(t, filepath.Join(lost, trainstate.OptimizerFile))
	o = child(parent, 1)
	o.Model = lost
	refused(t, "moments are missing", o, fault.Input, trainstate.OptimizerFile+": no such file", "--fresh-optimizer")
	o.FreshOptimizer = true
	trained(t, o)
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// TestWrongStatesAreRefusedInputs: what a state file says wrong is never wrong usage, and the file is named.
func TestWrongStatesAreRefusedInputs(t *testing.T) {
	parent := parentTraining(t, "cpu")
	for _, c := range [][3]string{
		{`"engine": "cpu"`, `"engine": "abacus"`, `no engine "abacus"`},
		{`"precision": "f32"`, `"precision": "f64"`, "f64"},
		{`"dtype": "float32"`, `"dtype": "decimal"`, "decimal"},
		{`"seq": 16`, `"seq": 16777216`, "max_position_embeddings"},
		{`"threads": `, `"threads": 107374182`, "threads"},
		{`"steps": 4`, `"steps": -4`, "steps"},
		{`"step": 4`, `"step": 4, "gold": 1`, "gold"},
	} {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(parent.Out)); err != nil {
			t.Fatal(err)
		}
		spoilState(t, dir, c[0], c[1])
		for name, o := range map[string]Options{"resume": newSteps(goOn(dir), 9),
			"take over": newSteps(Options{Model: dir, Out: dir + "x", Settings: trainstate.Defaults()}, 9)} {
			if c[0] == `"step": 4` && name == "take over" || !strings.HasPrefix(c[0], `"threads`) || name == "resume" {
				refused(t, c[1]+", "+name, o, fault.Input, filepath.Join(dir, trainstate.StateFile), c[2])
			}
		}
	}
}

// TestSeamsThatDifferStop: a grown model that is to compute its parent's function and does not is not trained.
func TestSeamsThatDifferStop(t *testing.T) {
	parent := parentTraining(t, "cpu")
	growState(t, parent.Out, "keep")
	s, err := trainstate.Read(parent.Out)
	if err != nil {
		t.Fatal(err)
	}
	was := fmt.Sprintf(`"loss": %v`, s.Eval.Loss)
	spoilState(t, parent.Out, was, fmt.Sprintf(`"loss": %v`, s.Eval.Loss*1.002))
	before := contents(t, parent.Out)
	o := child(parent, 1)
	refused(t, "taken over", o, fault.Failed, "the growth was to keep the function", "famkit verify PARENT "+parent.Out)
	refused(t, "resumed", newSteps(goOn(parent.Out), 9), fault.Failed, "the growth was to keep the function")
	if isFolder(o.Out) || !maps.Equal(before, contents(t, parent.Out)) {
		t.Error("something was written")
	}
	// A growth that is inexact on purpose, and one of the vocabulary, move the loss.
	plan := before[growth.PlanFile]
	for name, text := range map[string]string{
		"inexact": strings.Replace(plan, `"schema"`, `"inexact": ["on purpose"], "schema"`, 1),
		"no plan": "",
	} {
		writeFile(t, filepath.Join(parent.Out, growth.PlanFile), text)
		if text == "" {
			remove(t, filepath.Join(parent.Out, growth.PlanFile))
		}
		o.Out = parent.Out + name
		trained(t, o)
	}
	writeFile(t, filepath.Join(parent.Out, growth.PlanFile), "{}")
	o.Out = parent.Out + "broken"
	refused(t, "a broken plan", o, fault.Input, filepath.Join(parent.Out, growth.PlanFile))
}

package train

import (
	"path/filepath"
	"testing"
)

// TestLengths: epochs, tokens and operations are steps in other units.
func TestLengths(t *testing.T) {
	base := recordOptions("llama-tied", filepath.Join(t.TempDir(), "out"))
	shuffledData(&base) // 24 rows of 16, 6 steps of 4
	base.Steps = 0
	perToken := flopsPerToken(oracleModel(t, "llama-tied"), 16)
	for name, c := range map[string]struct {
		set   func(*Options)
		given []string
		want  int
	}{
		"one pass":      {func(*Options) {}, nil, 6},
		"steps":         {func(o *Options) { o.Steps = 9 }, []string{"steps"}, 9},
		"epochs":        {func(o *Options) { o.Budget.Epochs = 2.5 }, []string{"epochs"}, 15},
		"little":        {func(o *Options) { o.Budget.Epochs = 0.01 }, []string{"epochs"}, 1},
		"tokens":        {func(o *Options) { o.Budget.Tokens = 650 }, []string{"tokens"}, 10},
		"operations":    {func(o *Options) { o.Budget.FLOPs = 64 * 7 * perToken }, []string{"flops"}, 7},
		"accumulated":   {func(o *Options) { o.Accum = 3 }, nil, 2},
		"more than all": {func(o *Options) { o.Batch = 100 }, nil, 1},
	} {
		o := base.with(c.set, c.given...)
		p := planOf(t, o)
		if p.Steps != c.want || p.First != 1 {
			t.Errorf("%s: %d steps, want %d", name, p.Steps, c.want)
		}
		if epochs := float64(c.want) * float64(o.Batch*o.Accum) / 24; p.Data.Epochs != epochs || p.Data.Rows != 24 {
			t.Errorf("%s: %v epochs over %d rows, want %v over 24", name, p.Data.Epochs, p.Data.Rows, epochs)
		}
	}
}

// TestFLOPsAreThoseOfTheWeights: the sum over the description's tensors is the one over the decoder's parameters.
func TestFLOPsAreThoseOfTheWeights(t *testing.T) {
	m := oracleModel(t, "llama-untied")
	want := 0.0
	for _, p := range oracleDecoder(t, "llama-untied").Params() {
		if len(p.Shape) == 2 && p.Name != "model.embed_tokens.weight" {
			want += 6 * float64(p.W.N)
		}
	}
	want += 6 * float64(m.Layers*m.Heads*m.HeadDim) * 16
	if got := flopsPerToken(m, 16); got != want {
		t.Errorf("%v operations a token, want %v", got, want)
	}
}

// TestNoSteps: 0 steps evaluate a model and write nothing; a new model is written as it begins.
func TestNoSteps(t *testing.T) {
	dir := t.TempDir()
	o := recordOptions("llama-tied", filepath.Join(dir, "out"))
	o.Eval = o.Data[0]
	var want float64
	if _, err := Run(t.Context(), newSteps(o, 1), func(e Event) {
		if e.Eval != nil && e.Eval.Step == 0 {
			want = e.Eval.Loss
		}
	}); err != nil {
		t.Fatal(err)
	}
	for name, out := range map[string]string{"no output": "", "an output": filepath.Join(dir, "none")} {
		only := newSteps(o, 0)
		only.Out, only.Data = out, nil
		r := finishes(t, only)
		if r.EvalLoss == nil || *r.EvalLoss != want || r.Ran != 0 || r.Written || r.Memory.Optimizer+r.Memory.Gradients != 0 {
			t.Errorf("%s: %+v, want the evaluation %v and nothing else", name, r, want)
		}
		if isFolder(out) {
			t.Errorf("%s: something was written", name)
		}
	}
	first := newSteps(o, 0)
	first.Model, first.Init, first.Out, first.Eval = "", oracle+"llama-tied/config.json", filepath.Join(dir, "new"), ""
	if r := finishes(t, first); !r.Written || r.Step != 0 || r.EvalLoss != nil {
		t.Errorf("a new model: %+v", r)
	}
	if rows := trained(t, newSteps(goOn(first.Out), 2)); len(rows) != 2 {
		t.Errorf("a new model that is trained on: %d steps, want 2", len(rows))
	}
}

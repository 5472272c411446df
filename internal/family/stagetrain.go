package family

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"famkit/internal/disk"
	"famkit/internal/fault"
	"famkit/internal/output"
	"famkit/internal/trainstate"
	"famkit/train"
)

// train runs or goes on with a stage that trains.
func (f *family) train(ctx context.Context, w *work, goesOn bool) (*Result, error) {
	o, err := f.trainOptions(w, goesOn)
	if err != nil {
		return nil, err
	}
	if err := f.enough(ctx); err != nil {
		return nil, err
	}
	if !goesOn {
		if err := f.freshLog(w); err != nil {
			return nil, err
		}
	}
	if w.From != "" && !goesOn {
		if err := f.untouched(f.find(w.From)); err != nil {
			return nil, err
		}
	}
	var first, last train.StepRow
	got, err := train.Run(ctx, *o, func(e train.Event) {
		if e.Step != nil {
			if first.Step == 0 {
				first = *e.Step
			}
			last = *e.Step
		}
		f.on(Event{Train: &e})
	})
	if n := last.Step - first.Step; n > 0 {
		f.trainedOps += w.Operations * float64(n) / float64(w.Steps)
		f.trainedFor += last.Seconds - first.Seconds
	}
	if err != nil {
		var stop *train.Interrupted
		if errors.As(err, &stop) {
			return nil, fault.Hint(err, "famkit family run goes on")
		}
		return nil, err
	}
	return f.trained(w, got)
}

// trained describes a finished training.
func (f *family) trained(w *work, got *train.Result) (*Result, error) {
	state, err := trainstate.Read(f.output(w))
	if err != nil {
		return nil, err
	}
	r := &Result{Params: f.p.models[w.member].Params(), Steps: state.Step, Tokens: state.Tokens, FLOPs: w.FLOPs,
		Ops:     w.Operations,
		Seconds: state.Seconds, Loss: got.Loss}
	if state.Eval != nil && state.Eval.Step == state.Step {
		loss := state.Eval.Loss
		r.Eval = &loss
	}
	if r.Log, err = filepath.Rel(f.dir, f.log(w)); err != nil {
		return nil, err
	}
	r.Digest, err = digestOf(f.output(w))
	return r, err
}

// trainOptions are what famkit train would be told.
func (f *family) trainOptions(w *work, goesOn bool) (*train.Options, error) {
	set, out := f.p.stageSettings(w.Stage), f.output(w)
	if goesOn {
		// Where the data lie, and how often is evaluated and saved, may have changed; all else is as recorded.
		again := []string{"data", "eval-every", "save-every"}
		if set.Eval != "" {
			again = append(again, "eval")
		}
		return &train.Options{Model: out, Out: out, Settings: set, Words: train.Words{Resume: true},
			Given: func(name string) bool { return slices.Contains(again, name) }}, nil
	}
	o := &train.Options{Out: out, Settings: set, Log: f.log(w)}
	if w.From != "" {
		o.Model, o.Given = f.output(f.find(w.From)), f.givenTo(false)
		return o, nil
	}
	o.Given = f.givenTo(f.r.Training.Warmup >= 0)
	if o.Tokenizer = f.r.Path(f.r.Tokenizer.Path); f.r.Tokenizer.Vocab > 0 {
		o.Tokenizer = f.output(f.find("tokenizer"))
	}
	var err error
	o.Init, err = f.config(w)
	return o, err
}

// givenTo tells of every setting, for a new training. The warm-up of one that begins with warm moments is its own.
func (f *family) givenTo(warmup bool) func(string) bool {
	names := trainstate.Names()
	return func(name string) bool { return slices.Contains(names, name) && (name != "warmup" || warmup) }
}

// freshLog makes room for the log of a training of which nothing was saved: rows of one that was killed before its
// first save are lost with it.
func (f *family) freshLog(w *work) error {
	if err := disk.Delete(f.log(w)); err != nil && !disk.Absent(err) {
		return output.Failed(f.log(w), "removing it", err)
	}
	return nil
}

// config writes the config.json that a stage begins with.
func (f *family) config(w *work) (string, error) {
	path := filepath.Join(f.dir, configsDir, w.id+".json")
	return path, output.Write(path, f.p.models[w.member].config, output.Replace)
}

// enough refuses data that are too short for the longest training, once their tokens can be counted.
func (f *family) enough(ctx context.Context) error {
	i := slices.IndexFunc(f.works, func(w *work) bool { return w.Kind == Train && w.From == "" && w.Wanted })
	w := f.works[i]
	key := inputs{"data": w.inputs["data"], "tokenizer": w.inputs["tokenizer"], "seq": w.inputs["seq"],
		"eval-fraction": w.inputs["eval-fraction"]}.key()
	has := f.ledger.data(key)
	if has == nil {
		var err error
		if has, err = f.countTokens(ctx, w, key); err != nil {
			return err
		}
	}
	f.tellEvaluations(has.Held)
	most := 0.0
	for i := range f.p.Stages {
		if s := &f.p.Stages[i]; s.Wanted && s.Final {
			most = max(most, float64(f.p.seen(s)))
		}
	}
	if one := float64(has.Rows) * float64(f.r.Training.Seq); most > one*f.r.Data.MaxEpochs {
		return f.p.tooShort(most, fmt.Sprintf("%.4g of them, %.3g passes", one, most/one))
	}
	return nil
}

// muchEvaluation is the part of the training's operations from which evaluations are spoken of.
const muchEvaluation = 0.25

// tellEvaluations says, once a run, when much of the time goes into evaluations of the rows that are held out. A
// forward pass is a third of a training's operations.
func (f *family) tellEvaluations(rows int64) {
	if f.counted {
		return
	}
	f.counted = true
	all, evals := 0.0, 0.0
	for _, w := range f.works {
		if w.Kind != Train || !w.Wanted {
			continue
		}
		n := 1
		if every := f.r.Training.EvalEvery; every > 0 {
			n += w.Steps / every
		}
		all += w.Operations
		evals += float64(n) * w.Operations / float64(w.Tokens) * float64(rows*int64(f.r.Training.Seq)) / 3
	}
	if evals > muchEvaluation*all {
		f.on(Event{Warn: fmt.Sprintf("evaluations take about %.0f %% as long as training: a larger eval-every, or a "+
			"smaller eval-fraction",
			100*evals/all)})
	}
}

// countTokens reads the data as the first training will.
func (f *family) countTokens(ctx context.Context, w *work, key string) (*DataRow, error) {
	o, err := f.trainOptions(w, false)
	if err != nil {
		return nil, err
	}
	o.DryRun, o.Log, o.Out = true, "", filepath.Join(f.dir, stagesDir, "counted-and-never-written")
	got, err := train.Run(ctx, *o, func(e train.Event) {
		if e.Progress != nil {
			f.on(Event{Train: &e})
		}
	})
	if err != nil {
		return nil, err
	}
	row := &DataRow{Key: key, Tokens: int64(got.Plan.Data.Tokens), Rows: got.Plan.Data.Rows, Held: got.Plan.Data.EvalRows}
	return row, f.ledger.append(Row{Type: rowData, Data: row})
}

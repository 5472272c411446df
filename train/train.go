// Package train trains a decoder-only language model: AdamW as PyTorch has it, a learning-rate schedule, data whose
// order is a function of the seed, checkpoints from which a run continues bit for bit.
//
// The graph is spago's (graph.go), the arithmetic an engine's. Weights, moments and gradients are kept in the
// engine's type: float32 on cpu whatever the saved type, float64 on ref.
//
// Reading order: options.go and begin.go say what a call may ask for, settle.go which settings hold, plan.go what will
// be done; build.go takes the memory, loop.go and evaluate.go run, checkpoint.go saves. What a training is made of
// beside its weights is package trainstate's, what it reads package corpus's.
package train

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/corpus"
	"famkit/internal/decoder"
	"famkit/internal/engine"
	"famkit/internal/fault"
	"famkit/internal/growth"
	"famkit/internal/mem"
	"famkit/internal/tensor"
	"famkit/internal/tokenizer"
	"famkit/internal/trainstate"
)

// Result is a finished training, or what a dry run found.
type Result struct {
	Out      string              `json:"out"`
	Params   int64               `json:"params"`
	Step     int                 `json:"step"`
	Ran      int                 `json:"ran"`     // steps of this run
	Written  bool                `json:"written"` // Out holds what this run made
	Tokens   int64               `json:"tokens"`
	Seconds  float64             `json:"seconds"`
	Loss     float64             `json:"loss,omitempty"`      // of the last step
	EvalLoss *float64            `json:"eval_loss,omitempty"` // on the first set
	Evals    []SetLoss           `json:"evals,omitempty"`     // on every set, at the end
	Engine   string              `json:"engine"`
	Memory   Memory              `json:"memory"`
	Settings trainstate.Settings `json:"settings"`
	DryRun   bool                `json:"dry_run,omitempty"`
	// NothingToDo says that all steps were done before.
	NothingToDo bool  `json:"nothing_to_do,omitempty"`
	Plan        *Plan `json:"plan,omitempty"`
}

// run is one call of the trainer.
type run struct {
	o  Options
	s  trainstate.Settings
	on func(Event)

	kind    Kind
	inPlace bool              // Out is the training that goes on
	origin  string            // what the training began from
	state   *trainstate.State // of the training that goes on, nil where none does
	erased  *Erased
	plan    Plan

	model   *arch.Model
	config  *arch.Config // of the checkpoints
	dtype   tensor.DType // of the saved weights
	files   map[string][]byte
	tok     *tokenizer.Tokenizer // nil until it is needed
	lineage *trainstate.Lineage
	data    *corpus.Data
	digests trainstate.Digests

	base   position // where the run begins
	growth *trainstate.Growth
	// trainable are the blocks that are trained, nil: all of the model.
	trainable map[int]bool
	// grownBy is the plan by which the model was grown and after which it was not trained, nil where there is none.
	grownBy *growth.Plan
	memory  Memory
	spec    engine.Spec
	e       engine.Engine // nil in a dry run where the engine does not run here
	d       *decoder.Decoder
	opt     *adamW
	hand    *handOver // nil: none, or over
	graph   *graph

	logTo    logTarget
	log      *logFile
	began    time.Time
	saved    int              // the step of the last checkpoint, -1: none yet
	lastEval *trainstate.Eval // of this training
	// textSizes are what evalBytes counts.
	textSizes []int64
	result    Result
}

// Run trains and writes checkpoints. Events arrive in order, from the calling goroutine. When ctx ends, Run finishes
// the micro-batch, saves the last complete step and returns an *Interrupted.
func Run(ctx context.Context, o Options, on func(Event)) (*Result, error) {
	if o.Given == nil {
		o.Given = func(string) bool { return false }
	}
	r := &run{o: o, s: o.Settings, on: on, saved: -1}
	defer r.close()
	if err := r.locate(); err != nil {
		return nil, err
	}
	err := r.prepare(ctx)
	switch {
	case err != nil:
		return nil, r.interrupted(ctx, err)
	case r.result.NothingToDo || o.DryRun:
		return &r.result, nil
	}
	return r.train(ctx)
}

// locate finds models that are named as on the Hugging Face hub.
func (r *run) locate() error {
	for _, path := range []*string{&r.o.Model, &r.o.Init, &r.o.Tokenizer} {
		at, err := format.Locate(*path)
		if err != nil {
			return err
		}
		*path = at
	}
	return nil
}

func (r *run) close() {
	if r != nil && r.e != nil {
		_ = r.e.Close()
	}
}

// prepare settles all that can be refused before memory is taken, then takes it, unless nothing is to be done.
func (r *run) prepare(ctx context.Context) error {
	if err := r.begin(); err != nil {
		return err
	}
	if r.finished() {
		return nil
	}
	ck, err := r.open()
	if err != nil {
		return err
	}
	if h, ok := source(ck); ok {
		defer func() { _ = h.Close() }()
	}
	if err := r.settleAll(ctx); err != nil || r.result.NothingToDo {
		return err
	}
	r.makePlan()
	r.result.Plan = &r.plan
	r.on(Event{Plan: &r.result})
	if r.o.DryRun {
		return nil
	}
	return r.build(ck)
}

// source is the file handle behind a checkpoint.
func source(ck *arch.Checkpoint) (format.Handle, bool) {
	if ck == nil {
		return nil, false
	}
	h, ok := ck.Source.(format.Handle)
	return h, ok
}

// finished tells whether a training goes on as itself, without anything asked of it, that has done all its steps.
func (r *run) finished() bool {
	if r.kind != Resume || r.state.Step < r.state.Settings.Steps || r.o.lengthGiven() {
		return false
	}
	for _, name := range trainstate.Names() {
		if r.o.Given(name) {
			return false
		}
	}
	r.s = r.state.Settings
	r.nothingToDo()
	return true
}

func (r *run) nothingToDo() {
	s := r.state
	r.result = Result{Out: r.o.Out, Step: s.Step, Tokens: s.Tokens, Seconds: s.Seconds, Engine: r.s.Engine, Settings: r.s,
		DryRun:      r.o.DryRun,
		NothingToDo: true}
	if r.model != nil {
		r.result.Params = r.model.Params()
	}
}

// settleAll settles settings, engine, memory, data and the place in it.
func (r *run) settleAll(ctx context.Context) (err error) {
	for _, f := range []func() error{r.settle, r.writeConfig, r.trace, r.startEngine} {
		if err := f(); err != nil {
			return err
		}
	}
	r.memory = memoryNeed(r.model, r.spec, r.size())
	if r.e != nil {
		r.memory.Available = r.e.Available()
	}
	if err := r.memory.check(r.model, r.spec, r.size()); err != nil {
		return err
	}
	if r.data, err = corpus.Load(ctx, r.dataOptions()); err != nil {
		return r.dataMoved(err)
	}
	r.digests.Data = r.data.Digest
	if err := r.settleLength(); err != nil {
		return err
	}
	if err := r.settleResume(); err != nil {
		return err
	}
	r.place()
	if err := r.settleTrainOnly(); err != nil {
		return err
	}
	if err := r.settleHandOver(); err != nil {
		return err
	}
	if r.kind == Resume && r.s.Steps == r.base.Step {
		r.nothingToDo()
		return nil
	}
	r.result = Result{Out: r.o.Out, Params: r.model.Params(), Engine: r.s.Engine, Memory: r.memory, Settings: r.s,
		DryRun: r.o.DryRun}
	return nil
}

// dataMoved adds what to do when data that a training recorded is not there: its path is as it was given then.
func (r *run) dataMoved(err error) error {
	if r.state == nil || r.o.Given("data") && r.o.Given("eval") || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return fault.Hint(err,
		"the path is the one that the training was given, seen from where it was begun; %v or %v names it anew",
		fault.Arg("data", "PATH"), fault.Arg("eval", "PATH"))
}

func (r *run) dataOptions() corpus.Options {
	o := corpus.Options{Paths: r.s.Data, Reading: corpus.Reading{Ext: r.s.Ext, TextField: r.s.TextField,
		AsText: r.s.AsText},
		TokenDType: r.s.TokenDType, EvalFraction: r.s.EvalFraction, Seq: r.s.Seq, Vocab: r.model.Vocab,
		Seed: r.s.Seed, Memory: mem.Available(),
		Text:     r.text,
		Progress: r.progress}
	for _, set := range r.s.EvalSets() {
		o.Evals = append(o.Evals, set.Path)
	}
	if r.o.onlyEvaluates() && r.s.Eval != "" {
		o.Paths = nil // nothing is trained on it
	}
	return o
}

func (r *run) progress(label string, done, total int64) {
	r.on(Event{Progress: &Progress{Label: label, Done: done, Total: total}})
}

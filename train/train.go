// Package train trains a decoder-only language model: AdamW as PyTorch has it, a learning-rate schedule, data whose
// order is a function of the seed, checkpoints from which a run continues bit for bit.
//
// The graph is spago's (graph.go), the arithmetic an engine's. Weights, moments and gradients are kept in the
// engine's type: float32 on cpu whatever the saved type, float64 on ref.
package train

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/corpus"
	"famkit/internal/decoder"
	"famkit/internal/engine"
	"famkit/internal/fault"
	"famkit/internal/tensor"
	"famkit/internal/trainstate"
)

// Options are one call of the trainer.
type Options struct {
	Model     string // checkpoint to begin from; with Resume where Out does not exist, the training to continue
	Init      string // instead of Model: a config.json to train from scratch
	Tokenizer string // tokenizer.json or a folder that has it; "": the model's own
	Out       string
	trainstate.Settings
	// Given tells which settings, by flag name, the user chose; a resumed training takes the others from its record.
	Given  func(flag string) bool
	Resume bool
	// Force replaces an existing Out, and resumes although what changes the result has changed.
	Force  bool
	DryRun bool // stop before memory is taken
	Log    string
}

// Result is a finished training, or what a dry run found.
type Result struct {
	Out      string              `json:"out"`
	Params   int64               `json:"params"`
	Step     int                 `json:"step"`
	Tokens   int64               `json:"tokens"`
	Seconds  float64             `json:"seconds"`
	Loss     float64             `json:"loss,omitempty"` // of the last step
	EvalLoss *float64            `json:"eval_loss,omitempty"`
	Engine   string              `json:"engine"`
	Memory   Memory              `json:"memory"`
	Settings trainstate.Settings `json:"settings"`
	DryRun   bool                `json:"dry_run,omitempty"`
}

// run is one training.
type run struct {
	o  Options
	s  trainstate.Settings
	on func(Event)

	origin string // what the training began from
	model  *arch.Model
	config *arch.Config // of the checkpoints
	dtype  tensor.DType // of the saved weights
	files  map[string][]byte
	state  *trainstate.State // nil: begins anew

	spec    engine.Spec
	e       engine.Engine // nil in a dry run where the engine does not run here
	d       *decoder.Decoder
	opt     *adamW
	graph   *graph
	data    *corpus.Data
	digests trainstate.Digests
	memory  Memory
	log     *logFile
	began   time.Time
	saved   int // the step of the last checkpoint, -1: none yet
	result  Result
}

// Run trains and writes checkpoints. Events arrive in order, from the calling goroutine. When ctx ends, Run finishes the
// micro-batch, saves the last complete step and returns an error that wraps the cause.
func Run(ctx context.Context, o Options, on func(Event)) (*Result, error) {
	if o.Given == nil {
		o.Given = func(string) bool { return false }
	}
	r := &run{o: o, s: o.Settings, on: on, saved: -1}
	ck, err := r.open()
	if err != nil {
		return nil, err
	}
	defer func() {
		if r.e != nil {
			_ = r.e.Close()
		}
	}()
	err = r.prepare(ctx)
	if err == nil && !o.DryRun {
		err = r.build(ck)
	}
	if h, ok := r.source(ck); ok {
		_ = h.Close()
	}
	if err != nil {
		return nil, err
	}
	if o.DryRun {
		r.result.DryRun = true
		return &r.result, nil
	}
	return r.train(ctx)
}

func (r *run) source(ck *arch.Checkpoint) (format.Handle, bool) {
	if ck == nil {
		return nil, false
	}
	h, ok := ck.Source.(format.Handle)
	return h, ok
}

// prepare settles everything that can be refused before memory is taken: settings, engine, memory, data.
func (r *run) prepare(ctx context.Context) error {
	if err := r.settle(); err != nil {
		return err
	}
	if err := r.startEngine(); err != nil {
		return err
	}
	r.memory = memoryNeed(r.model, r.spec, r.s.Batch, r.s.Seq)
	if r.e != nil {
		r.memory.Available = r.e.Available()
	}
	r.on(Event{Note: fmt.Sprintf("%s parameters; memory %s: weights %s, gradients %s, optimizer %s, activations %s, workspace %s",
		count(r.model.Params()), sizeText(r.memory.Total), sizeText(r.memory.Weights), sizeText(r.memory.Gradients),
		sizeText(r.memory.Optimizer), sizeText(r.memory.Activations), sizeText(r.memory.Workspace))})
	if err := r.memory.check(r.model, r.spec, r.s.Batch, r.s.Seq); err != nil {
		return err
	}
	var err error
	if r.data, err = corpus.Load(ctx, r.dataOptions()); err != nil {
		return err
	}
	if r.s.Steps == 0 {
		r.s.Steps = int(max(r.data.Epoch/r.s.StepRows(), 1))
	}
	r.s.ResolveWarmup()
	if err := r.s.Rate().Check(); err != nil {
		return err
	}
	r.digests.Data = r.data.Digest
	if r.state != nil {
		if err := r.refuseChanges(); err != nil {
			return err
		}
	}
	r.result = Result{Out: r.o.Out, Params: r.model.Params(), Engine: r.s.Engine, Memory: r.memory, Settings: r.s}
	return nil
}

// settle completes and checks the settings: recorded ones of a resumed training, the shape of recorded data.
func (r *run) settle() error {
	if r.state != nil {
		r.s.Inherit(&r.state.Settings, r.o.Given)
	}
	if len(r.s.Data) == 0 {
		return fault.Usagef("%v is missing", fault.Arg("data"))
	}
	if err := r.s.Check(); err != nil {
		return err
	}
	if corpus.Recorded(r.s.Data) {
		if err := r.takeShape(); err != nil {
			return err
		}
	}
	if r.s.Seq > r.model.MaxPos {
		if r.state != nil || r.o.Given("seq") || corpus.Recorded(r.s.Data) {
			return fault.Usagef("seq %d: the model's max_position_embeddings is %d", r.s.Seq, r.model.MaxPos)
		}
		r.s.Seq = r.model.MaxPos
	}
	if err := r.chooseDType(); err != nil {
		return err
	}
	return r.writeConfig()
}

// chooseDType reads the type of the saved weights, in torch's spelling or that of safetensors, and records torch's.
func (r *run) chooseDType() error {
	if name := r.s.DType; name != "" {
		d, err := tensor.ParseTorchDType(name)
		if err != nil {
			d, err = tensor.ParseDType(strings.ToUpper(name))
		}
		if err != nil || !d.Real() {
			return fault.Usagef("--dtype %q: wanted float32, bfloat16, float16 or float64", name)
		}
		r.dtype = d
	}
	r.s.DType = r.dtype.Torch()
	return nil
}

// takeShape takes batch, seq and steps from recorded data, where they were not given, and refuses what contradicts it.
func (r *run) takeShape() error {
	path := r.s.Data[0]
	shape, err := corpus.RecordedShape(path)
	if err != nil {
		return err
	}
	given := func(flag string) bool { return r.o.Given(flag) || r.state != nil }
	if !given("seq") {
		r.s.Seq = shape[2] - 1
	}
	if !given("batch") && shape[1]%r.s.Accum == 0 {
		r.s.Batch = shape[1] / r.s.Accum
	}
	if !given("steps") {
		r.s.Steps = shape[0]
	}
	if r.s.Batch*r.s.Accum != shape[1] || r.s.Seq != shape[2]-1 {
		return fault.Inputf("%s: tensor %q: wanted %d rows of %d ids a step (batch %d, accum %d, seq %d and one target), found %v",
			path, corpus.TokensTensor, r.s.Batch*r.s.Accum, r.s.Seq+1, r.s.Batch, r.s.Accum, r.s.Seq, shape)
	}
	return nil
}

// startEngine makes the engine that the settings ask for and records what was chosen. A dry run does without one that cannot run here.
func (r *run) startEngine() error {
	o := engine.Options{Threads: r.s.Threads, Precision: engine.Precision(r.s.Precision)}
	if o.Threads == 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	e, passed, err := engine.Start(r.s.Engine, o)
	for _, why := range passed {
		r.on(Event{Note: "not used: engine " + why})
	}
	var not *engine.Unavailable
	if errors.As(err, &not) && r.o.DryRun {
		r.on(Event{Note: err.Error() + "; the plan is for a machine where it does"})
		return r.planFor(o)
	}
	if err != nil {
		return err
	}
	r.e, r.spec = e, e.Spec()
	r.s.Engine, r.s.Precision, r.s.Threads = e.Name(), string(r.spec.Precision), o.Threads
	return nil
}

// planFor takes what is known of an engine that cannot run here.
func (r *run) planFor(o engine.Options) error {
	c, err := engine.Choose(r.s.Engine, o.Precision)
	if err != nil {
		return err
	}
	r.spec = c.Spec
	r.s.Engine, r.s.Precision, r.s.Threads = c.Name, string(c.Spec.Precision), o.Threads
	return nil
}

// refuseChanges refuses to resume with what would change the training's result, unless forced.
func (r *run) refuseChanges() error {
	changes := r.state.Changes(&r.s, r.digests)
	if len(changes) == 0 || r.o.Force {
		return nil
	}
	var what []string
	for _, c := range changes {
		what = append(what, c.String())
	}
	return fault.Hint(fault.Inputf("the training cannot be resumed with what would change its result: %s", strings.Join(what, "; ")), "%v resumes it all the same", fault.Arg("force"))
}

func (r *run) dataOptions() corpus.Options {
	return corpus.Options{Paths: r.s.Data, Ext: r.s.Ext, TokenDType: r.s.TokenDType, Eval: r.s.Eval, EvalFraction: r.s.EvalFraction, Seq: r.s.Seq,
		Vocab: r.model.Vocab, Seed: r.s.Seed, Text: r.text,
		Progress: func(label string, done, total int64) { r.on(Event{Progress: &Progress{label, done, total}}) },
		Note:     func(format string, a ...any) { r.on(Event{Note: fmt.Sprintf(format, a...)}) }}
}

// text is the tokenizer and the id that ends a document.
func (r *run) text() (corpus.Encoder, int32, error) {
	tok, err := r.encoder()
	if err != nil {
		return nil, 0, err
	}
	for _, list := range [][]int{r.model.EOS, r.model.BOS} {
		if len(list) > 0 {
			return tok, int32(list[0]), nil
		}
	}
	return nil, 0, fault.Inputf("config.json: neither eos_token_id nor bos_token_id is there to separate documents")
}

// build takes the memory and fills it: fresh weights, a checkpoint's, or a saved training.
func (r *run) build(ck *arch.Checkpoint) error {
	d, err := decoder.New(r.e, r.model, decoder.Options{Batch: r.s.Batch, SeqLen: r.s.Seq, Train: true})
	if err != nil {
		return err
	}
	r.d = d
	if ck == nil {
		err = d.Init(r.s.Seed)
	} else {
		err = d.Load(ck)
	}
	if err != nil {
		return err
	}
	if r.opt, err = newAdamW(d, &r.s); err != nil {
		return err
	}
	r.graph = newGraph(d, d.Params(), r.model.Layers, r.spec.HostMemory, r.model.Tied)
	if r.state == nil {
		return nil
	}
	r.saved = r.state.Step
	return r.restore(r.o.Model)
}

func count(n int64) string {
	switch f := float64(n); {
	case n >= 1e9:
		return fmt.Sprintf("%.2f billion", f/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f million", f/1e6)
	}
	return fmt.Sprint(n)
}

package train

import (
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"famkit/internal/corpus"
	"famkit/internal/engine"
	"famkit/internal/fault"
	"famkit/internal/tensor"
	"famkit/internal/trainstate"
)

// settle completes and checks the settings, as far as that goes before the data is read: recorded ones of a training
// that goes on, the shape of recorded data.
func (r *run) settle() error {
	switch r.kind {
	case Resume:
		r.s.Inherit(&r.state.Settings, r.o.Given)
	case TakeOver:
		r.takeSettings()
	}
	if r.o.onlyEvaluates() && r.s.Eval == "" && r.s.EvalFraction == 0 {
		return fault.Usagef("%v trains nothing; %v says what to evaluate on", fault.Arg("steps", 0), fault.Arg("eval"))
	}
	if len(r.s.Data) == 0 && !(r.o.onlyEvaluates() && r.s.Eval != "") {
		return fault.Usagef("%v is missing", fault.Arg("data"))
	}
	if err := r.s.Check(); err != nil {
		return err
	}
	recorded := r.s.Data
	if r.o.onlyEvaluates() && r.s.Eval != "" {
		recorded = []string{r.s.EvalSets()[0].Path}
	}
	if corpus.Recorded(recorded) {
		if err := r.takeShape(recorded[0]); err != nil {
			return err
		}
	}
	if r.s.Seq > r.model.MaxPos {
		if r.state != nil || r.o.Given("seq") || corpus.Recorded(recorded) {
			return r.blame(fault.Usagef("%v: the model's max_position_embeddings is %d", fault.Arg("seq", r.s.Seq),
				r.model.MaxPos), "seq")
		}
		r.s.Seq = r.model.MaxPos
	}
	return r.chooseDType()
}

// takeSettings takes the settings of the training that is taken over, but for those that were given and those that
// belong to what was given: the kind of new data, the other way to hold data out. The machine's threads are chosen
// anew, and the learning rate is not warmed up from zero where the moments are warm.
func (r *run) takeSettings() {
	own := func(name string) bool {
		switch name {
		case "threads", "warmup", "train-only":
			return true
		case "steps":
			return r.o.lengthGiven()
		case "ext", "token-dtype", "text-field", "as-text", "separator":
			return r.o.Given(name) || r.o.Given("data")
		case "eval", "eval-fraction":
			return r.o.Given("eval") || r.o.Given("eval-fraction")
		}
		return r.o.Given(name)
	}
	r.s.Inherit(&r.state.Settings, own)
	if !r.o.Given("warmup") && !r.o.FreshOptimizer {
		r.s.Warmup = 0
	}
	if corpus.Recorded(r.s.Data) && !r.o.Given("eval-fraction") {
		r.s.EvalFraction = 0 // their order is fixed
	}
	r.plan.Inherited = slices.DeleteFunc(trainstate.Names(), own)
}

// takeShape takes batch, seq and steps from recorded data, where they were not given, and refuses what contradicts it.
func (r *run) takeShape(path string) error {
	shape, err := corpus.RecordedShape(path)
	if err != nil {
		return err
	}
	// New data come with a shape of their own, those of a training that goes on have its.
	kept := r.state != nil && !(r.kind == TakeOver && r.o.Given("data"))
	given := func(name string) bool { return r.o.Given(name) || kept }
	if !given("seq") {
		r.s.Seq = shape[2] - 1
	}
	if !given("batch") && shape[1]%r.s.Accum == 0 {
		r.s.Batch = shape[1] / r.s.Accum
	}
	if r.s.StepRows() != int64(shape[1]) || r.s.Seq != shape[2]-1 {
		return fault.Inputf("%s: tensor %q: wanted %d rows of %d ids a step (%v, %v, %v and one target), found %v", path,
			corpus.TokensTensor,
			r.s.StepRows(), r.s.Seq+1, fault.Arg("batch", r.s.Batch), fault.Arg("accum", r.s.Accum), fault.Arg("seq", r.s.Seq),
			shape)
	}
	return nil
}

// chooseDType reads the type of the saved weights, in torch's spelling or that of safetensors, and records torch's.
func (r *run) chooseDType() error {
	if name := r.s.DType; name != "" {
		d, err := tensor.ParseTorchDType(name)
		if err != nil {
			d, err = tensor.ParseDType(strings.ToUpper(name))
		}
		if err != nil || !d.Real() {
			return r.blame(fault.Usagef("%v: wanted float32, bfloat16, float16 or float64, found %q", fault.Arg("dtype"), name),
				"dtype")
		}
		r.dtype = d
	}
	r.s.DType = r.dtype.Torch()
	return nil
}

// startEngine makes the engine that the settings ask for and records what was chosen. A dry run does without one that
// cannot run here: its plan is for a machine where it does.
func (r *run) startEngine() error {
	o := engine.Options{Threads: r.s.Threads, Precision: engine.Precision(r.s.Precision)}
	o.Threads = o.Workers()
	e, passed, err := engine.Start(r.s.Engine, o)
	r.plan.EnginesPassed = passed
	var not *engine.Unavailable
	if errors.As(err, &not) && r.o.DryRun {
		r.plan.Elsewhere = err.Error()
		return r.planFor(o)
	}
	if err != nil {
		return r.blame(err, "engine", "precision", "threads")
	}
	r.e, r.spec = e, e.Spec()
	r.s.Engine, r.s.Precision, r.s.Threads = e.Name(), string(r.spec.Precision), o.Threads
	return nil
}

// blame makes wrong usage a refused input where none of the settings was given, so that their values come from a state
// file.
func (r *run) blame(err error, names ...string) error {
	if fault.KindOf(err) != fault.Usage || r.state == nil || slices.ContainsFunc(names, r.o.Given) {
		return err
	}
	return fault.Inputf("%s: settings: %s", filepath.Join(modelDir(r.o.Model), trainstate.StateFile), err.Error())
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

// settleLength turns what was said of the length into steps, once the data is there, and completes what depends on it.
func (r *run) settleLength() error {
	b, rows := r.o.Budget, float64(r.s.StepRows())
	steps := float64(r.s.Steps)
	switch {
	case r.o.Given("epochs"):
		steps = math.Round(b.Epochs * float64(r.data.Epoch) / rows)
	case r.o.Given("tokens"):
		steps = math.Round(float64(b.Tokens) / float64(r.s.StepTokens()))
	case r.o.Given("flops"):
		steps = math.Round(b.FLOPs / (flopsPerToken(r.model, r.s.Seq) * float64(r.s.StepTokens())))
	case !r.o.Given("steps") && r.kind != Resume && steps == 0: // one pass
		steps = math.Floor(float64(r.data.Epoch) / rows)
	}
	if steps < 1 && !r.o.Given("steps") && r.kind != Resume {
		steps = 1
	}
	if steps > math.MaxInt32 && steps > float64(r.s.Steps) {
		return fault.Usagef("%.3g steps are too many", steps)
	}
	r.s.Steps = int(steps)
	r.s.ResolveWarmup()
	if err := r.s.Check(); err != nil {
		return err
	}
	return r.s.Rate().Check()
}

// settleResume compares a training that goes on as itself with its record.
func (r *run) settleResume() error {
	if r.kind != Resume {
		return nil
	}
	if r.s.Steps < r.state.Step {
		return fault.Usagef("%v: %d steps are done already", fault.Arg("steps", r.s.Steps), r.state.Step)
	}
	if was := r.state.Settings.Steps; r.s.Steps != was && r.state.Extends(&r.s) {
		r.plan.StepsWere = was
	}
	changes := r.state.Changes(&r.s, r.digests)
	if len(changes) > 0 && !r.o.Change {
		var what []string
		for _, c := range changes {
			what = append(what, c.String())
		}
		return fault.Hint(fault.Inputf("the training cannot be resumed with what would change its result: %s",
			strings.Join(what, "; ")),
			"%v lets it change", fault.Arg("change"))
	}
	r.plan.Changes = changes
	return nil
}

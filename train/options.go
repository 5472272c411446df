package train

import (
	"io"
	"slices"

	"famkit/internal/fault"
	"famkit/internal/trainstate"
)

// Options are one call of the trainer.
type Options struct {
	Model     string // checkpoint to begin from; with Resume where Out does not exist, the training to continue
	Init      string // instead of Model: a config.json to train from scratch
	Tokenizer string // tokenizer.json or a folder that has it; "": the model's own
	Out       string // may be "" where a Model is only evaluated (0 steps)
	trainstate.Settings
	Budget Budget
	// Given tells which settings, by name, the user chose; a training that goes on takes the others from its record.
	Given func(name string) bool
	Words
	// DecayFrom is "now" or a step of Model's training: OUT is a member that decays from there; "": not so.
	DecayFrom string
	DryRun    bool   // stop before memory is taken
	Log       string // file for the rows of the log; "": a resumed training's own, or none
	// LogTo takes the rows instead of a file.
	LogTo io.Writer
}

// Words allow what is refused without them. Each allows one thing.
type Words struct {
	Resume         bool // go on with the training that Out holds, or with Model's in a new Out
	Change         bool // with Resume: what was given replaces what the training recorded
	Erase          bool // the training that Out holds goes
	Force          bool // an Out that is no training is replaced, and so is a log
	FreshOptimizer bool // Model's optimizer state is left behind
}

// Budget is the length of a training in another unit than steps; 0 is not given.
type Budget struct {
	Epochs float64 // passes over the data
	Tokens int64   // target tokens
	FLOPs  float64 // of the matrix products, forward and backward
}

// lengths are the names of what says how long a training is.
var lengths = []string{"steps", "epochs", "tokens", "flops"}

// check refuses calls that contradict themselves.
func (o *Options) check() error {
	for _, c := range []struct {
		bad  bool
		a, b string
	}{
		{o.Resume && o.Erase, "resume", "erase"},
		{o.Resume && o.FreshOptimizer, "resume", "fresh-optimizer"},
		{o.Resume && o.DecayFrom != "", "resume", "decay-from"},
		{o.Init != "" && o.DecayFrom != "", "init", "decay-from"},
		{o.Init != "" && o.FreshOptimizer, "init", "fresh-optimizer"},
	} {
		if c.bad {
			return fault.Usagef("%v and %v contradict each other", fault.Arg(c.a), fault.Arg(c.b))
		}
	}
	switch {
	case o.Init != "" && o.Model != "":
		return fault.Usagef("a model and %v contradict each other", fault.Arg("init"))
	case o.Init == "" && o.Model == "":
		return fault.Usagef("neither a model nor %v is given", fault.Arg("init"))
	case o.Change && !o.Resume:
		return fault.Usagef("%v goes with %v: a new training takes any settings", fault.Arg("change"), fault.Arg("resume"))
	case o.Out == "" && !o.onlyEvaluates():
		return fault.Usagef("no output is given")
	}
	return o.checkLength()
}

func (o *Options) checkLength() error {
	given := slices.DeleteFunc(slices.Clone(lengths), func(name string) bool { return !o.Given(name) })
	if len(given) > 1 {
		return fault.Usagef("%v and %v both say how long to train", fault.Arg(given[0]), fault.Arg(given[1]))
	}
	for _, c := range []struct {
		name    string
		v, most float64
	}{
		{"epochs", o.Budget.Epochs, 1e12},
		{"tokens", float64(o.Budget.Tokens), 1e18},
		{"flops", o.Budget.FLOPs, 1e40},
	} {
		if o.Given(c.name) && !(c.v > 0 && c.v <= c.most) {
			return fault.Usagef("%v: wanted a number above 0, at most %g, found %g", fault.Arg(c.name), c.most, c.v)
		}
	}
	return nil
}

// onlyEvaluates tells whether no step is asked for: a model is evaluated and nothing is written.
func (o *Options) onlyEvaluates() bool { return o.noSteps() && o.Init == "" }

// noSteps tells whether 0 steps were asked for.
func (o *Options) noSteps() bool { return !o.Resume && o.Given("steps") && o.Steps == 0 }

// lengthGiven tells whether the user said how long to train.
func (o *Options) lengthGiven() bool { return slices.ContainsFunc(lengths, o.Given) }

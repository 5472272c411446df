// Package family makes a family of models from one recipe: the smallest member is trained, grown, the growth proved,
// trained on, up to the largest (Yano and others, arXiv 2504.00623). What is done is said beforehand, survives any
// interruption, and is reported.
//
// To read: recipe.go and lines.go (what a user writes), check.go (what contradicts itself), members.go (the models),
// plan.go with budget.go and cost.go (what it takes), stages.go (what each stage depends on), ledger.go (what was
// done), run.go with stagetrain.go and stagegrow.go, report.go.
//
// Words: a stage is one piece of work with one output; the trunk is trained at a constant rate and is what grows; a
// branch decays the trunk's rate to zero and gives the member; the progressive arm grows its members, the independent
// arm trains each from random weights.
package family

import (
	"errors"
	"path/filepath"

	toml "github.com/pelletier/go-toml/v2"

	"famkit/internal/fault"
	"famkit/internal/infile"
	"famkit/internal/trainstate"
)

// Recipe is a family as a user writes it. Paths are seen from the recipe's folder.
type Recipe struct {
	Name      string         `toml:"name"`
	Seed      uint64         `toml:"seed"`
	Arms      []string       `toml:"arms"`
	Config    string         `toml:"config"` // config.json of the smallest member, instead of [model]
	Model     map[string]any `toml:"model"`  // its keys
	Data      Data           `toml:"data"`
	Tokenizer Tokenizer      `toml:"tokenizer"`
	Members   []Member       `toml:"member"`
	Budget    Budget         `toml:"budget"`
	Schedule  Schedule       `toml:"schedule"`
	Growth    Growth         `toml:"growth"`
	Training  Training       `toml:"training"`

	path  string
	lines lines
}

// The arms.
const (
	Progressive = "progressive"
	Independent = "independent"
)

// Data is what is trained and evaluated on, as famkit train takes it.
type Data struct {
	Train        []string `toml:"train"`
	Ext          string   `toml:"ext"`
	TextField    string   `toml:"text-field"`
	AsText       bool     `toml:"as-text"`
	Separator    string   `toml:"separator"`
	TokenDType   string   `toml:"token-dtype"`
	Eval         string   `toml:"eval"`
	EvalFraction float64  `toml:"eval-fraction"`
	// MaxEpochs is how often the data may be read by the training of one member.
	MaxEpochs float64 `toml:"max-epochs"`
}

// Tokenizer is taken from Path or made of the training data with Vocab tokens.
type Tokenizer struct {
	Path  string `toml:"path"`
	Vocab int    `toml:"vocab"`
}

// Member is one model of the family. The first one is [model]; each other one is grown from the one before, to sizes
// that are given axis by axis, by another config.json, or proposed for a number of parameters.
type Member struct {
	Name   string `toml:"name"`
	Params any    `toml:"params"` // "2x", "250M"
	Config string `toml:"config"` // sizes of another model

	Depth     any `toml:"depth"`
	Width     any `toml:"width"`
	Hidden    any `toml:"hidden"`
	FFN       any `toml:"ffn"`
	Heads     any `toml:"heads"`
	KV        any `toml:"kv"`
	HeadDim   any `toml:"head-dim"`
	Vocab     any `toml:"vocab"`
	Positions any `toml:"positions"`
	Experts   any `toml:"experts"`
	TopK      any `toml:"top-k"`
	ExpertFFN any `toml:"expert-ffn"`

	LR     float64 `toml:"lr"`     // 0: by the rule of [training]
	Tokens any     `toml:"tokens"` // what a model of this size trained alone would get; nil: by [budget]
}

// Budget is how long is trained: tokens for each parameter, or all operations of the family.
type Budget struct {
	TokensPerParameter float64 `toml:"tokens-per-parameter"`
	FLOPs              float64 `toml:"flops"`
}

// Schedule says where the learning rate decays and where models grow.
type Schedule struct {
	Kind          string  `toml:"kind"`
	DecayFraction float64 `toml:"decay-fraction"` // of each stage's tokens
}

// The schedules.
const (
	// Trunk never decays: each member is a decay off it, and it grows before the decay.
	Trunk = "trunk"
	// Decayed decays in each stage and grows the decayed member, as the paper does.
	Decayed = "decayed"
)

// Growth says how members grow, as famkit expand takes it.
type Growth struct {
	Method       string `toml:"method"`
	Split        string `toml:"split"`
	Place        string `toml:"place"`
	Silent       string `toml:"silent"`
	New          string `toml:"new"`
	Optimizer    string `toml:"optimizer"`
	AllowInexact bool   `toml:"allow-inexact"`
	// HandOver is the part of a stage in which blocks hand over to their silent copies.
	HandOver float64 `toml:"hand-over"`
}

// Training are the settings of all trainings, as famkit train takes them.
type Training struct {
	Batch       int     `toml:"batch"`
	Seq         int     `toml:"seq"`
	Accum       int     `toml:"accum"`
	LR          float64 `toml:"lr"`
	LRPower     float64 `toml:"lr-power"` // the rate of a member is lr x (smallest / its parameters) ^ lr-power
	Warmup      int     `toml:"warmup"`
	MinLR       float64 `toml:"min-lr"`
	WeightDecay float64 `toml:"weight-decay"`
	Beta1       float64 `toml:"beta1"`
	Beta2       float64 `toml:"beta2"`
	Eps         float64 `toml:"eps"`
	Clip        float64 `toml:"clip"`
	EvalEvery   int     `toml:"eval-every"`
	SaveEvery   int     `toml:"save-every"`
	Engine      string  `toml:"engine"`
	Precision   string  `toml:"precision"`
	Threads     int     `toml:"threads"`
	DType       string  `toml:"dtype"`
}

// handOver is the part of a stage in which blocks hand over to their silent copies, where a recipe says nothing: the
// best of those that docs/family.md compares.
const handOver = 0.03

// defaults is a recipe that says nothing.
func defaults() *Recipe {
	d := trainstate.Defaults()
	return &Recipe{Seed: 1, Arms: []string{Progressive}, Data: Data{MaxEpochs: 4},
		Schedule: Schedule{Kind: Trunk, DecayFraction: d.DecayFraction}, Growth: Growth{Optimizer: "keep",
			HandOver: handOver},
		Training: Training{Batch: d.Batch, Seq: d.Seq, Accum: d.Accum, LR: d.LR, Warmup: d.Warmup, MinLR: 0,
			WeightDecay: d.WeightDecay, Beta1: d.Beta1, Beta2: d.Beta2, Eps: d.Eps, Clip: d.Clip, EvalEvery: 50,
			SaveEvery: 200, Engine: d.Engine}}
}

// Read reads the recipe at path.
func Read(path string) (*Recipe, error) {
	b, err := infile.Read(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, b)
}

// Parse reads a recipe from the text of the file at path. Keys that no recipe has, values of another kind and recipes
// that contradict themselves are refused (kind Input) with their line.
func Parse(path string, b []byte) (*Recipe, error) {
	r := defaults()
	r.path = path
	if err := decode(b, r); err != nil {
		return nil, r.syntax(err)
	}
	var err error
	if r.lines, err = readLines(b); err != nil {
		return nil, r.syntax(err)
	}
	return r, r.check()
}

// Dir is the folder that the recipe's paths are seen from.
func (r *Recipe) Dir() string { return filepath.Dir(r.path) }

// Path is where a path of the recipe is, seen from the working folder.
func (r *Recipe) Path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(r.Dir(), p)
}

// syntax puts file and line before what the TOML library says.
func (r *Recipe) syntax(err error) error {
	var unknown *toml.StrictMissingError
	if errors.As(err, &unknown) && len(unknown.Errors) > 0 {
		e := unknown.Errors[0]
		line, _ := e.Position()
		key := dotted(e.Key())
		return fault.Hint(fault.Inputf("%s: line %d: %s: no such key", r.path, line, key), "%s", nearestKey(e.Key()))
	}
	var bad *toml.DecodeError
	if errors.As(err, &bad) {
		line, column := bad.Position()
		what := trimPrefix(bad.Error(), "toml: ")
		if key := dotted(bad.Key()); key != "" {
			what = key + ": " + what
		}
		return fault.Inputf("%s: line %d, column %d: %s", r.path, line, column, what)
	}
	return fault.Inputf("%s: %s", r.path, trimPrefix(err.Error(), "toml: "))
}

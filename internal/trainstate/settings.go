package trainstate

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// Settings are what a training is made of and what a checkpoint records. The JSON keys are the settings' names.
type Settings struct {
	Data       []string `json:"data"`
	Ext        string   `json:"ext,omitempty"`
	TokenDType string   `json:"token-dtype,omitempty"`
	TextField  string   `json:"text-field,omitempty"` // of JSON rows
	AsText     bool     `json:"as-text,omitempty"`    // JSON and tables are taken as they stand
	Separator  string   `json:"separator,omitempty"`  // the token after each document; "": the model's end of text

	Steps         int     `json:"steps"`
	Batch         int     `json:"batch"` // rows of a micro-batch
	Seq           int     `json:"seq"`   // targets of a row
	Accum         int     `json:"accum"` // micro-batches of a step
	LR            float64 `json:"lr"`
	Schedule      string  `json:"schedule"`
	Warmup        int     `json:"warmup"`         // -1: a twentieth of the steps, at most 100
	MinLR         float64 `json:"min-lr"`         // fraction of LR at the end of cosine and wsd
	DecayFraction float64 `json:"decay-fraction"` // of the steps; wsd
	WeightDecay   float64 `json:"weight-decay"`
	Beta1         float64 `json:"beta1"`
	Beta2         float64 `json:"beta2"`
	Eps           float64 `json:"eps"`
	Clip          float64 `json:"clip"` // 0: none
	// HandOver is the part of the steps in which blocks hand over to their silent copies after a growth; 0: none.
	HandOver float64 `json:"hand-over,omitempty"`
	// TrainOnly is OnlyNew, or "" where all weights are trained.
	TrainOnly string `json:"train-only,omitempty"`
	Seed      uint64 `json:"seed"`

	Eval         string   `json:"eval,omitempty"`      // PATH or NAME=PATH, see ParseEvalSet
	MoreEval     []string `json:"more-eval,omitempty"` // further sets
	EvalEvery    int      `json:"eval-every"`          // 0: only before and at the end
	EvalFraction float64  `json:"eval-fraction"`
	Keep         int      `json:"keep,omitempty"`       // of the newest checkpoints that are kept beside the last
	KeepEvery    int      `json:"keep-every,omitempty"` // checkpoints of every such step are kept
	SaveEvery    int      `json:"save-every"`           // 0: only at the end

	Engine    string `json:"engine"`
	Precision string `json:"precision"` // f32, bf16, f64
	Threads   int    `json:"threads"`
	DType     string `json:"dtype,omitempty"` // of the saved weights; "": the input's
}

// OnlyNew trains the blocks that a growth added and leaves the rest alone.
const OnlyNew = "new"

// Defaults are the settings that hold where none are given. The number of steps has none: it comes from the data.
func Defaults() Settings {
	return Settings{Batch: 8, Seq: 256, Accum: 1, LR: 3e-4, Schedule: Cosine, Warmup: -1, MinLR: 0.1, DecayFraction: 0.2,
		WeightDecay: 0.1, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, Clip: 1, Seed: 1, Engine: "auto"}
}

// StepRows is the number of rows of a step.
func (s *Settings) StepRows() int64 { return int64(s.Batch) * int64(s.Accum) }

// StepTokens is the number of target tokens of a step.
func (s *Settings) StepTokens() int64 { return s.StepRows() * int64(s.Seq) }

// Rate gives the learning rate's schedule.
func (s *Settings) Rate() Schedule {
	return Schedule{Kind: s.Schedule, Peak: s.LR, MinFraction: s.MinLR, DecayFraction: s.DecayFraction, Warmup: s.Warmup,
		Steps: s.Steps}
}

// ResolveWarmup puts a number in place of the default warm-up, once the number of steps is known.
func (s *Settings) ResolveWarmup() {
	if s.Warmup < 0 {
		s.Warmup = min(s.Steps/20, 100)
	}
}

// Names lists the settings.
func Names() []string {
	var list []string
	for _, f := range fields {
		list = append(list, f.name)
	}
	return list
}

// field is one setting: its place in Settings, its name, and whether the state file may leave it out.
type field struct {
	index    int
	name     string
	optional bool
}

// fields are the settings in the order of the struct.
var fields = func() (list []field) {
	t := reflect.TypeFor[Settings]()
	for i := range t.NumField() {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		list = append(list, field{i, name, options == "omitempty"})
	}
	return list
}()

// Inherit takes from another training's settings every one that was not given.
func (s *Settings) Inherit(from *Settings, given func(name string) bool) {
	to, source := reflect.ValueOf(s).Elem(), reflect.ValueOf(from).Elem()
	for _, f := range fields {
		name := f.name
		if name == "more-eval" {
			name = "eval" // they are given together
		}
		if !given(name) {
			to.Field(f.index).Set(source.Field(f.index))
		}
	}
}

// harmless are the settings that a resumed training may change without changing its result. What is read from other
// data files is compared by the data's digest.
var harmless = []string{"data", "ext", "token-dtype", "text-field", "as-text", "separator", "eval", "more-eval",
	"eval-every",
	"save-every", "keep", "keep-every"}

// Change is a setting, or something else that a training depends on, that is not what it was.
type Change struct {
	Name string `json:"name"`
	Was  string `json:"was"`
	Now  string `json:"now"`
}

// String says what changed: lr was 0.001, now 0.5.
func (c Change) String() string { return c.Name + " was " + c.Was + ", now " + c.Now }

// Changes lists the settings that would change the result of a training that was begun with `was`.
func (s *Settings) Changes(was *Settings) (list []Change) {
	now, before := reflect.ValueOf(s).Elem(), reflect.ValueOf(was).Elem()
	for _, f := range fields {
		a, b := before.Field(f.index).Interface(), now.Field(f.index).Interface()
		if !slices.Contains(harmless, f.name) && !reflect.DeepEqual(a, b) {
			list = append(list, Change{f.name, valueText(a), valueText(b)})
		}
	}
	return list
}

// valueText shows a setting's value as the state file spells it, a list with commas.
func valueText(v any) string {
	if list, ok := v.([]string); ok {
		return strings.Join(list, ", ")
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "not a number"
	}
	if text := strings.Trim(string(b), `"`); text != "" && text != "null" {
		return text
	}
	return "not set"
}

// Values shows every setting as the state file spells it, by name.
func (s *Settings) Values() map[string]string {
	out := map[string]string{}
	v := reflect.ValueOf(s).Elem()
	for _, f := range fields {
		out[f.name] = valueText(v.Field(f.index).Interface())
	}
	return out
}

package train

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"famkit/internal/fault"
)

// Settings are what a training is made of and what a checkpoint records. The JSON keys are the
// command line's flags.
type Settings struct {
	Data       []string `json:"data"`
	Ext        string   `json:"ext,omitempty"`
	TokenDType string   `json:"token-dtype,omitempty"`

	Steps         int     `json:"steps"` // 0: one pass over the data
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
	Seed          uint64  `json:"seed"`

	Eval         string  `json:"eval,omitempty"`
	EvalEvery    int     `json:"eval-every"` // 0: only before and at the end
	EvalFraction float64 `json:"eval-fraction"`
	SaveEvery    int     `json:"save-every"` // 0: only at the end

	Engine    string `json:"engine"`
	Precision string `json:"precision"` // f32, bf16, f64
	Threads   int    `json:"threads"`
	DType     string `json:"dtype,omitempty"` // of the saved weights; "": the input's
}

// Defaults are the settings that hold where none are given.
func Defaults() Settings {
	return Settings{Batch: 8, Seq: 256, Accum: 1, LR: 3e-4, Schedule: Cosine, Warmup: -1, MinLR: 0.1, DecayFraction: 0.2,
		WeightDecay: 0.1, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, Clip: 1, Seed: 1, Engine: "auto"}
}

// harmless are the settings that a resumed training may change without changing its result.
var harmless = []string{"data", "ext", "token-dtype", "eval", "eval-every", "save-every"}

// resolve fills what depends on other settings, once the number of rows of a pass is known.
func (s *Settings) resolve(rowsPerPass int64) {
	if s.Steps == 0 {
		s.Steps = int(max(rowsPerPass/int64(s.Batch*s.Accum), 1))
	}
	if s.Warmup < 0 {
		s.Warmup = min(s.Steps/20, 100)
	}
}

func (s *Settings) schedule() Schedule {
	return Schedule{Kind: s.Schedule, Peak: s.LR, MinFraction: s.MinLR, DecayFraction: s.DecayFraction, Warmup: s.Warmup, Steps: s.Steps}
}

func (s *Settings) check() error {
	for _, c := range []struct {
		ok   bool
		text string
	}{
		{len(s.Data) > 0, "--data is missing"},
		{s.Steps >= 0, "--steps must not be negative"},
		{s.Batch >= 1, "--batch must be at least 1"},
		{s.Seq >= 1, "--seq must be at least 1"},
		{s.Accum >= 1, "--accum must be at least 1"},
		{s.WeightDecay >= 0, "--weight-decay must not be negative"},
		{s.Beta1 >= 0 && s.Beta1 < 1, "--beta1 must be at least 0 and below 1"},
		{s.Beta2 >= 0 && s.Beta2 < 1, "--beta2 must be at least 0 and below 1"},
		{s.Eps > 0, "--eps must be above 0"},
		{s.Clip >= 0, "--clip must not be negative"},
		{s.EvalEvery >= 0, "--eval-every must not be negative"},
		{s.SaveEvery >= 0, "--save-every must not be negative"},
		{s.EvalFraction >= 0 && s.EvalFraction < 1, "--eval-fraction must be at least 0 and below 1"},
		{s.EvalFraction == 0 || s.Eval == "", "--eval and --eval-fraction contradict each other"},
		{s.EvalFraction == 0 || !recorded(s.Data), "--eval-fraction would break the order of recorded batches; use --eval"},
		{slices.Contains([]string{"", "uint16", "uint32"}, s.TokenDType), "--token-dtype must be uint16 or uint32"},
		{slices.Contains([]string{"", "f32", "bf16", "f64"}, s.Precision), "--precision must be f32, bf16 or f64"},
		{s.Threads >= 0, "--threads must not be negative"},
	} {
		if !c.ok {
			return fault.Usagef("%s", c.text)
		}
	}
	early := s.schedule() // the number of steps may not be known yet
	early.Warmup = 0
	return early.check()
}

// jsonKeys are the flag names of all settings, those that fields leaves out when empty too.
var jsonKeys = func() map[string]bool {
	keys := map[string]bool{}
	t := reflect.TypeFor[Settings]()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		keys[name] = true
	}
	return keys
}()

// fields gives the settings by flag name, as JSON text.
func (s *Settings) fields() map[string]json.RawMessage {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // plain fields marshal
	}
	out := map[string]json.RawMessage{}
	if err := json.Unmarshal(b, &out); err != nil {
		panic(err)
	}
	return out
}

// inherit takes every setting that was not given from the recorded ones.
func (s *Settings) inherit(recorded *Settings, given func(flag string) bool) error {
	mine, theirs := s.fields(), recorded.fields()
	for name := range jsonKeys {
		if given(name) {
			theirs[name] = mine[name] // absent where it was given empty
		}
		if theirs[name] == nil {
			delete(theirs, name)
		}
	}
	b, err := json.Marshal(theirs)
	if err != nil {
		return err
	}
	*s = Settings{}
	return json.Unmarshal(b, s)
}

// differences lists the settings that would change the result of a training that was begun with `was`.
func (s *Settings) differences(was *Settings) []string {
	var out []string
	mine, theirs := s.fields(), was.fields()
	for name := range jsonKeys {
		if slices.Contains(harmless, name) || name == "steps" && s.Schedule == Constant {
			continue
		}
		if !bytes.Equal(mine[name], theirs[name]) {
			out = append(out, fmt.Sprintf("%s was %s, now %s", name, orNone(theirs[name]), orNone(mine[name])))
		}
	}
	slices.Sort(out)
	return out
}

func orNone(v json.RawMessage) string {
	if v == nil {
		return "not set"
	}
	return strings.Trim(string(v), `"`)
}

package family

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"famkit/internal/corpus"
	"famkit/internal/fault"
	"famkit/internal/mem"
	"famkit/internal/units"
	"famkit/train"
)

// Speed is how fast matrix products of a training run, in operations a second.
type Speed struct {
	Where string `json:"where"` // "this machine" or the GPUs
	// GPU, Count, Peak and MFU: so many devices that each deliver the part MFU of their peak, in bfloat16 products.
	GPU   string  `json:"gpu,omitempty"`
	Count int     `json:"count,omitempty"`
	Peak  float64 `json:"peak_flops,omitempty"`
	MFU   float64 `json:"mfu,omitempty"`
	// Samples are measurements, one for each member; nil where it was too large, and the nearest smaller one stands in.
	Samples []*train.Sample `json:"samples,omitempty"`
}

// peaks are the dense bfloat16 peaks of GPUs in operations a second, from their makers' data sheets.
var peaks = map[string]float64{
	"a100": 312e12, "h100": 989e12, "h200": 989e12, "b200": 2250e12, "l40s": 362e12, "mi300x": 1307e12, "rtx4090": 165e12,
}

// GPUKinds lists the GPUs whose peak is known.
func GPUKinds() []string { return slices.Sorted(maps.Keys(peaks)) }

// GPUs is the speed of so many GPUs of a kind at a model-FLOPs utilisation.
func GPUs(kind string, mfu float64, n int) (*Speed, error) {
	peak, ok := peaks[strings.ToLower(kind)]
	switch {
	case !ok:
		return nil, fault.Usagef("%v: wanted one of %s, found %q", fault.Arg("gpu"), strings.Join(GPUKinds(), ", "), kind)
	case !(mfu > 0 && mfu <= 1):
		return nil, fault.Usagef("%v: wanted a part of the peak, above 0 and at most 1, found %v", fault.Arg("mfu"), mfu)
	case n < 1 || n > 1e7:
		return nil, fault.Usagef("%v: wanted 1 to 10000000 GPUs, found %d", fault.Arg("count"), n)
	}
	return &Speed{Where: fmt.Sprintf("%d x %s", n, strings.ToLower(kind)), GPU: strings.ToLower(kind), Count: n,
		Peak: peak,
		MFU:  mfu}, nil
}

func (s *Speed) onGPUs() bool { return s != nil && s.GPU != "" }

// of is the speed at which member i is trained.
func (s *Speed) of(i int) float64 {
	if s.onGPUs() {
		return s.Peak * s.MFU * float64(s.Count)
	}
	for k := min(i, len(s.Samples)-1); k >= 0; k-- {
		if s.Samples[k] != nil {
			return s.Samples[k].FLOPs
		}
	}
	return math.NaN()
}

// Measure measures the speed of this machine by training each member on random ids for a moment.
func Measure(ctx context.Context, r *Recipe, about time.Duration) (*Speed, error) {
	models, err := r.models()
	if err != nil {
		return nil, err
	}
	s := &Speed{Where: "this machine"}
	for i, m := range models {
		sample, err := train.Measure(ctx, m.Model, r.settings(r.rate(i, models)), about)
		if errors.Is(err, train.ErrTooLarge) && i > 0 {
			sample, err = nil, nil // the one before stands in
		}
		if err != nil {
			return nil, err
		}
		s.Samples = append(s.Samples, sample)
	}
	return s, nil
}

// look adds what a user should think twice about.
func (p *Plan) look() error {
	r := p.recipe
	warn := func(format string, a ...any) { p.Warnings = append(p.Warnings, fmt.Sprintf(format, a...)) }
	for i := range p.Stages {
		s := &p.Stages[i]
		if again := rewarmSteps(r.Training.Beta2); s.Kind == Train && p.begins(s) == Grow &&
			r.Growth.Optimizer != "drop" && s.Steps <= again {
			warn("stage %s has %s, and after a growth the learning rate warms up again over %d: it does not reach its height",
				s.Name,
				units.Plural(s.Steps, "step"), again)
		}
	}
	if !p.Speed.onGPUs() {
		p.lookAtMachine(warn)
	}
	return p.lookAtData(warn)
}

// begins is the kind of the stage that a stage begins with, "" where it begins from random weights.
func (p *Plan) begins(s *Stage) Kind {
	if from := p.stage(s.From); from != nil {
		return from.Kind
	}
	return ""
}

// rewarmSteps is how long the rate warms up after a growth: as trainstate has it.
func rewarmSteps(beta2 float64) int {
	if !(beta2 > 0 && beta2 < 1) {
		return 0
	}
	return int(math.Ceil(2/(1-beta2) - 1e-9))
}

// Beyond this a plan names what would do it sooner.
const tooLong = 30 * 24 * time.Hour

// lookAtMachine says where this machine is too small.
func (p *Plan) lookAtMachine(warn func(string, ...any)) {
	if total := mem.Total(); total > 0 && p.Run.Memory > total {
		warn("a stage takes %s of memory, this machine has %s", units.Bytes(p.Run.Memory), units.Bytes(total))
	}
	if p.Speed == nil || p.Run.Seconds <= tooLong.Seconds() {
		return
	}
	const week, mfu = 7 * 24 * 3600.0, 0.4
	n := int(math.Ceil(p.Run.Operations / (peaks["h100"] * mfu * week)))
	warn("on this machine it takes %s; %s at 0.4 of their peak would take %s", Duration(p.Run.Seconds),
		units.Plural(n, "h100"),
		Duration(p.Run.Operations/(peaks["h100"]*mfu*float64(n))))
}

// lookAtData counts the data where it is there, and refuses what is too short for the tokens asked: a token takes at
// least a byte of text, and two or four of a token file.
func (p *Plan) lookAtData(warn func(string, ...any)) error {
	r := p.recipe
	set := r.settings(r.Training.LR)
	c, err := corpus.Count(set.Data, corpus.Reading{Ext: set.Ext})
	if err != nil {
		warn("the data could not be counted: %v", err)
		return nil
	}
	p.Data = &c
	most := 0.0
	for _, s := range p.Stages {
		if s.Wanted && s.Final {
			most = max(most, float64(p.seen(&s)))
		}
	}
	p.Epochs = most / float64(max(c.Most, 1))
	if c.Bytes > 0 && p.Epochs > r.Data.MaxEpochs {
		return p.tooShort(most, fmt.Sprintf("%s hold at most as many tokens", units.Bytes(c.Bytes)))
	}
	return nil
}

// tooShort refuses data that the longest training would read too often.
func (p *Plan) tooShort(tokens float64, has string) error {
	err := p.recipe.refuse("data.train", fmt.Sprintf("data for %.4g tokens read at most %g times", tokens,
		p.recipe.Data.MaxEpochs), has)
	return fault.Hint(err, "more data, a smaller budget, or a larger [data] max-epochs")
}

// seen is how many tokens the model of a final stage has seen on its way.
func (p *Plan) seen(s *Stage) int64 {
	n := s.Tokens
	for from := p.stage(s.From); from != nil; from = p.stage(from.From) {
		n += from.Tokens
	}
	return n
}

// Duration gives a time in seconds the digits that matter.
func Duration(seconds float64) string {
	const day = 24 * 3600.0
	switch {
	case math.IsNaN(seconds):
		return "unknown"
	case seconds >= 1000*365.25*day:
		return units.Count(int64(seconds/365.25/day)) + " years"
	case seconds >= 365.25*day:
		return fmt.Sprintf("%.3g years", seconds/365.25/day)
	case seconds >= 2*day:
		return fmt.Sprintf("%.3g days", seconds/day)
	case seconds >= 3600:
		return time.Duration(seconds * float64(time.Second)).Round(time.Minute).String()
	case seconds >= 10:
		return time.Duration(seconds * float64(time.Second)).Round(time.Second).String()
	}
	return fmt.Sprintf("%.2g s", seconds)
}

// Affordable is a family that so many operations buy.
type Affordable struct {
	Schema  int       `json:"schema"`
	FLOPs   float64   `json:"flops"`
	From    string    `json:"from"` // how they were given
	Params  []float64 `json:"parameters"`
	Tokens  []float64 `json:"tokens"` // of each member trained alone
	Formula string    `json:"formula"`
}

// Afford is the family of k members, each of factor times the parameters of the one before, that costs so many
// operations when it is grown: N(K) = sqrt(flops / 6 c) for c tokens a parameter.
func Afford(flops float64, k int, factor, perParam float64, from string) (*Affordable, error) {
	for _, c := range []struct {
		ok     bool
		name   string
		wanted string
		found  any
	}{
		{flops > 0 && !math.IsInf(flops, 0), "flops", "a number of operations above 0", flops},
		{k >= 1 && k <= 64, "members", "1 to 64", k},
		{factor > 1 && factor <= 64, "factor", "above 1, at most 64", factor},
		{perParam > 0 && perParam <= 1e9, "tokens-per-parameter", "above 0", perParam},
	} {
		if !c.ok {
			return nil, fault.Usagef("%v: wanted %s, found %v", fault.Arg(c.name), c.wanted, c.found)
		}
	}
	a := &Affordable{Schema: 1, FLOPs: flops, From: from,
		Formula: fmt.Sprintf("a family that grows costs what its largest member costs alone, 6 N D = %g N^2: N = "+
			"sqrt(operations / %g)", 6*perParam, 6*perParam)}
	largest := math.Sqrt(flops / (flopsPerParameter * perParam))
	for i := range k {
		n := largest / math.Pow(factor, float64(k-1-i))
		if n < 1 {
			return nil, fault.Inputf("%.3g operations are too little for %d members", flops, k)
		}
		a.Params, a.Tokens = append(a.Params, n), append(a.Tokens, n*perParam)
	}
	return a, nil
}

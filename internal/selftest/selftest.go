// Package selftest checks and measures a compute engine on the machine where it runs: every operator against the
// reference engine, a small training twice and beside the reference engine's, matrix products, and training steps of
// two sizes of model. It needs nothing but the program.
package selftest

import (
	"fmt"
	"math"

	"famkit/internal/engine"
	"famkit/internal/engine/conform"
)

// Report is what the checks of one engine in one precision came to.
type Report struct {
	Precision engine.Precision `json:"precision"`
	Engine    string           `json:"engine"` // in its own words
	Checks    int              `json:"checks"`
	Failed    []string         `json:"failed"` // the first line of each failure
	Training  *Training        `json:"training,omitempty"`
	Products  []Product        `json:"products"`
	Steps     []Step           `json:"steps"`
	// NotRun says what was left out and why.
	NotRun []string `json:"not_run"`
}

// Good tells that nothing failed.
func (r *Report) Good() bool { return len(r.Failed) == 0 }

// tolerance is what results may be apart, as a part of the largest number of a buffer, by the type of statistics: see
// conform.Check.
func tolerance(s *engine.Spec) float64 {
	switch {
	case s.Stat == engine.F64:
		return 1e-13
	case s.Precision == engine.BFloat16 && s.Act == engine.F32: // products round what they read
		return 0x1p-6
	}
	return 1e-5
}

// Options say what is checked.
type Options struct {
	engine.Options
	// Largest bounds the sizes of products, 0 for all.
	Largest int
	// Progress is told how many of all parts are done. Nil: nobody is.
	Progress func(done, total int64)
}

// Run checks a candidate in one precision.
func Run(c *engine.Candidate, o Options) (*Report, error) {
	if o.Progress == nil {
		o.Progress = func(int64, int64) {}
	}
	spec, err := c.Spec(o.Precision)
	if err != nil {
		return nil, err
	}
	r := &Report{Precision: spec.Precision, Failed: []string{}, Products: []Product{}, Steps: []Step{}, NotRun: []string{}}
	list := conform.All(spec, true)
	r.Checks = len(list)
	total := int64(len(list) + 3)
	if err := r.operators(c, o, list, func(done int) { o.Progress(int64(done), total) }); err != nil {
		return nil, err
	}
	for i, part := range []func(*Report, *engine.Candidate, Options) error{(*Report).train, (*Report).multiply,
		(*Report).step} {
		if err := part(r, c, o); err != nil {
			r.Failed = append(r.Failed, err.Error())
		}
		o.Progress(int64(len(list)+i+1), total)
	}
	return r, nil
}

// operators runs the checks of conform. Their buffers go with the engine.
func (r *Report) operators(c *engine.Candidate, o Options, list []conform.Check, progress func(done int)) error {
	e, err := c.Create(o.Options)
	if err != nil {
		return err
	}
	defer func() { _ = e.Close() }()
	oracle, err := engine.New("ref", engine.Options{Threads: o.Threads})
	if err != nil {
		return err
	}
	defer func() { _ = oracle.Close() }()
	r.Engine = e.Describe()
	for i, check := range list {
		r.check(check, e, oracle)
		progress(i + 1)
	}
	return nil
}

// stop ends a check that cannot go on.
type stop struct{}

// reporter notes the first failure of a check.
type reporter struct {
	name   string
	failed string
}

func (t *reporter) Helper() {}

func (t *reporter) Errorf(format string, a ...any) {
	if t.failed == "" {
		t.failed = t.name + ": " + fmt.Sprintf(format, a...)
	}
}

func (t *reporter) Fatalf(format string, a ...any) {
	t.Errorf(format, a...)
	panic(stop{})
}

func (t *reporter) Fatal(a ...any) { t.Fatalf("%s", fmt.Sprint(a...)) }

func (r *Report) check(c conform.Check, e, oracle engine.Engine) {
	t := &reporter{name: c.Name}
	func() {
		defer func() {
			if p := recover(); p != nil {
				if _, ok := p.(stop); !ok {
					t.Errorf("%v", p)
				}
			}
		}()
		c.Run(t, e, oracle, tolerance(ptr(e.Spec())))
	}()
	if t.failed != "" {
		r.Failed = append(r.Failed, t.failed)
	}
}

func ptr[T any](v T) *T { return &v }

func relative(got, want float64) float64 { return math.Abs(got-want) / math.Abs(want) }

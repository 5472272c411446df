package engine

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sort"
	"strings"

	"famkit/internal/fault"
)

// Auto is the name that stands for the best engine that runs here.
const Auto = "auto"

// Options choose how an engine runs.
type Options struct {
	Threads   int       // of the host's processor; 0: one per processor
	Precision Precision // "": the one that the engine takes by itself
	Device    int       // the number of the device, of engines that run on several
}

// Workers is the number of threads to start. Results do not depend on it, and threads far above the number of
// processors only take memory: a number that a file or a slip of the finger gives is not followed there.
func (o Options) Workers() int {
	n := runtime.GOMAXPROCS(0)
	if o.Threads > 0 {
		n = min(o.Threads, max(32, 4*n))
	}
	return n
}

// Candidate is a registered engine. Specs has a spec for each precision that it computes in, first the one it takes
// by itself. Score ranks it; 0 means that it cannot run here, for the reason given. Create gives an Unavailable error
// where that turns out later.
type Candidate struct {
	Name   string
	Specs  []Spec
	Score  func() (int, string)
	Create func(Options) (Engine, error)
	// Look says what the engine found on the machine, and what it did not take and why. Nil: there is nothing to find.
	Look func() []Finding
}

// Finding is something that an engine needs, and what was found of it.
type Finding struct {
	What  string `json:"what"`
	Found string `json:"found"`
	// Refused says why what was found is not used.
	Refused string `json:"refused,omitempty"`
}

// Unavailable is the error of an engine that cannot run here, whatever is asked of it.
type Unavailable struct{ Engine, Why string }

func (u *Unavailable) Error() string {
	return fmt.Sprintf("engine %s cannot run here: %s", u.Engine, u.Why)
}

// Spec is the candidate's spec in precision p, or in its own where p is "".
func (c *Candidate) Spec(p Precision) (Spec, error) {
	var have []string
	for _, s := range c.Specs {
		if p == "" || s.Precision == p {
			return s, nil
		}
		have = append(have, string(s.Precision))
	}
	return Spec{}, fault.Usagef("engine %s does not compute in precision %s (it has %s)", c.Name, p,
		strings.Join(have, ", "))
}

// Exact is the most exact precision that the candidate computes in.
func (c *Candidate) Exact() Precision {
	for _, p := range []Precision{Float64, Float32} {
		if _, err := c.Spec(p); err == nil {
			return p
		}
	}
	return BFloat16
}

var candidates []Candidate

// Register adds an engine; call it from the engine package's init.
func Register(c Candidate) { candidates = append(candidates, c) }

// Candidates lists the registered engines, best score first.
func Candidates() []Candidate {
	out := slices.Clone(candidates)
	scores := map[string]int{}
	for _, c := range out {
		scores[c.Name], _ = c.Score()
	}
	sort.SliceStable(out, func(i, j int) bool { return scores[out[i].Name] > scores[out[j].Name] })
	return out
}

// Choice is an engine that fits a request. Where it cannot run here Unusable says why; its Spec still serves to plan.
type Choice struct {
	Candidate
	Spec     Spec
	Unusable string
}

// fitting lists the engines of that name (all where it is Auto) that compute in precision p ("": any), best first.
func fitting(name string, p Precision) ([]Choice, error) {
	var out []Choice
	var names []string
	var wrong error
	for _, c := range Candidates() {
		names = append(names, c.Name)
		if name != Auto && name != c.Name {
			continue
		}
		spec, err := c.Spec(p)
		if err != nil {
			wrong = err
			continue
		}
		score, why := c.Score()
		if score > 0 {
			why = ""
		}
		out = append(out, Choice{c, spec, why})
	}
	switch {
	case len(out) > 0:
		return out, nil
	case name == Auto:
		return nil, fault.Usagef("no engine computes in precision %q (there are %s)", p, strings.Join(precisions(), ", "))
	case wrong != nil:
		return nil, wrong
	}
	return nil, fault.Usagef("no engine %q (there are %s)", name, strings.Join(names, ", "))
}

// precisions lists those that some engine computes in.
func precisions() []string {
	var all []string
	for _, c := range Candidates() {
		for _, s := range c.Specs {
			all = append(all, string(s.Precision))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Choose finds the named engine, or where name is "" or "auto" the best that runs here, among those that compute in
// precision p ("": any).
func Choose(name string, p Precision) (Choice, error) {
	all, err := fitting(orAuto(name), p)
	if err != nil {
		return Choice{}, err
	}
	for _, c := range all {
		if c.Unusable == "" {
			return c, nil
		}
	}
	return all[0], nil
}

func orAuto(name string) string {
	if name == "" {
		return Auto
	}
	return name
}

// For is Choose for a question that asks for precision p: the named engine where it computes in p, else the best that
// does.
func For(name string, p Precision) (Choice, error) {
	for _, c := range Candidates() {
		if _, err := c.Spec(p); c.Name == name && err == nil {
			return Choose(name, p)
		}
	}
	return Choose(Auto, p)
}

// Start creates the engine that Choose finds. For "auto" it goes on to the next best where one turns out to be
// Unavailable; passed says which engines were passed over and why.
func Start(name string, o Options) (e Engine, passed []string, err error) {
	all, err := fitting(orAuto(name), o.Precision)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range all {
		if c.Unusable != "" {
			err = &Unavailable{c.Name, c.Unusable}
		} else {
			o.Precision = c.Spec.Precision
			e, err = c.Create(o)
		}
		var not *Unavailable
		if !errors.As(err, &not) || orAuto(name) != Auto {
			return e, passed, err
		}
		passed = append(passed, fmt.Sprintf("%s: %s", c.Name, not.Why))
	}
	return nil, passed, err
}

// New is Start without the account of what was passed over.
func New(name string, o Options) (Engine, error) {
	e, _, err := Start(name, o)
	return e, err
}

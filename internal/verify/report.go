// Package verify answers whether a child computes its parent's function: whether both are well-formed and can be
// compared, whether the child follows its plan byte for byte, whether it is proved for every input (package proof),
// and what both give on some tokens. It finds the plans between two checkpoints and turns them into claims.
//
// To read: verify.go (the order of the checks), report.go (the answer), events.go (what happens meanwhile); then the
// checks: wellformed.go, comparable.go, follows.go, prove.go, measure.go with perturb.go and tokens.go, layers.go;
// plans.go and claims.go for where the child comes from.
package verify

import (
	"fmt"

	"famkit/internal/proof"
)

// Level of a finding.
type Level string

// The levels. A fault makes the answer no; a note does not.
const (
	Fault Level = "fault"
	Note  Level = "note"
)

// Finding is one thing that was seen.
type Finding struct {
	Level   Level  `json:"level"`
	Where   string `json:"where,omitempty"` // model, file or tensor
	Message string `json:"message"`
}

func (f Finding) String() string {
	if f.Where == "" {
		return f.Message
	}
	return f.Where + ": " + f.Message
}

func faultf(where, format string, a ...any) Finding {
	return Finding{Fault, where, fmt.Sprintf(format, a...)}
}

func notef(where, format string, a ...any) Finding {
	return Finding{Note, where, fmt.Sprintf(format, a...)}
}

// faults counts what makes the answer no.
func faults(fs []Finding) int {
	n := 0
	for _, f := range fs {
		if f.Level == Fault {
			n++
		}
	}
	return n
}

// Check is one of the checks that make up a verification.
type Check struct {
	Name   string `json:"name"`
	Passed bool   `json:"passed"`
	// Unsure says why the check can tell neither way; "" where it can. Passed is then false.
	Unsure   string    `json:"unsure,omitempty"`
	Summary  string    `json:"summary"`
	Findings []Finding `json:"findings,omitempty"`
	Match    *Match    `json:"match,omitempty"`
}

// Report is the outcome. Equal means that the answer is yes: nothing speaks against it, and it was proved or, where
// there was nothing to prove it by, measured. Unsure says why the answer is neither yes nor no.
type Report struct {
	Schema int     `json:"schema"`
	Parent string  `json:"parent"`
	Child  string  `json:"child"`
	Equal  bool    `json:"equal"`
	Unsure string  `json:"unsure,omitempty"`
	Checks []Check `json:"checks"`
	// Inexact is why the plan says that the child's function is another; Allowed that this was asked for, and that nothing
	// else is wrong.
	Inexact []string     `json:"inexact,omitempty"`
	Allowed bool         `json:"allowed,omitempty"`
	Proof   *proof.Proof `json:"proof,omitempty"`
	// Layers compares the residual streams, where the models differ.
	Layers []LayerMatch `json:"layers,omitempty"`

	guess *proof.Claim // what was found in the weights and is not proved
}

func (r *Report) add(c Check) {
	c.Passed = c.Passed && faults(c.Findings) == 0 && c.Unsure == ""
	r.Checks = append(r.Checks, c)
}

// failed reports whether some check says no.
func (r *Report) failed() bool {
	for _, c := range r.Checks {
		if !c.Passed && c.Unsure == "" {
			return true
		}
	}
	return false
}

// settle sets the answer from the checks. A proof that holds carries a measurement that cannot tell, as long as that
// does not see the logits move; without one nothing carries it.
func (r *Report) settle() {
	proved := r.Proof != nil && r.Proof.Holds()
	measured, unsure := false, ""
	for _, c := range r.Checks {
		switch {
		case c.Unsure != "" && !(proved && c.Match.small()):
			unsure = c.Unsure
		case c.Match != nil && c.Passed:
			measured = true
		}
	}
	r.Equal = !r.failed() && unsure == "" && (proved || measured)
	if !r.Equal && !r.failed() {
		r.Unsure = unsure
	}
	r.Allowed = r.Allowed && len(r.Inexact) > 0
	for _, c := range r.Checks {
		r.Allowed = r.Allowed && (c.Passed || c.Match != nil || c.Name == provedCheck)
	}
}

// The names of checks that are asked for by name.
const (
	provedCheck = "proved"
	planCheck   = "follows its plan"

	soughtCheck  = "proof looked for"
	comparedName = "compared beside the tensors"
)

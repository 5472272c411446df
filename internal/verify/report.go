// Package verify shows whether a grown checkpoint computes the same function as its parent: it is well-formed, it
// follows its plan byte for byte, and its logits, measured on given or seeded tokens, agree within a derived tolerance.
package verify

import "fmt"

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
	Name     string    `json:"name"`
	Passed   bool      `json:"passed"`
	Summary  string    `json:"summary"`
	Findings []Finding `json:"findings,omitempty"`
	Match    *Match    `json:"match,omitempty"`
}

// Report is the outcome. Equal means that every check passed.
type Report struct {
	Schema int     `json:"schema"`
	Parent string  `json:"parent"`
	Child  string  `json:"child"`
	Equal  bool    `json:"equal"`
	Checks []Check `json:"checks"`
	// Inexact is why the plan says that the child's function is another; Allowed that this was asked for, and that nothing
	// else is wrong.
	Inexact []string `json:"inexact,omitempty"`
	Allowed bool     `json:"allowed,omitempty"`
	Proof   *Proof   `json:"proof,omitempty"`
	// Layers compares the residual streams, where the models differ.
	Layers []LayerMatch `json:"layers,omitempty"`
}

func (r *Report) add(c Check) {
	c.Passed = c.Passed && faults(c.Findings) == 0
	r.Checks = append(r.Checks, c)
}

// settle sets Equal from the checks.
func (r *Report) settle() {
	r.Equal, r.Allowed = len(r.Checks) > 0, r.Allowed && len(r.Inexact) > 0
	for _, c := range r.Checks {
		r.Equal = r.Equal && c.Passed
		r.Allowed = r.Allowed && (c.Passed || c.Match != nil || c.Name == provedCheck)
	}
}

// provedCheck is the name of the check that is a proof.
const provedCheck = "proved"

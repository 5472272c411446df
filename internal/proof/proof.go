// Package proof shows from the stored numbers of two checkpoints that the child gives the parent's logits for every
// input. docs/proof.md says what is checked and why it suffices; each condition is a function here whose comment is the
// sentence of that page that it checks. Nothing that makes children is imported, so that a fault there is found here.
//
// To read: claim.go (what is claimed and not believed), proof.go (the verdict), space.go (the relations between the two
// models, made once), roles.go (which tensors there may be); then the conditions that need no weights, config.go,
// layers.go, axes.go, stream.go, heads.go; those on single tensors, tensors.go and norms.go; those on several,
// fresh.go, silent.go, pairs.go, experts.go, ties.go, alike.go, padding.go. certificate.go stores and reads proofs.
//
// Words: a layer or an index of the child has a source in the parent, or none: a silent layer, a fresh index. A claim
// says which. A relation says it of a space of activations, with scales. Copies are indices with one source.
package proof

import (
	"context"
	"errors"

	"famkit/internal/arch"
	"famkit/internal/rowsum"
)

// Verdict is the answer to one condition, or to all.
type Verdict string

// The verdicts, from the best.
const (
	// Exact: equal over the reals, no number is rounded.
	Exact Verdict = "exact"
	// Rounded: each stored number is what it should be, rounded once to its type, or as often as the growths in between
	// round.
	Rounded Verdict = "within rounding"
	// Different: a condition does not hold.
	Different Verdict = "different"
)

// Counterexample is the first number, or fact, that breaks a condition.
type Counterexample = rowsum.Counterexample

// Condition is one of the conditions that together imply, for every input, that the child gives the parent's logits.
type Condition struct {
	Name    string  `json:"name"`
	Verdict Verdict `json:"verdict"`
	// Checked counts the tensors or facts that were judged; WorstULP is the largest rounding met, in units in the last
	// place of the stored type, and Where its tensor.
	Checked  int             `json:"checked"`
	WorstULP float64         `json:"worst_ulp,omitempty"`
	Where    string          `json:"where,omitempty"`
	Counter  *Counterexample `json:"counterexample,omitempty"`

	order int // of Counter's tensor, so that the first one is kept
}

// Named is a checkpoint that a proof speaks of. Digests are SHA-256, "" where there is no such file.
type Named struct {
	Path   string `json:"path,omitempty"`
	Digest string `json:"digest,omitempty"`
	Config string `json:"config,omitempty"`
	// Files are the digests of the tokenizer's and generation's files, by name.
	Files map[string]string `json:"files,omitempty"`
}

// Proof is the certificate: what was claimed, and what the stored numbers say about each condition.
type Proof struct {
	Schema  int     `json:"schema"`
	Version string  `json:"famkit,omitempty"` // of the program that wrote it
	Parent  Named   `json:"parent"`
	Child   Named   `json:"child"`
	Verdict Verdict `json:"verdict"`
	// Bound says in words how far a number may be from what it should be.
	Bound string `json:"bound"`
	// Roundings is how often a number may have been rounded, Relative how far that may have moved it, relative to it, and
	// Moved how far the one that was moved most is. All are 0 where nothing is rounded.
	Roundings int     `json:"roundings,omitempty"`
	Relative  float64 `json:"relative_bound,omitempty"`
	Moved     float64 `json:"moved,omitempty"`

	Conditions []Condition `json:"conditions"`
	Claim      *Claim      `json:"claim"`
	// Compared is what both checkpoints say beside their tensors; Notes what is worth knowing and no condition.
	Compared []arch.Fact `json:"compared,omitempty"`
	Notes    []string    `json:"notes,omitempty"`
	// Bytes were read of both.
	Bytes int64 `json:"bytes"`
}

// Holds reports whether the child computes the parent's function.
func (p *Proof) Holds() bool { return p.Verdict != Different }

// Stream is the verdict on the relation of both streams; "" where the claim did not come so far. Where it holds they
// can be compared layer by layer, where it does not no other claim about what lies between them helps.
func (p *Proof) Stream() Verdict {
	for _, c := range p.Conditions {
		if c.Name == condStream {
			return c.Verdict
		}
	}
	return ""
}

// WorstULP is the largest rounding met, in units in the last place, and the tensor that has it.
func (p *Proof) WorstULP() (ulp float64, where string) {
	for _, c := range p.Conditions {
		if c.WorstULP > ulp {
			ulp, where = c.WorstULP, c.Where
		}
	}
	return ulp, where
}

// Options of a proof.
type Options struct {
	// Progress, when set, is told how many bytes of both checkpoints are read, of how many that may be.
	Progress func(done, total int64)
	// First ends the judgement at the first condition that does not hold: for those who try several claims.
	First bool
}

// Prove judges a claim. An error means that the files could not be read; a difference is no error.
func Prove(ctx context.Context, claim *Claim, parent, child *arch.Checkpoint, o Options) (*Proof, error) {
	l := newLedger()
	var compared []arch.Fact
	s := newSpace(l, claim, parent, child)
	if s != nil {
		compared = s.config()
	}
	if !l.refused() {
		switch err := s.numbers(ctx, o); {
		case errors.Is(err, errInexact):
			l.refusef(condConfig, 0, "", "%v", err)
		case err != nil:
			return nil, err
		}
	}
	p := l.proof(claim)
	p.Compared = compared
	return p, nil
}

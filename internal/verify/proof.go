package verify

import (
	"fmt"
	"slices"
	"sync"
)

// Verdict is the answer to one condition, or to all.
type Verdict string

// The verdicts, from the best.
const (
	// Exact: equal over the reals, no number is rounded.
	Exact Verdict = "exact"
	// Rounded: each stored number is what it should be, rounded once to its type.
	Rounded Verdict = "within rounding"
	// Different: a condition does not hold.
	Different Verdict = "different"
)

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

// Named is a checkpoint that a proof speaks of.
type Named struct {
	Path   string `json:"path,omitempty"`
	Digest string `json:"digest,omitempty"`
	Config string `json:"config,omitempty"` // digest of config.json
}

// ProofSchema is the version of a stored proof's layout.
const ProofSchema = 1

// Proof is the certificate: what was claimed, and what the stored numbers say about each condition.
type Proof struct {
	Schema     int         `json:"schema"`
	Parent     Named       `json:"parent"`
	Child      Named       `json:"child"`
	Verdict    Verdict     `json:"verdict"`
	Bound      string      `json:"bound"`
	Conditions []Condition `json:"conditions"`
	Claim      *Claim      `json:"claim"`
	// Bytes were read of both.
	Bytes int64 `json:"bytes"`
}

// Holds reports whether the child computes the parent's function.
func (p *Proof) Holds() bool { return p.Verdict != Different }

// The conditions' names, in the order in which they are shown.
const (
	condConfig   = "config"
	condLayers   = "layers"
	condStream   = "residual stream"
	condHeads    = "heads and rotary pairs"
	condNorms    = "norms"
	condEmbed    = "embedding"
	condReaders  = "readers"
	condWriters  = "writers"
	condExperts  = "experts"
	condFresh    = "fresh indices"
	condIdentity = "layers without a source"
	condHead     = "head"
)

var conditionOrder = []string{condConfig, condLayers, condStream, condHeads, condNorms, condEmbed, condReaders, condWriters, condExperts,
	condFresh, condIdentity, condHead}

// ledger gathers what is found about the conditions.
type ledger struct {
	mu    sync.Mutex
	conds map[string]*Condition
	bytes int64
	wide  []wideSum
}

// wideSum is what would magnify a rounding: a sum whose terms are larger than it is, or numbers that are much larger than the
// parent's. It is as good as any while all that is multiplied are exact copies.
type wideSum struct {
	name  string
	order int
	at    *Counterexample
}

func newLedger() *ledger { return &ledger{conds: map[string]*Condition{}} }

func (l *ledger) at(name string) *Condition {
	c, ok := l.conds[name]
	if !ok {
		c = &Condition{Name: name, Verdict: Exact}
		l.conds[name] = c
	}
	return c
}

// hold notes that a fact of a condition holds exactly.
func (l *ledger) hold(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at(name).Checked++
}

// round notes one that holds to rounding; ulp is 0 where there is nothing to measure.
func (l *ledger) round(name, where string, ulp float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.at(name)
	c.Checked++
	if c.Verdict == Exact {
		c.Verdict = Rounded
	}
	if ulp > c.WorstULP || ulp == c.WorstULP && where < c.Where {
		c.WorstULP, c.Where = ulp, where
	}
}

// refuse notes a counterexample. Of several the one of the lowest order is kept.
func (l *ledger) refuse(name string, order int, bad *Counterexample) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.at(name)
	c.Checked++
	c.Verdict = Different
	if c.Counter == nil || order < c.order {
		c.Counter, c.order = bad, order
	}
}

func (l *ledger) refusef(name string, order int, where, format string, a ...any) {
	l.refuse(name, order, &Counterexample{Where: where, Text: fmt.Sprintf(format, a...)})
}

// judge takes in the outcome of a product.
func (l *ledger) judge(name string, order int, tensor string, o *outcome) {
	l.mu.Lock()
	l.bytes += o.bytes
	l.mu.Unlock()
	l.widen(name, order, o.wide)
	switch {
	case o.bad != nil:
		l.refuse(name, order, o.bad)
	case o.rounded:
		l.round(name, tensor, o.worst)
	default:
		l.hold(name)
	}
}

func (l *ledger) refused() bool { return l.met(Different) }

// met reports whether some condition has a verdict.
func (l *ledger) met(v Verdict) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conds {
		if c.Verdict == v {
			return true
		}
	}
	return false
}

// widen notes what would magnify a rounding; at is nil where nothing would.
func (l *ledger) widen(name string, order int, at *Counterexample) {
	if at == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wide = append(l.wide, wideSum{name, order, at})
}

// magnified refuses wide sums where anything is rounded.
func (l *ledger) magnified() {
	if !l.met(Rounded) {
		return
	}
	for _, w := range l.wide {
		bad := *w.at
		bad.Text += ": they would magnify what is rounded elsewhere"
		l.refuse(w.name, w.order, &bad)
	}
}

const boundText = "one rounding of each stored number to its type where its scale is no power of two, and one more of shares that are no numbers of the type"

// proof sums up.
func (l *ledger) proof(claim *Claim) *Proof {
	bound := boundText
	if claim.Roundings > 0 {
		bound = fmt.Sprintf("%d roundings of each stored number to its type", claim.Roundings)
	}
	p := &Proof{Schema: ProofSchema, Verdict: Exact, Bound: bound, Claim: claim, Bytes: l.bytes}
	for _, name := range conditionOrder {
		c, ok := l.conds[name]
		if !ok {
			continue
		}
		p.Conditions = append(p.Conditions, *c)
		switch {
		case c.Verdict == Different:
			p.Verdict = Different
		case c.Verdict == Rounded && p.Verdict == Exact:
			p.Verdict = Rounded
		}
	}
	return p
}

// Findings are the counterexamples as findings.
func (p *Proof) Findings() []Finding {
	var out []Finding
	for _, c := range p.Conditions {
		if c.Counter != nil {
			where := c.Counter.Where
			if len(c.Counter.Index) > 0 {
				where += fmt.Sprint(" ", c.Counter.Index)
			}
			out = append(out, faultf(where, "%s: %s", c.Name, c.Counter.Text))
		}
	}
	return slices.Clip(out)
}

package proof

import (
	"fmt"
	"slices"
	"sync"

	"famkit/internal/rowsum"
)

// The conditions' names.
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

// conditionOrder is the order in which they are shown.
var conditionOrder = []string{
	condConfig, condLayers, condStream, condHeads, condNorms, condEmbed, condReaders, condWriters, condExperts,
	condFresh, condIdentity, condHead,
}

// ledger gathers what is found about the conditions.
type ledger struct {
	mu    sync.Mutex
	conds map[string]*Condition
	notes []string
	bytes int64
	moved moves
	wide  []wideSum
}

// moves is how far numbers are from what they should be.
type moves struct {
	most      float64 // the largest change of a number, relative to it
	allowed   float64 // and how large it may be
	roundings int     // since it may have been rounded so often
	small     bool    // but for numbers near the smallest of their type
}

// with is the larger of two, field by field.
func (m moves) with(o moves) moves {
	return moves{max(m.most, o.most), max(m.allowed, o.allowed), max(m.roundings, o.roundings), m.small || o.small}
}

// wideSum is a sum whose terms are larger than it is. It is as it should be where all that it adds up are exact copies;
// where anything is rounded it would magnify by how much copies differ.
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

// note keeps a sentence that is no condition, once.
func (l *ledger) note(format string, a ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := fmt.Sprintf(format, a...); !slices.Contains(l.notes, s) {
		l.notes = append(l.notes, s)
	}
}

// judge takes in the outcome of a comparison.
func (l *ledger) judge(name string, order int, tensor string, o *rowsum.Outcome) {
	l.mu.Lock()
	l.bytes += o.Bytes
	if o.Rounded {
		l.moved = l.moved.with(moves{o.Moved, o.Allowed, o.Roundings, o.Small})
	}
	if o.Wide != nil {
		l.wide = append(l.wide, wideSum{name, order, o.Wide})
	}
	l.mu.Unlock()
	switch {
	case o.Bad != nil:
		l.refuse(name, order, o.Bad)
	case o.Rounded:
		l.round(name, tensor, o.ULP)
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

// oneSign refuses wide sums where anything is rounded: where something is rounded, the terms of every sum over copies
// have one sign, so that no sum enlarges what its copies differ by.
func (l *ledger) oneSign() {
	if !l.met(Rounded) {
		return
	}
	for _, w := range l.wide {
		bad := *w.at
		bad.Text += ": terms of both signs would enlarge what the rounded copies differ by"
		l.refuse(w.name, w.order, &bad)
	}
}

// proof sums up.
func (l *ledger) proof(claim *Claim) *Proof {
	p := &Proof{Schema: Schema, Verdict: Exact, Claim: claim, Bytes: l.bytes, Notes: l.notes,
		Bound: "no number is rounded"}
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
	switch p.Verdict {
	case Rounded:
		p.Roundings, p.Relative, p.Moved, p.Bound = max(1, l.moved.roundings), l.moved.allowed, l.moved.most, l.moved.bound()
	case Different:
		p.Bound = "none"
	}
	return p
}

// bound says in words how far numbers may be from what they should be.
func (m moves) bound() string {
	times := "once"
	if m.roundings > 1 {
		times = fmt.Sprintf("up to %d times", m.roundings)
	}
	s := fmt.Sprintf("each number is rounded %s to its type, which moves it by at most %.2g of itself", times, m.allowed)
	if m.small {
		s += " (those near the smallest of their type by more, in all no more than what they are summed with)"
	}
	return s
}

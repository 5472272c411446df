package verify

import (
	"context"
	"errors"
	"fmt"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/engine"
	"famkit/internal/fault"
	"famkit/internal/growth"
	"famkit/internal/tensor"
)

// Options of a verification.
type Options struct {
	// IDs to measure on; nil draws them from Seed.
	IDs  *IDs
	Seed uint64
	// Tokens is how many seeded tokens are drawn, 0 for a number that suits the model's size.
	Tokens int
	// Precisions to measure in: "f64" (engine ref) and "f32" (engine cpu). Empty: both, as far as memory allows.
	Precisions []string
	Threads    int
	// Available is the memory in bytes that measuring may take; 0 means no bound.
	Available int64
	// Claim says where the child's weights come from, instead of the plan.
	Claim *Claim
	// ProofOnly leaves out the measurements, and the comparison of every byte with what the plan makes of the parent: a
	// proof needs neither.
	ProofOnly bool
	// Digests writes into the proof which checkpoints it is about; both are read once more.
	Digests bool
	// AllowInexact accepts a child whose plan says that it is inexact on purpose, when it follows that plan.
	AllowInexact bool
	// Note, when set, is told what is left out and why.
	Note func(string)
}

// Models runs every check on a parent and its child. plan is nil where the child has none. An error means that the
// question could not be answered; a difference is no error.
func Models(ctx context.Context, parent, child format.Source, plan *growth.Plan, o Options) (*Report, error) {
	r := &Report{Schema: 1, Allowed: o.AllowInexact}
	pck, pfs := wellFormed(parent)
	cck, cfs := wellFormed(child)
	r.add(formCheck("parent well-formed", pck, pfs))
	r.add(formCheck("child well-formed", cck, cfs))
	if pck == nil || cck == nil || faults(pfs)+faults(cfs) > 0 {
		r.settle()
		return r, nil
	}
	lone := pck.Config == nil || cck.Config == nil
	rounded, err := r.follows(ctx, plan, pck, cck, o.ProofOnly && !o.AllowInexact && !lone)
	if err != nil {
		return nil, err
	}
	claim := o.Claim
	if claim == nil && plan != nil {
		claim = ClaimOf(plan)
	}
	switch {
	case lone && plan == nil:
		return nil, fault.Hint(fault.Inputf("nothing to compare: without config.json the models cannot be run, and the child has no plan"),
			"put config.json beside the weights")
	case lone:
		o.note("not proved and not measured: without config.json the models are not known")
		r.settle()
		r.Equal = r.Equal && len(r.Inexact) == 0 // nothing else would tell
		return r, nil
	case claim != nil:
		if err := r.prove(ctx, claim, pck, cck, o.Digests); err != nil {
			return nil, err
		}
		if r.Proof.Verdict == Rounded && len(rounded) == 0 {
			rounded = append(rounded, cck.DType())
		}
	case o.ProofOnly:
		return nil, fault.Hint(fault.Inputf("nothing to prove: the child has no plan that says where its weights come from"), "--infer finds out")
	}
	if !o.ProofOnly {
		if err := r.measure(ctx, pck, cck, storedRounding(rounded), o); err != nil {
			return nil, err
		}
	}
	r.settle()
	return r, nil
}

// follows adds the check that the child is what its plan makes of the parent, byte for byte, and gives the types of
// the numbers that the plan rounds. With skip the bytes are not compared.
func (r *Report) follows(ctx context.Context, plan *growth.Plan, parent, child *arch.Checkpoint, skip bool) ([]tensor.DType, error) {
	if plan == nil {
		return nil, nil
	}
	r.Inexact = plan.Inexact
	if skip {
		return nil, nil
	}
	fs, n, err := Follows(ctx, plan, parent, child)
	if err != nil {
		return nil, err
	}
	r.add(Check{Name: "follows its plan", Passed: true, Findings: fs, Summary: fmt.Sprintf("%d bytes compared", n)})
	var rounded []tensor.DType
	for _, x := range plan.Rounding {
		d, err := tensor.ParseDType(x.DType)
		if err != nil {
			return nil, fault.Inputf("%s: %w", growth.PlanFile, err)
		}
		rounded = append(rounded, d)
	}
	return rounded, nil
}

func (o *Options) note(format string, a ...any) {
	if o.Note != nil {
		o.Note(fmt.Sprintf(format, a...))
	}
}

func formCheck(name string, ck *arch.Checkpoint, fs []Finding) Check {
	c := Check{Name: name, Passed: ck != nil, Findings: fs}
	if ck != nil {
		c.Summary = fmt.Sprintf("%s, %d tensors, %d layers, hidden %d", ck.Model.Spec.Name, len(ck.Tensors), ck.Model.Layers, ck.Model.Hidden)
	}
	return c
}

// measure adds one check for each precision. Where none was asked for and memory does not allow one, it is left out and said so.
func (r *Report) measure(ctx context.Context, parent, child *arch.Checkpoint, stored float64, o Options) error {
	asked := o.Precisions
	if len(asked) == 0 {
		asked = []string{"f64", "f32"}
	}
	done := 0
	for _, p := range asked {
		if p != "f64" && p != "f32" {
			return fault.Usagef("precision %q: want f64 or f32", p)
		}
		how, err := engine.For(engine.Auto, engine.Precision(p))
		if err != nil {
			return err
		}
		if how.Unusable != "" && len(o.Precisions) == 0 {
			o.note("not measured in %s: engine %s cannot run here: %s", p, how.Name, how.Unusable)
			continue
		}
		if o.Tokens > mostTokens {
			return fault.Usagef("%d tokens to measure on: at most %d", o.Tokens, mostTokens)
		}
		ids := o.ids(parent.Model, child.Model, p)
		if need := MemoryNeed(child.Model, how.Spec, ids); o.Available > 0 && need > o.Available {
			if len(o.Precisions) > 0 {
				return fault.Failedf("measuring in %s takes %d bytes of memory, %d are available", p, need, o.Available)
			}
			o.note("not measured in %s: it takes %d bytes of memory, %d are available", p, need, o.Available)
			continue
		}
		run := engine.Options{Threads: o.Threads, Precision: how.Spec.Precision}
		m, err := Measure(ctx, how.Name, run, parent, child, ids, stored)
		if errors.Is(err, context.Canceled) {
			return err
		}
		if err != nil {
			return fmt.Errorf("measuring in %s: %w", p, err)
		}
		done++
		r.add(Check{Name: "measured in " + m.Precision, Passed: m.Equal(), Match: m, Summary: matchSummary(m)})
		if !m.Equal() && r.Layers == nil {
			if r.Layers, err = Layers(ctx, how.Name, run, parent, child, ids, r.claim(child.Model)); err != nil {
				return fmt.Errorf("comparing layers in %s: %w", p, err)
			}
		}
	}
	if done == 0 {
		return fault.Failedf("the models could not be measured in any precision")
	}
	return nil
}

func matchSummary(m *Match) string {
	return fmt.Sprintf("max |delta logit| %.2g (tolerance %.2g), mean KL %.2g, same top-1 %.1f%%, %d tokens (%s)",
		m.MaxDelta, m.Tolerance, m.MeanKL, 100*m.Top1, m.Tokens, m.IDs)
}

// mostTokens bounds what may be asked for: more show nothing more.
const mostTokens = 1 << 20

// flopBudget bounds the seeded tokens of a run: the plain float64 engine does about 1e9 operations a second.
var flopBudget = map[string]float64{"f64": 6e9, "f32": 100e9}

// ids gives the tokens to measure on. A parent's ids that the child lacks cannot occur: a growth keeps the vocabulary.
func (o *Options) ids(parent, child *arch.Model, precision string) IDs {
	if o.IDs != nil {
		return *o.IDs
	}
	n := o.Tokens
	if n == 0 {
		n = min(128, max(8, int(flopBudget[precision]/(2*float64(child.Params())))))
	}
	seq := max(1, n/2)
	if parent.MaxPos > 0 {
		seq = min(seq, parent.MaxPos)
	}
	return SeededIDs(o.Seed, max(1, n/seq), seq, min(parent.Vocab, child.Vocab))
}

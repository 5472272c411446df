package verify

import (
	"context"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/growth"
	"famkit/internal/proof"
	"famkit/internal/tensor"
	"famkit/internal/units"
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
	// Claim says where the child's weights come from, instead of the plan. Then the answer is yes only where it is proved.
	Claim *proof.Claim
	// Infer looks for the claim in the weights, whatever plan there is. Then the answer is yes only where it is proved.
	Infer bool
	// ProofOnly leaves out the measurements, and the comparison of every byte with what the plan makes of the parent: a
	// proof needs neither.
	ProofOnly bool
	// Digests writes into the proof which checkpoints it is about; both are read once more.
	Digests bool
	// MaxULP is how far a number may be off, in units in the last place of its type; 0 for what the growths explain.
	MaxULP float64
	// AllowInexact accepts a child whose plan says that it is inexact on purpose, when it follows that plan.
	AllowInexact bool
	// Version is the program's, for the proof.
	Version string
	// On, when set, is told what happens.
	On func(Event)
}

// Models runs every check on a parent and its child. plan is nil where the child has none. An error means that the
// question could not be answered; a difference is no error.
func Models(ctx context.Context, parent, child format.Source, plan *growth.Plan, o Options) (*Report, error) {
	r := &Report{Schema: 1, Allowed: o.AllowInexact}
	pck, cck, ok := r.wellFormed(parent, child)
	if !ok || r.incomparable(pck, cck, plan != nil || o.Claim != nil) {
		r.settle()
		return r, nil
	}
	claim := o.Claim
	if claim == nil && plan != nil {
		claim = ClaimOf(plan)
	}
	lone := pck.Config == nil || cck.Config == nil
	switch {
	case lone && plan != nil && o.Claim == nil && !o.ProofOnly:
		return r, r.lone(ctx, plan, pck, cck, o)
	case lone:
		return nil, fault.Hint(fault.Inputf("without %s the models are not known: nothing can be proved or measured",
			configFile),
			"put %s beside the weights of both", configFile)
	}
	rounded, err := r.follows(ctx, plan, pck, cck, o)
	if err != nil {
		return nil, err
	}
	if claim != nil && !o.Infer {
		err = r.prove(ctx, claim, pck, cck, o)
	} else {
		err = r.search(ctx, pck, cck, o)
	}
	if err != nil {
		return nil, err
	}
	if r.Proof != nil && r.Proof.Verdict == proof.Rounded && len(rounded) == 0 {
		rounded = append(rounded, cck.DType())
	}
	if !o.ProofOnly {
		if err := r.measure(ctx, pck, cck, storedRounding(rounded), o); err != nil {
			return nil, err
		}
	}
	r.settle()
	return r, nil
}

// lone is the answer about files without a config: whether the child follows its plan is all that can be told, and that
// is no proof.
func (r *Report) lone(ctx context.Context, plan *growth.Plan, parent, child *arch.Checkpoint, o Options) error {
	if _, err := r.follows(ctx, plan, parent, child, o); err != nil {
		return err
	}
	r.settle()
	if !r.failed() && len(r.Inexact) == 0 {
		r.Unsure = "without " + configFile + " the models are not known, so that nothing is proved or measured"
	}
	return nil
}

// follows adds the check that the child is what its plan makes of the parent, byte for byte, and gives the types of the
// numbers that the plan rounds. Where only a proof is asked for the bytes are not compared.
func (r *Report) follows(ctx context.Context, plan *growth.Plan, parent, child *arch.Checkpoint,
	o Options) ([]tensor.DType, error) {
	if plan == nil {
		return nil, nil
	}
	r.Inexact = plan.Inexact
	if o.ProofOnly && !o.AllowInexact {
		return nil, nil
	}
	fs, n, err := Follows(ctx, plan, parent, child,
		func(stage string) func(done, total int64) { return o.progress(stage, true) })
	if err != nil {
		return nil, err
	}
	r.add(Check{Name: planCheck, Passed: true, Findings: fs, Summary: units.Bytes(n) + " compared"})
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

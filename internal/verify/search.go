package verify

import (
	"context"

	"famkit/internal/arch"
	"famkit/internal/infer"
	"famkit/internal/proof"
)

// search looks in the weights for how the child came to be, and adds the proof of that. Where none is found that says
// nothing against the child, unless a proof is all that was asked for.
func (r *Report) search(ctx context.Context, parent, child *arch.Checkpoint, o Options) error {
	if !o.Infer {
		o.note("nothing says how the child came to be: a proof is looked for in the weights")
	}
	p, err := o.sought(ctx, parent, child)
	must := o.ProofOnly || o.Infer
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil && (p.Holds() || must):
		if p.Holds() {
			p.Notes = append([]string{"found: " + inProse(p, parent, child)}, p.Notes...)
		}
		return r.take(ctx, p, parent, child, o)
	case must:
		return err
	}
	c := Check{Name: soughtCheck, Passed: true, Summary: "none was found: the answer is what is measured"}
	if err != nil {
		c.Findings = append(c.Findings, notef("", "%v", err))
	} else {
		if v := p.Stream(); v != "" && v != proof.Different {
			r.guess = p.Claim
		}
		for _, f := range broken(p)[:1] {
			c.Findings = append(c.Findings, notef(f.Where, "%s", f.Message))
		}
	}
	r.add(c)
	facts, found := arch.CompareLoaded(parent, child)
	r.add(comparedCheck(facts, found))
	return nil
}

// sought tries claims, the plainest first, and gives the proof of the first that holds, else that of the plainest,
// which is refused.
func (o *Options) sought(ctx context.Context, parent, child *arch.Checkpoint) (*proof.Proof, error) {
	claim, err := infer.Claim(ctx, parent, child)
	if err != nil {
		return nil, err
	}
	plain, err := o.try(ctx, claim, parent, child, false)
	if err != nil || plain.Holds() || plain.Stream() == proof.Different {
		return plain, err
	}
	other, err := infer.Rewritten(ctx, parent, child, claim)
	if err != nil {
		return plain, ctx.Err()
	}
	if p, err := o.try(ctx, other, parent, child, true); err != nil || p.Holds() {
		return p, err
	}
	for n := 2; n <= proof.MostRoundings && grew(parent, child); n++ {
		chain := *claim
		chain.Rounded = proof.Steps(n, proof.WidthsOf(parent.Model), proof.WidthsOf(child.Model))
		if chain.Rounded == nil {
			break
		}
		if p, err := o.try(ctx, &chain, parent, child, true); err != nil || p.Holds() {
			return p, err
		}
	}
	return plain, nil
}

// grew reports whether some width did, so that something may have been rounded more than once.
func grew(parent, child *arch.Checkpoint) bool {
	return proof.WidthsOf(parent.Model) != proof.WidthsOf(child.Model)
}

func (o *Options) try(ctx context.Context, claim *proof.Claim, parent, child *arch.Checkpoint,
	first bool) (*proof.Proof, error) {
	return proof.Prove(ctx, claim, parent, child, proof.Options{Progress: o.progress("proving", true), First: first})
}

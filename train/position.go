package train

import "famkit/internal/trainstate"

// position is how far a training has come.
type position struct {
	Step    int
	Updates int     // AdamW's, since its moments were zero
	Rows    int64   // of the data's order that were served
	Tokens  int64   // target tokens of the steps
	Seconds float64 // of wall time
}

// place settles where the run begins in steps, updates and rows, and which growth the learning rate still warms up
// from.
func (r *run) place() {
	s := r.state
	if s == nil {
		return
	}
	if r.kind == Resume {
		r.base = position{s.Step, s.Updates, s.Rows, s.Tokens, s.Seconds}
		r.growth = s.Growth
	} else {
		r.base = position{Updates: s.Updates, Rows: s.Rows}
		if s.Growth.Left(s.Step) > 0 {
			r.growth = &trainstate.Growth{Optimizer: s.Growth.Optimizer, Step: s.Growth.Step - s.Step,
				RewarmSteps: s.Growth.RewarmSteps}
		}
	}
	if r.o.FreshOptimizer {
		r.base.Updates, r.growth = 0, nil
	}
	if r.plan.Data.Anew = r.otherRows(); r.plan.Data.Anew != "" {
		r.base.Rows = 0
	}
}

// otherRows names what makes the rows, or their order, others than those of the training that goes on; "": nothing.
func (r *run) otherRows() string {
	was := &r.state.Settings
	switch {
	case r.digests.Data != r.state.Digests.Data:
		return "data"
	case r.s.Seq != was.Seq:
		return "seq"
	case r.s.Seed != was.Seed:
		return "seed"
	case r.s.EvalFraction != was.EvalFraction:
		return "eval-fraction"
	}
	return ""
}

// at is the position after `step` steps, without the time.
func (r *run) at(step int) position {
	n := step - r.base.Step
	return position{Step: step, Updates: r.base.Updates + n, Rows: r.base.Rows + int64(n)*r.s.StepRows(),
		Tokens: r.base.Tokens + int64(n)*r.s.StepTokens()}
}

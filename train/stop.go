package train

import (
	"context"
	"fmt"
	"math"

	"famkit/internal/fault"
)

// Interrupted is a run that was stopped from outside. The training goes on with Resume where Out holds it.
type Interrupted struct {
	Step, Steps int
	Out         string
	Saved       bool // Out holds the state after Step
	Cause       error
}

func (e *Interrupted) Error() string {
	if !e.Saved {
		return e.Cause.Error() + "; nothing was written"
	}
	return fmt.Sprintf("%v; step %d of %d is saved in %s", e.Cause, e.Step, e.Steps, e.Out)
}

func (e *Interrupted) Unwrap() error { return e.Cause }

// interrupted makes an *Interrupted of an error that the end of ctx brought before the first step.
func (r *run) interrupted(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	e := &Interrupted{Out: r.o.Out, Cause: context.Cause(ctx)}
	if r.kind == Resume && r.inPlace && r.state != nil {
		e.Step, e.Steps, e.Saved = r.state.Step, r.state.Settings.Steps, true
	}
	return e
}

// engineError is a failure of the engine in the middle of a step.
type engineError struct{ error }

func (e *engineError) Unwrap() error { return e.error }

// unsaved is an error after which the last good state could not be saved either.
type unsaved struct {
	cause, saving error
	step          int
}

func (e *unsaved) Error() string {
	return fmt.Sprintf("%v; saving step %d: %v", e.cause, e.step, e.saving)
}

func (e *unsaved) Unwrap() []error { return []error{e.cause, e.saving} }

// finite refuses a figure that is not a number before it does harm.
func finite(step int, name string, v float64) error {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return fault.Hint(fault.Failedf("step %d: %s is %v; stopped before the update", step, name, v),
			"a lower %v, a longer %v or a smaller %v; famkit inspect --values finds weights that are not finite",
			fault.Arg("lr"), fault.Arg("warmup"), fault.Arg("clip"))
	}
	return nil
}

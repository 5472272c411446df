package train

import (
	"context"
	"errors"
	"time"

	"famkit/format"
)

// train is the loop. Errors leave the last checkpoint in place.
func (r *run) train(ctx context.Context) (*Result, error) {
	if !r.o.onlyEvaluates() {
		// A checkpoint that would not fit on the disk is refused now, not at the end.
		err := format.Admit(r.o.Out, r.d.Source(r.config, r.dtype, r.files), r.checkpointOptions())
		if err != nil {
			return nil, err
		}
	}
	err := r.openLog()
	if err != nil {
		return nil, err
	}
	r.began = time.Now()
	err = r.start()
	if err == nil {
		err = r.steps(ctx)
	}
	r.result.Tokens, r.result.Seconds = r.at(r.result.Step).Tokens, r.seconds()
	r.result.Ran, r.result.Written = r.result.Step-r.base.Step, r.saved == r.result.Step && !r.o.onlyEvaluates()
	end := EndRow{Type: "end", Step: r.result.Step, Tokens: r.result.Tokens, Seconds: r.result.Seconds}
	if err != nil {
		end.Type, end.Reason = "stop", err.Error()
	}
	r.on(Event{End: &end})
	if logErr := r.log.write(end); err == nil {
		err = logErr
	}
	if logErr := r.log.close(); err == nil {
		err = logErr
	}
	if err != nil {
		return nil, err
	}
	return &r.result, nil
}

func (r *run) start() error {
	row := StartRow{Type: "start", Step: r.base.Step, Model: r.origin, Settings: r.s, Params: r.model.Params(),
		DataTokens: r.data.Tokens,
		StepTokens: r.s.StepTokens(), Engine: r.s.Engine, FLOPs: flopsPerToken(r.model, r.s.Seq), Memory: r.memory,
		Tokens: r.base.Tokens, Seconds: r.base.Seconds, Updates: r.base.Updates, Rewarm: r.growth.Left(r.base.Step)}
	if r.kind == Resume {
		row.Type = "resume"
	}
	row.EvalRows = r.evalRows()
	r.result.Step = r.base.Step
	r.on(Event{Start: &row})
	return r.log.write(row)
}

// steps runs from the step after the base to the last, evaluating and saving on the way and at the end.
func (r *run) steps(ctx context.Context) error {
	first := r.base.Step
	if first == 0 || r.grownHere() {
		if err := r.evaluate(ctx, first); err != nil {
			return r.stopped(ctx, err)
		}
	}
	for step := first + 1; step <= r.s.Steps; step++ {
		if err := r.step(ctx, step); err != nil {
			return r.stopped(ctx, err)
		}
		if due(step, r.s.EvalEvery) || step == r.s.Steps {
			if err := r.evaluate(ctx, step); err != nil {
				return r.stopped(ctx, err)
			}
		}
		if (due(step, r.s.SaveEvery) || due(step, r.s.KeepEvery)) && step < r.s.Steps {
			if err := r.save(ctx, step); err != nil {
				return err
			}
		}
	}
	if r.o.onlyEvaluates() {
		return nil
	}
	return r.save(ctx, r.s.Steps)
}

// grownHere tells whether the model was grown after the last step, so that the seam deserves an evaluation.
func (r *run) grownHere() bool { return r.growth != nil && r.growth.Step == r.base.Step }

func due(step, every int) bool { return every > 0 && step%every == 0 }

// stopped saves the state after the last complete step when training cannot or shall not go on. After an error of the
// engine's nobody knows what its memory holds, and nothing is saved.
func (r *run) stopped(ctx context.Context, err error) error {
	interrupted, step := ctx.Err() != nil, r.result.Step
	var lost *engineError
	if errors.As(err, &lost) {
		return lost.error
	}
	if step > r.saved && (interrupted || step > 0) && !r.o.onlyEvaluates() {
		if saveErr := r.save(ctx, step); saveErr != nil {
			return &unsaved{err, saveErr, step}
		}
	}
	if interrupted {
		return &Interrupted{Step: step, Steps: r.s.Steps, Out: r.o.Out, Saved: r.saved == step, Cause: context.Cause(ctx)}
	}
	return err
}

// step is one update: gradients of accum micro-batches, the norm, AdamW. The host waits for the engine once, when all
// is asked for; the engine leaves the weights as they are where the loss or the norm is not finite.
func (r *run) step(ctx context.Context, step int) error {
	if err := r.gradients(ctx, step); err != nil {
		return err
	}
	now := r.at(step)
	lr := r.s.Rate().At(step) * r.growth.Factor(step)
	r.opt.step(now.Updates, lr)
	got, err := r.d.Figures()
	if err != nil {
		return &engineError{err}
	}
	loss := got.Loss / float64(r.s.StepTokens())
	if err := finite(step, "loss", loss); err != nil {
		return err
	}
	if err := finite(step, "gradient norm", got.Norm); err != nil {
		return err
	}
	if err := r.hand.move(r.e, r.d, step); err != nil {
		return &engineError{err}
	}
	// From here on the weights are those after the step, whatever happens to its row.
	r.result.Step, r.result.Loss = step, loss
	row := StepRow{Type: "step", Step: step, Loss: loss, GradNorm: got.Norm, LR: lr, Tokens: now.Tokens,
		Seconds: r.seconds()}
	r.on(Event{Step: &row})
	return r.log.write(row)
}

// gradients runs the micro-batches of a step. Gradients are divided by the step's target tokens: how a step is cut into
// micro-batches does not change it.
func (r *run) gradients(ctx context.Context, step int) error {
	b, scale := newBatch(r.s.Batch, r.s.Seq), 1/float64(r.s.StepTokens())
	next := r.at(step - 1).Rows
	r.d.ZeroGrad()
	for range r.s.Accum {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		for k := range r.s.Batch {
			b.take(k, r.data.Rows, next)
			next++
		}
		if err := r.d.SetBatch(r.s.Batch, r.s.Seq, b.ids, b.targets); err != nil {
			return err
		}
		if err := r.graph.pass(scale); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// seconds is the wall time of the training, that of the runs before included.
func (r *run) seconds() float64 {
	if r.began.IsZero() {
		return r.base.Seconds
	}
	return r.base.Seconds + time.Since(r.began).Seconds()
}

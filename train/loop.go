package train

import (
	"context"
	"fmt"
	"time"

	"famkit/format"
	"famkit/internal/trainstate"
)

// train is the loop. Errors leave the last checkpoint in place.
func (r *run) train(ctx context.Context) (*Result, error) {
	first := 1
	if r.state != nil {
		first = r.state.Step + 1
	}
	// A checkpoint that would not fit on the disk is refused now, not at the end.
	err := format.Admit(r.o.Out, r.d.Source(r.config, r.dtype, r.files), r.checkpointOptions())
	if err != nil {
		return nil, err
	}
	if r.log, err = openLog(r.o.Log, r.state != nil, first-1); err != nil {
		return nil, err
	}
	r.began = time.Now()
	err = r.start(first - 1)
	if err == nil {
		err = r.steps(ctx, first)
	}
	r.result.Tokens, r.result.Seconds = r.tokensAt(r.result.Step), r.seconds()
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

func (r *run) start(step int) error {
	row := StartRow{Type: "start", Step: step, Model: r.origin, Settings: r.s, Params: r.model.Params(), DataTokens: r.data.Tokens,
		StepTokens: r.stepTokens(), Engine: r.s.Engine, FLOPs: flopsPerToken(r.model, r.opt.params, r.s.Seq), Memory: r.memory}
	if r.state != nil {
		row.Type = "resume"
	}
	if r.data.Eval != nil {
		row.EvalRows = r.data.Eval.Count()
	}
	r.result.Step = step
	r.on(Event{Start: &row})
	return r.log.write(row)
}

// steps runs from step first to the last, evaluating and saving on the way and at the end.
func (r *run) steps(ctx context.Context, first int) error {
	if first == 1 {
		if err := r.evaluate(ctx, 0); err != nil {
			return r.stopped(ctx, 0, err)
		}
	}
	for step := first; step <= r.s.Steps; step++ {
		if err := r.step(ctx, step); err != nil {
			return r.stopped(ctx, step-1, err)
		}
		r.result.Step = step
		if due(step, r.s.EvalEvery) && step < r.s.Steps {
			if err := r.evaluate(ctx, step); err != nil {
				return r.stopped(ctx, step, err)
			}
		}
		if due(step, r.s.SaveEvery) && step < r.s.Steps {
			if err := r.save(ctx, step); err != nil {
				return err
			}
		}
	}
	if first > r.s.Steps {
		r.on(Event{Note: fmt.Sprintf("nothing left to do: step %d of %d is done", first-1, r.s.Steps)})
		return nil
	}
	if err := r.evaluate(ctx, r.s.Steps); err != nil {
		return r.stopped(ctx, r.s.Steps, err)
	}
	return r.save(ctx, r.s.Steps)
}

func due(step, every int) bool { return every > 0 && step%every == 0 }

// stopped saves the state after `step` updates, the last good one, when training cannot or shall not go on.
func (r *run) stopped(ctx context.Context, step int, err error) error {
	interrupted := ctx.Err() != nil
	if step > r.saved && (interrupted || step > 0) {
		if saveErr := r.save(ctx, step); saveErr != nil {
			return fmt.Errorf("%w; saving step %d: %w", err, step, saveErr)
		}
	}
	if interrupted {
		return fmt.Errorf("step %d of %d is saved in %s: %w", step, r.s.Steps, r.o.Out, context.Cause(ctx))
	}
	return err
}

// step is one update: gradients of accum micro-batches, the norm, AdamW. The host waits for the engine once, when all is asked for; the
// engine leaves the weights as they are where the loss or the norm is not finite.
func (r *run) step(ctx context.Context, step int) error {
	if err := r.gradients(ctx, step); err != nil {
		return err
	}
	lr := r.s.Rate().At(step) * r.growth().Factor(step)
	r.opt.step(step, lr)
	got, err := r.d.Figures()
	if err != nil {
		return err
	}
	loss := got.Loss / float64(r.stepTokens())
	if err := finite(step, "loss", loss); err != nil {
		return err
	}
	if err := finite(step, "gradient norm", got.Norm); err != nil {
		return err
	}
	row := StepRow{Type: "step", Step: step, Loss: loss, GradNorm: got.Norm, LR: lr, Tokens: r.tokensAt(step), Seconds: r.seconds()}
	r.result.Loss = loss
	r.on(Event{Step: &row})
	return r.log.write(row)
}

// growth is what the resumed state says of a growth, nil where it was not grown.
func (r *run) growth() *trainstate.Growth {
	if r.state == nil {
		return nil
	}
	return r.state.Growth
}

// gradients runs the micro-batches of a step. Gradients are divided by the step's target tokens: how a step is cut into micro-batches does
// not change it.
func (r *run) gradients(ctx context.Context, step int) error {
	b, t := r.s.Batch, r.s.Seq
	row, ids, targets := make([]int32, t+1), make([]int32, b*t), make([]int32, b*t)
	scale := 1 / float64(r.stepTokens())
	r.d.ZeroGrad()
	for micro := range r.s.Accum {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		for k := range b {
			i := (int64(step-1)*int64(r.s.Accum)+int64(micro))*int64(b) + int64(k)
			r.data.Rows.Row(row, i)
			copy(ids[k*t:], row[:t])
			copy(targets[k*t:(k+1)*t], row[1:])
		}
		if err := r.d.SetBatch(b, t, ids, targets); err != nil {
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

// evaluate measures the mean loss on all held-out rows, in order.
func (r *run) evaluate(ctx context.Context, step int) error {
	if r.data.Eval == nil {
		return nil
	}
	b, t := r.s.Batch, r.s.Seq
	row, ids, targets := make([]int32, t+1), make([]int32, b*t), make([]int32, b*t)
	sum, n := 0.0, 0
	for i := int64(0); i < r.data.Eval.Count(); {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		k := 0
		for ; k < b && i < r.data.Eval.Count(); k, i = k+1, i+1 {
			r.data.Eval.Row(row, i)
			copy(ids[k*t:], row[:t])
			copy(targets[k*t:(k+1)*t], row[1:])
		}
		s, m, err := r.d.Loss(k, t, ids[:k*t], targets[:k*t])
		if err != nil {
			return err
		}
		sum, n = sum+s, n+m
	}
	loss := sum / float64(n)
	if err := finite(step, "evaluation loss", loss); err != nil {
		return err
	}
	r.result.EvalLoss = &loss
	ev := EvalRow{Type: "eval", Step: step, Loss: loss, Tokens: int64(n), Seconds: r.seconds()}
	r.on(Event{Eval: &ev})
	return r.log.write(ev)
}

func (r *run) stepTokens() int { return r.s.Batch * r.s.Seq * r.s.Accum }

func (r *run) tokensAt(step int) int64 { return int64(step) * int64(r.stepTokens()) }

// seconds is the wall time of the training, those of the runs that it resumes included.
func (r *run) seconds() float64 {
	s := 0.0
	if !r.began.IsZero() {
		s = time.Since(r.began).Seconds()
	}
	if r.state != nil {
		s += r.state.Seconds
	}
	return s
}

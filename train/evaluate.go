package train

import (
	"context"
	"math"

	"famkit/internal/engine"
	"famkit/internal/fault"
	"famkit/internal/trainstate"
)

// evaluate measures the mean loss on all held-out rows, in order, after `step` steps.
func (r *run) evaluate(ctx context.Context, step int) error {
	held := r.data.Eval
	if held == nil {
		return nil
	}
	b, rows := newBatch(r.s.Batch, r.s.Seq), held.Count()
	sum, n := 0.0, 0
	for i := int64(0); i < rows; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		k := 0
		for ; k < r.s.Batch && i < rows; k, i = k+1, i+1 {
			b.take(k, held, i)
		}
		s, m, err := r.d.Loss(k, r.s.Seq, b.ids[:k*r.s.Seq], b.targets[:k*r.s.Seq])
		if err != nil {
			return err
		}
		sum, n = sum+s, n+m
		seq := int64(r.s.Seq)
		r.on(Event{Progress: &Progress{Label: "evaluating", Tokens: true, Done: i * seq, Total: rows * seq}})
	}
	loss := sum / float64(n)
	if err := finite(step, "evaluation loss", loss); err != nil {
		return err
	}
	r.result.EvalLoss = &loss
	r.lastEval = &trainstate.Eval{Step: step, Loss: loss, Data: held.Digest}
	if err := r.seam(step, loss); err != nil {
		return err
	}
	row := EvalRow{Type: "eval", Step: step, Loss: loss, Tokens: int64(n), Seconds: r.seconds(),
		Before: r.evalBefore(step)}
	r.on(Event{Eval: &row})
	return r.log.write(row)
}

// The largest part of a loss by which the evaluations of a parent and of its grown child differ because of rounding, in
// float64 and float32, and where products take bfloat16.
const (
	roundingSeam = 1e-3
	bfloat16Seam = 1e-2
)

// seam compares the evaluation before the first step with the last of the training that goes on. Where the model was grown
// in between, by a plan that keeps the function, training stops when the two differ by more than rounding.
func (r *run) seam(step int, loss float64) error {
	before := r.evalBefore(step)
	p := r.grownBy
	if before == nil || p == nil || len(p.Inexact) > 0 || p.To.Vocab != p.From.Vocab {
		return nil // new tokens take their share of the probability
	}
	most := roundingSeam
	if r.spec.Precision == engine.BFloat16 {
		most = bfloat16Seam
	}
	if math.Abs(loss-*before) <= most**before {
		return nil
	}
	return fault.Hint(fault.Failedf("the evaluation before the first step is %.4f, and was %.4f where the parent's training "+
		"stopped: the growth was to keep the function", loss, *before),
		"famkit verify PARENT %s says where the two differ", r.o.Model)
}

// evalBefore is the loss that the training which goes on had at its end, on the same rows; nil elsewhere than at the
// seam.
func (r *run) evalBefore(step int) *float64 {
	if r.state == nil || step != r.base.Step {
		return nil
	}
	if e := r.state.Eval; e != nil && e.Step == r.state.Step && e.Data == r.data.Eval.Digest {
		return &e.Loss
	}
	return nil
}

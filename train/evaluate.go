package train

import (
	"context"

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
	row := EvalRow{Type: "eval", Step: step, Loss: loss, Tokens: int64(n), Seconds: r.seconds(),
		Before: r.evalBefore(step)}
	r.on(Event{Eval: &row})
	return r.log.write(row)
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

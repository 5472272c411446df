package train

import (
	"context"
	"math"

	"famkit/internal/corpus"
	"famkit/internal/engine"
	"famkit/internal/fault"
	"famkit/internal/trainstate"
)

// SetLoss is an evaluation on one set of held-out rows.
type SetLoss struct {
	Name       string  `json:"name"`
	Loss       float64 `json:"loss"` // nats a token, the mean over all targets
	Perplexity float64 `json:"perplexity"`
	// BitsPerByte is the loss in bits for each byte of the set's text, which models with different tokenizers can be
	// compared by; nil where its ids are no text.
	BitsPerByte *float64 `json:"bits_per_byte,omitempty"`
	Tokens      int64    `json:"tokens"` // targets
}

// heldOut is the name of rows held out of the training data.
const heldOut = "held-out"

// setName is the name of set number i.
func (r *run) setName(i int) string {
	if sets := r.s.EvalSets(); i < len(sets) {
		return sets[i].Name
	}
	return heldOut
}

// evalRows counts the held-out rows of all sets.
func (r *run) evalRows() (n int64) {
	for _, held := range r.data.Evals {
		n += held.Count()
	}
	return n
}

// evaluate measures the mean loss on every set of held-out rows after `step` steps.
func (r *run) evaluate(ctx context.Context, step int) error {
	if len(r.data.Evals) == 0 {
		return nil
	}
	sets, err := r.losses(ctx, step)
	if err != nil {
		return err
	}
	first := sets[0]
	r.result.EvalLoss, r.result.Evals = &first.Loss, sets
	r.lastEval = &trainstate.Eval{Step: step, Loss: first.Loss, Data: r.data.Evals[0].Digest}
	if err := r.seam(step, first.Loss); err != nil {
		return err
	}
	row := EvalRow{Type: "eval", Step: step, Loss: first.Loss, Tokens: first.Tokens, Sets: sets, Seconds: r.seconds(),
		Before: r.evalBefore(step)}
	r.on(Event{Eval: &row})
	return r.log.write(row)
}

// losses evaluates every set.
func (r *run) losses(ctx context.Context, step int) (sets []SetLoss, err error) {
	done, total := int64(0), r.evalRows()
	for i, held := range r.data.Evals {
		sum, n, err := r.lossOn(ctx, held, func(rows int64) {
			seq := int64(r.s.Seq)
			r.on(Event{Progress: &Progress{Label: "evaluating", Tokens: true, Done: (done + rows) * seq, Total: total * seq}})
		})
		if err != nil {
			return nil, err
		}
		done += held.Count()
		s := newSetLoss(r.setName(i), sum, int64(n), r.evalBytes(i))
		if err := finite(step, "evaluation loss", s.Loss); err != nil {
			return nil, err
		}
		sets = append(sets, s)
	}
	return sets, nil
}

func newSetLoss(name string, sum float64, tokens, bytes int64) SetLoss {
	loss := sum / float64(tokens)
	s := SetLoss{Name: name, Loss: loss, Perplexity: min(math.Exp(loss), math.MaxFloat64), Tokens: tokens}
	if bytes > 0 {
		bits := sum / math.Ln2 / float64(bytes)
		s.BitsPerByte = &bits
	}
	return s
}

// evalBytes are the bytes of set number i's targets as text, counted once; 0 where the ids are no text.
func (r *run) evalBytes(i int) int64 {
	if r.textSizes == nil {
		r.textSizes = make([]int64, len(r.data.Evals))
		for k, held := range r.data.Evals {
			n, err := r.textBytes(held.Rows)
			if err == nil { // else an id of the data that no token has
				r.textSizes[k] = n
			}
		}
	}
	return r.textSizes[i]
}

// lossOn sums the loss over all rows of a set, in order, and counts its targets.
func (r *run) lossOn(ctx context.Context, held *corpus.EvalData, told func(rows int64)) (sum float64, n int,
	err error) {
	b, rows := newBatch(r.s.Batch, r.s.Seq), held.Count()
	for i := int64(0); i < rows; {
		if ctx.Err() != nil {
			return 0, 0, context.Cause(ctx)
		}
		k := 0
		for ; k < r.s.Batch && i < rows; k, i = k+1, i+1 {
			b.take(k, held, i)
		}
		s, m, err := r.d.Loss(k, r.s.Seq, b.ids[:k*r.s.Seq], b.targets[:k*r.s.Seq])
		if err != nil {
			return 0, 0, err
		}
		sum, n = sum+s, n+m
		told(i)
	}
	return sum, n, nil
}

// The largest part of a loss by which the evaluations of a parent and of its grown child differ because of rounding, in
// float64 and float32, and where products take bfloat16.
const (
	roundingSeam = 1e-3
	bfloat16Seam = 1e-2
)

// seam compares the evaluation before the first step with the last of the training that goes on. Where the model was
// grown in between, by a plan that keeps the function, training stops when the two differ by more than rounding.
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
	return fault.Hint(fault.Failedf("the evaluation before the first step is %.4f, and was %.4f where the parent's "+
		"training "+
		"stopped: the growth was to keep the function", loss, *before),
		"famkit verify PARENT %s says where the two differ", r.o.Model)
}

// evalBefore is the loss that the training which goes on had at its end, on the same rows; nil elsewhere than at the
// seam.
func (r *run) evalBefore(step int) *float64 {
	if r.state == nil || step != r.base.Step {
		return nil
	}
	if e := r.state.Eval; e != nil && e.Step == r.state.Step && len(r.data.Evals) > 0 && e.Data == r.data.Evals[0].Digest {
		return &e.Loss
	}
	return nil
}

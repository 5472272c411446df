package verify

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/decoder"
	"famkit/internal/engine"
	"famkit/internal/fault"
	"famkit/internal/tensor"
	"famkit/internal/units"
)

// Match is what running both models shows, over all positions of the ids.
type Match struct {
	Engine    string  `json:"engine"`
	Precision string  `json:"precision"`
	Tokens    int     `json:"tokens"`
	IDs       string  `json:"ids"`
	MaxDelta  float64 `json:"max_delta"` // largest |logit of parent - logit of child|
	MaxLogit  float64 `json:"max_logit"` // largest |logit| of the parent
	// Spread is how far the parent's logits lie apart at a position: largest less smallest, the median over positions.
	Spread float64 `json:"spread"`
	MeanKL float64 `json:"mean_kl"` // mean over positions of KL(parent || child), nats
	Top1   float64 `json:"top1"`    // share of positions with the same most likely token
	// Steps is how many tokens at the end of the first sequence both models were also given one by one, keys and values
	// kept, as in generation; MaxDelta counts them.
	Steps int `json:"steps,omitempty"`
	// Tolerance is the largest MaxDelta that rounding explains; Why says how it was derived.
	Tolerance float64 `json:"tolerance"`
	Why       string  `json:"tolerance_why"`
}

// unsureShare is how much of the spread of the logits a tolerance may be. Beyond that, models that differ and models
// that are rounded look alike.
const unsureShare = 0.25

// unsure says why the measurement can tell neither way, "" where it can.
func (m *Match) unsure() string {
	switch {
	case math.IsNaN(m.Tolerance) || math.IsInf(m.Tolerance, 0):
		return "moving the parent's weights by their rounding makes its logits infinite or no numbers"
	case !(m.Tolerance <= unsureShare*m.Spread):
		return fmt.Sprintf("moving the parent's weights by their rounding alone moves its logits by up to %.2g, and they "+
			"lie only %.2g apart", m.Tolerance/slack, m.Spread)
	}
	return ""
}

// small reports whether the logits of both models hardly differ, whatever the tolerance.
func (m *Match) small() bool { return m != nil && m.MaxDelta <= unsureShare*m.Spread/slack }

// Equal reports whether rounding explains all of the difference, where that can be told.
func (m *Match) Equal() bool { return m.unsure() == "" && m.MaxDelta <= m.Tolerance }

// slack covers that the tolerance is measured with random perturbations: the largest difference that rounding makes
// in the child is a draw from the same distribution, not the same draw.
const slack = 4

// relativeError relates weights to rounding: each product of an engine of unit roundoff u sums at most n terms, which
// is a relative error of at most n u in each weight (backward error analysis; Higham 2002, 3.1). A growth that rounds
// stored numbers adds the roundoff of their type.
func relativeError(unit float64, longest int, stored float64) float64 {
	return unit*float64(longest) + stored
}

// longestSum is the longest sum of products in a model.
func longestSum(m *arch.Model) int { return max(m.Hidden, m.FFN, m.Heads*m.HeadDim) }

// storedRounding is the roundoff of the types that a growth has rounded, 0 when it rounded nothing.
func storedRounding(types []tensor.DType) float64 {
	worst := 0.0
	for _, d := range types {
		worst = max(worst, d.Unit())
	}
	return worst
}

// unitOf is the unit roundoff of an engine's activations.
func unitOf(s engine.Spec) float64 {
	return map[engine.Type]tensor.DType{engine.BF16: tensor.BF16, engine.F32: tensor.F32,
		engine.F64: tensor.F64}[s.Act].Unit()
}

// meter measures in one precision.
type meter struct {
	engine string
	o      engine.Options
	ids    IDs
	token  float64 // effort that a number takes for a token
	cached bool    // the engine can keep keys and values
	spent  func(work float64)
}

// measure adds one check for each precision. Where none was asked for and memory does not allow one, it is left out and
// said so.
func (r *Report) measure(ctx context.Context, parent, child *arch.Checkpoint, stored float64, o Options) error {
	asked := o.Precisions
	if len(asked) == 0 {
		asked = []string{"f64", "f32"}
	}
	if o.Tokens > mostTokens {
		return fault.Usagef("%d tokens to measure on: at most %d", o.Tokens, mostTokens)
	}
	done := 0
	for _, p := range asked {
		m, err := o.meter(p, parent.Model, child.Model)
		if err != nil {
			return err
		}
		if m == nil {
			continue
		}
		if err := r.measureBy(ctx, m, parent, child, stored); err != nil {
			return err
		}
		done++
	}
	if done == 0 {
		return fault.Failedf("the models could not be measured in any precision")
	}
	return nil
}

// meter prepares to measure in a precision; nil where it is left out.
func (o *Options) meter(precision string, parent, child *arch.Model) (*meter, error) {
	if precision != "f64" && precision != "f32" {
		return nil, fault.Usagef("precision %q: want f64 or f32", precision)
	}
	how, err := engine.For(engine.Auto, engine.Precision(precision))
	if err != nil {
		return nil, err
	}
	if how.Unusable != "" && len(o.Precisions) == 0 {
		o.note("not measured in %s: engine %s cannot run here: %s", precision, how.Name, how.Unusable)
		return nil, nil
	}
	ids := o.ids(parent, child, precision)
	if need := MemoryNeed(child, how.Spec, ids); o.Available > 0 && need > o.Available {
		if len(o.Precisions) > 0 {
			return nil, fault.Failedf("measuring in %s takes %s of memory, %s are available", precision, units.Bytes(need),
				units.Bytes(o.Available))
		}
		o.note("not measured in %s: it takes %s of memory, %s are available", precision, units.Bytes(need),
			units.Bytes(o.Available))
		return nil, nil
	}
	e := &meter{engine: how.Name, o: engine.Options{Threads: o.Threads, Precision: how.Spec.Precision}, ids: ids,
		token: onToken[how.Spec.Act], cached: how.Spec.Cached}
	e.spent = o.effort("measuring in "+how.Spec.Act.String(), e.work(parent, child))
	return e, nil
}

// What a measurement takes, in billionths of a second on a usual processor: to load a number of a model, and to compute
// with it for a token. Only their ratio matters.
const loading = 20

var onToken = map[engine.Type]float64{engine.F64: 1, engine.F32: 0.06, engine.BF16: 0.06}

// work is the effort of all runs of a measurement.
func (e *meter) work(parent, child *arch.Model) float64 {
	one := func(m *arch.Model, tokens int) float64 {
		return float64(m.Params()) * (loading + e.token*float64(tokens))
	}
	tokens := len(e.ids.Data)
	return float64(len(draws))*one(parent, tokens) + one(parent, tokens+e.ids.Seq) + one(child, tokens+e.ids.Seq)
}

// steps is how many of a sequence's tokens are run one by one: each reads all weights once more.
func (e *meter) steps(parent, child *arch.Model) int {
	const numbers = 2e9 // that are read
	return min(e.ids.Seq, max(4, int(numbers/float64(parent.Params()+child.Params()))))
}

// effort gives a function that is told of work as it is done, of total.
func (o *Options) effort(stage string, total float64) func(work float64) {
	const parts = 1 << 20
	told, done := o.progress(stage, false), 0.0
	told(0, parts)
	return func(work float64) {
		done += work
		told(int64(min(1, done/total)*parts), parts)
	}
}

// measureBy adds the check in one precision, and where the models differ says from which layer on.
func (r *Report) measureBy(ctx context.Context, e *meter, parent, child *arch.Checkpoint, stored float64) error {
	m, err := e.match(ctx, parent, child, stored)
	e.spent(math.Inf(1)) // what is left of the estimate
	if errors.Is(err, context.Canceled) {
		return err
	}
	if err != nil {
		return fmt.Errorf("measuring by %s: %w", e.engine, err)
	}
	r.add(Check{Name: "measured in " + m.Precision, Passed: m.Equal(), Unsure: m.unsure(), Match: m,
		Summary: matchSummary(m)})
	if m.Equal() || r.Layers != nil {
		return nil
	}
	rel := relativeError(0, 0, stored)
	if r.guess != nil && grew(parent, child) { // and was rounded, as far as is known
		rel = max(rel, child.DType().Unit())
	}
	if r.Layers, err = e.layers(ctx, parent, child, r.claimed(child.Model), rel); err != nil {
		return fmt.Errorf("comparing layers by %s: %w", e.engine, err)
	}
	return nil
}

func matchSummary(m *Match) string {
	return fmt.Sprintf("max |delta logit| %.2g (tolerance %.2g), mean KL %.2g, same top-1 %.1f%%, %d tokens (%s), %d "+
		"of them one by one",
		m.MaxDelta, m.Tolerance, m.MeanKL, 100*m.Top1, m.Tokens, m.IDs, m.Steps)
}

// match runs both models on the ids and compares their logits.
func (e *meter) match(ctx context.Context, parent, child *arch.Checkpoint, stored float64) (*Match, error) {
	n := 0
	if e.cached {
		n = e.steps(parent.Model, child.Model)
	}
	want, steps, spec, err := e.all(ctx, parent, n)
	if err != nil {
		return nil, fmt.Errorf("running the parent: %w", err)
	}
	m := &Match{Engine: e.engine, Precision: spec.Act.String(), Tokens: len(e.ids.Data), IDs: e.ids.From,
		MaxLogit: maxAbs(want),
		Spread:   spread(want, parent.Model.Vocab), Steps: n}
	longest := max(longestSum(parent.Model), longestSum(child.Model))
	rel := relativeError(unitOf(spec), longest, stored)
	for i := range draws {
		moved, err := perturb(parent, rel, uint64(i))
		if err != nil {
			return nil, err
		}
		shaken, _, err := e.logits(ctx, moved)
		if err != nil {
			return nil, fmt.Errorf("running the perturbed parent: %w", err)
		}
		m.Tolerance = math.Max(m.Tolerance, slack*maxDelta(want, shaken))
	}
	m.Why = fmt.Sprintf("%d times how far the parent's own logits move when its weights move by what %s arithmetic rounds",
		slack, m.Precision)
	if stored > 0 {
		m.Why += " and the growth rounded"
	}
	m.Why += fmt.Sprintf(" (%.1g of each weight)", rel)
	got, again, _, err := e.all(ctx, child, n)
	if err != nil {
		return nil, fmt.Errorf("running the child: %w", err)
	}
	m.compare(want, got, parent.Model.Vocab, child.Model.Vocab)
	m.MaxDelta = math.Max(m.MaxDelta, farthest(steps, again, parent.Model.Vocab, child.Model.Vocab))
	return m, nil
}

// all runs a model on all ids at once, and the last n of the first sequence one by one.
func (e *meter) all(ctx context.Context, ck *arch.Checkpoint, n int) (whole, steps []float64, spec engine.Spec,
	err error) {
	run, err := e.load(ctx, ck)
	if err != nil {
		return nil, nil, spec, err
	}
	defer run.close()
	if whole, err = run.logits(e.ids); err == nil && n > 0 {
		steps, err = run.oneByOne(e.ids.Data[:e.ids.Seq], n)
	}
	return whole, steps, run.e.Spec(), err
}

// logits runs a model once.
func (e *meter) logits(ctx context.Context, ck *arch.Checkpoint) ([]float64, engine.Spec, error) {
	run, err := e.load(ctx, ck)
	if err != nil {
		return nil, engine.Spec{}, err
	}
	defer run.close()
	out, err := run.logits(e.ids)
	return out, run.e.Spec(), err
}

// running is a model in a fresh engine, which is closed before another is opened: only one is in memory at a time.
type running struct {
	ctx    context.Context
	e      engine.Engine
	d      *decoder.Decoder
	tokens int // of the pass that runs

	stepped func() // told of a token that was run by itself
}

func (e *meter) load(ctx context.Context, ck *arch.Checkpoint) (*running, error) {
	eng, err := engine.New(e.engine, e.o)
	if err != nil {
		return nil, err
	}
	run := &running{ctx: ctx, e: eng, stepped: func() { e.spent(e.token * float64(ck.Model.Params())) }}
	layer := e.token * float64(ck.Model.Params()) / float64(ck.Model.Layers)
	between := func(int) error {
		e.spent(layer * float64(run.tokens))
		return ctx.Err()
	}
	run.d, err = decoder.New(eng, ck.Model, madeFor(eng.Spec(), e.ids, between))
	if err == nil {
		err = run.d.Load(countedWeights(ck, func(n int) { e.spent(loading * float64(n)) }))
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = eng.Close()
		return nil, err
	}
	return run, nil
}

func (r *running) close() { _ = r.e.Close() }

// madeFor is what a decoder is made for: one sequence after the other, so that keys and values can be kept.
func madeFor(spec engine.Spec, ids IDs, between func(int) error) decoder.Options {
	o := decoder.Options{Batch: 1, SeqLen: ids.Seq, Between: between}
	if spec.Cached {
		o.Cache = ids.Seq
	}
	return o
}

// logits runs all sequences, one after the other.
func (r *running) logits(ids IDs) ([]float64, error) {
	r.tokens = ids.Seq
	v := r.d.Model().Vocab
	out := make([]float64, len(ids.Data)*v)
	raw := make([]byte, 8*r.d.MaxLogitRows()*v)
	for b := range ids.Batch {
		own := out[b*ids.Seq*v : (b+1)*ids.Seq*v]
		err := r.d.Logits(1, ids.Seq, ids.Data[b*ids.Seq:(b+1)*ids.Seq], func(first, rows int, l engine.Buf) error {
			if err := r.e.Download(raw[:8*rows*v], tensor.F64, l); err != nil {
				return err
			}
			tensor.Decode(own[first*v:(first+rows)*v], raw[:8*rows*v], tensor.F64)
			return r.ctx.Err()
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// oneByOne gives the logits [n, vocab] behind the last n ids of a sequence, each of which is run by itself, with the
// keys and values of those before it kept.
func (r *running) oneByOne(ids []int32, n int) ([]float64, error) {
	v := r.d.Model().Vocab
	out, raw := make([]float64, n*v), make([]byte, 8*v)
	r.d.Forget()
	if before := ids[:len(ids)-n]; len(before) > 0 {
		if err := r.d.Extend(before); err != nil {
			return nil, err
		}
	}
	for i, id := range ids[len(ids)-n:] {
		if err := r.ctx.Err(); err != nil {
			return nil, err
		}
		if err := r.d.Extend([]int32{id}); err != nil {
			return nil, err
		}
		l, err := r.d.LastLogits()
		if err != nil {
			return nil, err
		}
		if err := r.e.Download(raw, tensor.F64, l); err != nil {
			return nil, err
		}
		tensor.Decode(out[i*v:(i+1)*v], raw, tensor.F64)
		r.stepped()
	}
	return out, nil
}

// farthest is the largest difference of rows of logits of two vocabularies.
func farthest(want, got []float64, vocab, childVocab int) float64 {
	worst, both := 0.0, min(vocab, childVocab)
	for r := range len(want) / vocab {
		worst = math.Max(worst, maxDelta(want[r*vocab:r*vocab+both], got[r*childVocab:r*childVocab+both]))
	}
	return worst
}

// spread is the median over positions of how far the logits lie apart.
func spread(logits []float64, vocab int) float64 {
	var apart []float64
	for at := 0; at+vocab <= len(logits); at += vocab {
		row := logits[at : at+vocab]
		apart = append(apart, slices.Max(row)-slices.Min(row))
	}
	slices.Sort(apart)
	return apart[len(apart)/2]
}

// compare fills in what the two rows of logits show. A child with more tokens is compared on the parent's.
func (m *Match) compare(want, got []float64, vocab, childVocab int) {
	rows := len(want) / vocab
	both := min(vocab, childVocab)
	same := 0
	for r := range rows {
		a, b := want[r*vocab:r*vocab+both], got[r*childVocab:r*childVocab+both]
		m.MaxDelta = math.Max(m.MaxDelta, maxDelta(a, b))
		m.MeanKL += klDivergence(a, b) / float64(rows)
		if argmax(a) == argmax(b) {
			same++
		}
	}
	m.Top1 = float64(same) / float64(max(1, rows))
}

// maxDelta is the largest difference; NaN anywhere makes it infinite.
func maxDelta(a, b []float64) float64 {
	worst := 0.0
	for i := range a {
		d := math.Abs(a[i] - b[i])
		if math.IsNaN(d) {
			return math.Inf(1)
		}
		worst = math.Max(worst, d)
	}
	return worst
}

func maxAbs(a []float64) float64 {
	worst := 0.0
	for _, v := range a {
		worst = math.Max(worst, math.Abs(v))
	}
	return worst
}

func argmax(a []float64) int {
	best := 0
	for i, v := range a {
		if v > a[best] {
			best = i
		}
	}
	return best
}

// klDivergence is KL(softmax(a) || softmax(b)) in nats.
func klDivergence(a, b []float64) float64 {
	la, lb := logSumExp(a), logSumExp(b)
	kl := 0.0
	for i := range a {
		pa := a[i] - la
		kl += math.Exp(pa) * (pa - (b[i] - lb))
	}
	return math.Max(kl, 0)
}

func logSumExp(a []float64) float64 {
	m := a[argmax(a)]
	s := 0.0
	for _, v := range a {
		s += math.Exp(v - m)
	}
	return m + math.Log(s)
}

// MemoryNeed is the bytes that measuring takes at its peak: one model in the engine's formats, and the logits of both.
func MemoryNeed(m *arch.Model, spec engine.Spec, ids IDs) int64 {
	n := decoder.Plan(m, spec, madeFor(spec, ids, nil)).Total()
	return n + 3*8*int64(ids.Batch*ids.Seq)*int64(m.Vocab)
}

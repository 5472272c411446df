package verify

import (
	"context"
	"fmt"
	"math"

	"famkit/internal/arch"
	"famkit/internal/decoder"
	"famkit/internal/engine"
	"famkit/internal/tensor"
)

// IDs are token ids of Batch sequences of Seq tokens.
type IDs struct {
	Batch, Seq int
	Data       []int32 // row-major [Batch, Seq]
	From       string  // where they come from, to show
}

// SeededIDs draws token ids below vocab.
func SeededIDs(seed uint64, batch, seq, vocab int) IDs {
	ids := IDs{batch, seq, make([]int32, batch*seq), fmt.Sprintf("seed %d", seed)}
	for i := range ids.Data {
		u := (signed(seed*0x2545f4914f6cdd1d+uint64(i)) + 1) / 2
		ids.Data[i] = int32(min(int(u*float64(vocab)), vocab-1))
	}
	return ids
}

// Match is what running both models shows, over all positions of the ids.
type Match struct {
	Engine    string  `json:"engine"`
	Precision string  `json:"precision"`
	Tokens    int     `json:"tokens"`
	IDs       string  `json:"ids"`
	MaxDelta  float64 `json:"max_delta"` // largest |logit of parent - logit of child|
	MaxLogit  float64 `json:"max_logit"` // largest |logit| of the parent
	MeanKL    float64 `json:"mean_kl"`   // mean over positions of KL(parent || child), nats
	Top1      float64 `json:"top1"`      // share of positions with the same most likely token
	// Tolerance is the largest MaxDelta that rounding explains; Why says how it was derived.
	Tolerance float64 `json:"tolerance"`
	Why       string  `json:"tolerance_why"`
}

// Equal reports whether rounding explains all of the difference.
func (m *Match) Equal() bool { return m.MaxDelta <= m.Tolerance }

// slack covers that the tolerance is measured with random perturbations: the largest difference that rounding makes
// in the child is a draw from the same distribution, not the same draw.
const slack = 4

// relativeError relates weights to rounding: each product of an engine of unit roundoff u sums at most n terms, which is a
// relative error of at most n u in each weight (backward error analysis; Higham 2002, 3.1). A growth that rounds stored
// numbers adds the roundoff of their type.
func relativeError(unit float64, longest int, stored float64) float64 {
	return unit*float64(longest) + stored
}

// longestSum is the longest sum of products in a model.
func longestSum(m *arch.Model) int { return max(m.Hidden, m.FFN, m.Heads*m.HeadDim) }

// storedRounding is the roundoff of the types that a growth has rounded, 0 when it rounded nothing.
func storedRounding(types []tensor.DType) float64 {
	worst := 0.0
	for _, d := range types {
		worst = max(worst, unitRoundoff(d))
	}
	return worst
}

func unitRoundoff(d tensor.DType) float64 {
	switch d {
	case tensor.BF16:
		return 0x1p-8
	case tensor.F16:
		return 0x1p-11
	case tensor.F32:
		return 0x1p-24
	}
	return 0x1p-53
}

// unitOf is the unit roundoff of an engine's activations.
func unitOf(s engine.Spec) float64 {
	return unitRoundoff(map[engine.Type]tensor.DType{engine.BF16: tensor.BF16, engine.F32: tensor.F32, engine.F64: tensor.F64}[s.Act])
}

// Measure runs both models on ids by the named engine and compares their logits.
func Measure(ctx context.Context, engineName string, o engine.Options, parent, child *arch.Checkpoint, ids IDs, stored float64) (*Match, error) {
	want, spec, err := logits(ctx, engineName, o, parent, ids)
	if err != nil {
		return nil, fmt.Errorf("running the parent: %w", err)
	}
	unit, name := unitOf(spec), spec.Act.String()
	m := &Match{Engine: engineName, Precision: name, Tokens: len(ids.Data), IDs: ids.From, MaxLogit: maxAbs(want)}
	longest := max(longestSum(parent.Model), longestSum(child.Model))
	rel := relativeError(unit, longest, stored)
	for i := range draws {
		moved, err := perturb(parent, rel, uint64(i))
		if err != nil {
			return nil, err
		}
		shaken, _, err := logits(ctx, engineName, o, moved, ids)
		if err != nil {
			return nil, fmt.Errorf("running the perturbed parent: %w", err)
		}
		m.Tolerance = math.Max(m.Tolerance, slack*maxDelta(want, shaken))
	}
	m.Why = fmt.Sprintf("%d x what moving every weight of the parent by %.1e of itself does: sums of %d terms in %s", slack, rel, longest, name)
	if stored > 0 {
		m.Why += fmt.Sprintf(", and stored numbers rounded to %.1e", stored)
	}
	got, _, err := logits(ctx, engineName, o, child, ids)
	if err != nil {
		return nil, fmt.Errorf("running the child: %w", err)
	}
	m.compare(want, got, parent.Model.Vocab, child.Model.Vocab)
	return m, nil
}

// logits runs a model once, in a fresh engine that is closed again: only one model is in memory at a time.
func logits(ctx context.Context, engineName string, o engine.Options, ck *arch.Checkpoint, ids IDs) ([]float64, engine.Spec, error) {
	e, err := engine.New(engineName, o)
	if err != nil {
		return nil, engine.Spec{}, err
	}
	defer func() { _ = e.Close() }()
	d, err := decoder.New(e, ck.Model, decoder.Options{Batch: ids.Batch, SeqLen: ids.Seq})
	if err != nil {
		return nil, engine.Spec{}, err
	}
	if err := d.Load(ck); err != nil {
		return nil, engine.Spec{}, err
	}
	v := ck.Model.Vocab
	out := make([]float64, ids.Batch*ids.Seq*v)
	var raw []byte
	err = d.Logits(ids.Batch, ids.Seq, ids.Data, func(first, rows int, l engine.Buf) error {
		if n := 8 * rows * v; cap(raw) < n {
			raw = make([]byte, n)
		}
		raw = raw[:8*rows*v]
		if err := e.Download(raw, tensor.F64, l); err != nil {
			return err
		}
		tensor.Decode(out[first*v:(first+rows)*v], raw, tensor.F64)
		return ctx.Err()
	})
	return out, e.Spec(), err
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
	n := decoder.Plan(m, spec, decoder.Options{Batch: ids.Batch, SeqLen: ids.Seq}).Total()
	return n + 3*8*int64(ids.Batch*ids.Seq)*int64(m.Vocab)
}

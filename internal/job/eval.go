package job

import (
	"context"
	"math"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/decoder"
	"famkit/internal/engine"
	"famkit/internal/fault"
	"famkit/internal/trainstate"
	"famkit/internal/units"
	"famkit/train"
)

// EvalOptions say what Eval measures.
type EvalOptions struct {
	// Models, from the smallest to the largest; neighbours are compared.
	Models []string
	// Settings say what is evaluated on and how; what is not Given comes from each model's training.
	Settings trainstate.Settings
	Given    func(name string) bool
	// Pairs compares neighbours, on at most PairTokens tokens (0: 16384).
	Pairs      bool
	PairTokens int64
}

// Evaluation is the result of Eval.
type Evaluation struct {
	Schema int     `json:"schema"`
	Models []Score `json:"models"`
	Pairs  []Pair  `json:"pairs,omitempty"`
}

// Score is what a model gives on held-out rows.
type Score struct {
	Model  string `json:"model"`
	Params int64  `json:"parameters"`
	Tokens int64  `json:"tokens"`
	Bytes  int64  `json:"bytes,omitempty"` // of them as text
	// Loss is the mean over the target tokens, in nats; Perplexity its exponential; Bits those of a byte of text, which
	// models of different tokenizers can be compared by.
	Loss       float64 `json:"loss"`
	Perplexity float64 `json:"perplexity"`
	Bits       float64 `json:"bits_per_byte,omitempty"`
	Data       string  `json:"data"` // digest of the rows
	Engine     string  `json:"engine"`
}

// scored is a model with its rows.
type scored struct {
	ck   *arch.Checkpoint
	h    format.Handle
	held *train.Held
}

// Eval measures models on held-out data, and neighbours against each other.
func Eval(ctx context.Context, o EvalOptions, on Observer) (*Evaluation, error) {
	if len(o.Models) == 0 {
		return nil, fault.Usagef("no model is given")
	}
	r := &Evaluation{Schema: 1}
	var list []*scored
	defer func() {
		for _, s := range list {
			_ = s.h.Close()
		}
	}()
	for _, path := range o.Models {
		if err := locate(on, &path); err != nil {
			return nil, err
		}
		s, err := o.open(ctx, path, on)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
		score, err := s.score(ctx, path, on)
		if err != nil {
			return nil, err
		}
		r.Models = append(r.Models, *score)
	}
	if !o.Pairs {
		return r, nil
	}
	for i := 1; i < len(list); i++ {
		p, err := o.pair(ctx, list[i-1], list[i], on)
		if err != nil {
			return nil, err
		}
		p.A, p.B = o.Models[i-1], o.Models[i]
		r.Pairs = append(r.Pairs, *p)
	}
	return r, nil
}

func (o *EvalOptions) open(ctx context.Context, path string, on Observer) (*scored, error) {
	if evalGiven := o.Given != nil && (o.Given("eval") || o.Given("eval-fraction")); !evalGiven && !trainstate.Is(path) {
		return nil, fault.Usagef("%s comes from no training that held something out; %v says what to evaluate on", path,
			fault.Arg("data", "PATH"))
	}
	held, err := train.HeldOut(ctx, train.Options{Model: path, Settings: o.Settings, Given: o.Given}, func(e train.Event) {
		if p := e.Progress; p != nil {
			on.tell(Event{Kind: Progress, Task: p.Label, Done: p.Done, Total: p.Total, Parts: p.Tokens})
		}
	})
	if err != nil {
		return nil, err
	}
	h, ck, err := OpenModel(path, on)
	if err != nil {
		return nil, err
	}
	return &scored{ck, h, held}, nil
}

// runner is a model in an engine's memory.
type runner struct {
	e     engine.Engine
	d     *decoder.Decoder
	batch int
	seq   int
}

func (s *scored) load() (*runner, error) {
	set := &s.held.Settings
	e, _, err := engine.Start(set.Engine, engine.Options{Threads: set.Threads, Precision: engine.Precision(set.Precision)})
	if err != nil {
		return nil, err
	}
	o := decoder.Options{Batch: set.Batch, SeqLen: set.Seq}
	if need, room := decoder.Plan(s.ck.Model, e.Spec(), o).Total(), e.Available(); room > 0 && need > room {
		_ = e.Close()
		return nil, fault.Failedf("too little memory: wanted %s, available %s", units.Bytes(need), units.Bytes(room))
	}
	d, err := decoder.New(e, s.ck.Model, o)
	if err == nil {
		err = d.Load(s.ck)
	}
	if err != nil {
		_ = e.Close()
		return nil, err
	}
	return &runner{e, d, set.Batch, set.Seq}, nil
}

// batches calls with rows of ids and targets, up to a number of rows.
func (s *scored) batches(ctx context.Context, most int64, each func(rows int, ids, targets []int32) error) error {
	set, rows := &s.held.Settings, s.held.Rows
	n, row := min(rows.Count(), most), make([]int32, set.Seq+1)
	ids, targets := make([]int32, 0, set.Batch*set.Seq), make([]int32, 0, set.Batch*set.Seq)
	for i := int64(0); i < n; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		ids, targets = ids[:0], targets[:0]
		k := 0
		for ; k < set.Batch && i < n; k, i = k+1, i+1 {
			rows.Row(row, i)
			ids, targets = append(ids, row[:set.Seq]...), append(targets, row[1:]...)
		}
		if err := each(k, ids, targets); err != nil {
			return err
		}
	}
	return nil
}

// score is a model's loss on all of its rows.
func (s *scored) score(ctx context.Context, path string, on Observer) (*Score, error) {
	run, err := s.load()
	if err != nil {
		return nil, err
	}
	defer func() { _ = run.e.Close() }()
	total := s.held.Rows.Count() * int64(run.seq)
	sum, n := 0.0, 0
	err = s.batches(ctx, math.MaxInt64, func(rows int, ids, targets []int32) error {
		got, m, err := run.d.Loss(rows, run.seq, ids, targets)
		sum, n = sum+got, n+m
		on.tell(Event{Kind: Progress, Task: "evaluating " + path, Done: int64(n), Total: total, Parts: true})
		return err
	})
	if err != nil {
		return nil, err
	}
	r := &Score{Model: path, Params: s.ck.Model.Params(), Tokens: int64(n), Bytes: s.held.Bytes, Loss: sum / float64(n),
		Data:   s.held.Digest,
		Engine: run.e.Name()}
	if r.Perplexity = math.Exp(r.Loss); math.IsNaN(r.Loss) || math.IsInf(r.Perplexity, 0) {
		return nil, fault.Failedf("%s: the loss is %v", path, r.Loss)
	}
	if r.Bytes > 0 {
		r.Bits = sum / math.Ln2 / float64(r.Bytes)
	}
	return r, nil
}

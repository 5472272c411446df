package job

import (
	"context"
	"sync"

	"famkit/format"
	"famkit/internal/fault"
	"famkit/internal/growth"
	"famkit/internal/infile"
	"famkit/internal/mem"
	"famkit/internal/tokenizer"
	"famkit/internal/verify"
)

// VerifyOptions say what Verify compares and how.
type VerifyOptions struct {
	// Parent is "" where the child's plan names it.
	Parent, Child string
	// IDs is a safetensors file with the token ids to measure on, Text a text for the parent's tokenizer; at most one of
	// them is given, seeded ids are taken where neither is.
	IDs, Text string
	// Seed and Tokens of seeded ids; Tokens also bounds the text. 0 tokens: as suits the model's size.
	Seed   uint64
	Tokens int
	// Precisions to measure in, "f64" and "f32"; nil for both.
	Precisions []string
	// Threads of the cpu engine, 0 for one for each processor.
	Threads int
	// ProofOnly proves and does nothing else.
	ProofOnly bool
	// Infer finds the claim from the weights instead of the child's plan.
	Infer bool
	// WriteProof is the file that gets the proof, "" for none, "-" for standard output. Force replaces one that exists.
	WriteProof string
	Force      bool
	// MaxULP is how far a number may be off, in units in the last place of its type; 0 for what the growths explain.
	MaxULP float64
	// AllowInexact lets growths pass whose plan says that they are inexact on purpose.
	AllowInexact bool
	// Version is the program's, for the proof.
	Version string
}

// Verify compares a grown checkpoint with its parent. Models that are not equal are a report, not an error.
func Verify(ctx context.Context, o VerifyOptions, on Observer) (*verify.Report, error) {
	r, err := verifyModels(ctx, o, on)
	return r, stopped(ctx, err, "stopped before there was an answer; nothing was written")
}

func verifyModels(ctx context.Context, o VerifyOptions, on Observer) (*verify.Report, error) {
	if err := o.mayWriteProof(); err != nil {
		return nil, err
	}
	if err := locate(on, &o.Parent, &o.Child); err != nil {
		return nil, err
	}
	child, err := Open(o.Child, on)
	if err != nil {
		return nil, err
	}
	defer func() { _ = child.Close() }()
	lineage, err := verify.FindPlan(o.Child, child)
	if err != nil {
		return nil, err
	}
	if o.Parent == "" {
		if o.Parent, err = lineage.Parent(); err != nil {
			return nil, err
		}
	}
	parent, err := Open(o.Parent, on)
	if err != nil {
		return nil, err
	}
	defer func() { _ = parent.Close() }()
	how := verify.Options{Seed: o.Seed, Tokens: o.Tokens, Precisions: o.Precisions, Threads: o.Threads,
		Available: mem.Available(), ProofOnly: o.ProofOnly, Infer: o.Infer, AllowInexact: o.AllowInexact,
		Digests: o.WriteProof != "",
		MaxULP:  o.MaxULP, Version: o.Version, On: on.verification()}
	var plan *growth.Plan
	if !o.Infer {
		if plan, err = lineage.Claim(o.Parent, parent, &how); err != nil {
			return nil, err
		}
	}
	if how.IDs, err = o.ids(parent); err != nil {
		return nil, err
	}
	r, err := verify.Models(ctx, parent, child, plan, how)
	if err != nil {
		return nil, err
	}
	r.Parent, r.Child = o.Parent, o.Child
	return r, o.writeProof(r, on)
}

// verification passes the events of a verification on, one at a time.
func (o Observer) verification() func(verify.Event) {
	var mu sync.Mutex
	return func(e verify.Event) {
		mu.Lock()
		defer mu.Unlock()
		if e.Note != "" {
			o.note("%s", e.Note)
			return
		}
		o.tell(Event{Kind: Progress, Task: e.Stage, Done: e.Done, Total: e.Total, Parts: !e.Bytes})
	}
}

// ids reads the token ids to measure on; nil for seeded ones.
func (o *VerifyOptions) ids(parent format.Source) (*verify.IDs, error) {
	switch {
	case o.IDs != "":
		ids, batch, seq, err := readIDs(o.IDs)
		if err != nil {
			return nil, err
		}
		return &verify.IDs{Batch: batch, Seq: seq, Data: ids, From: o.IDs}, nil
	case o.Text != "":
		return o.textIDs(parent)
	}
	return nil, nil
}

// textTokens bounds how much of a text is measured where nothing else was asked for.
const textTokens = 512

func (o *VerifyOptions) textIDs(parent format.Source) (*verify.IDs, error) {
	text, err := infile.Read(o.Text)
	if err != nil {
		return nil, err
	}
	data, ok := format.ReadFile(parent, tokenizerFile)
	if !ok {
		return nil, fault.Hint(fault.Inputf("%v: the parent has no %s", fault.Arg("text"), tokenizerFile),
			"%v FILE.safetensors takes token ids", fault.Arg("ids"))
	}
	t, err := tokenizer.Load(data)
	if err != nil {
		return nil, err
	}
	ids, err := t.Encode(string(text), false)
	if err != nil {
		return nil, err
	}
	limit := textTokens
	if o.Tokens > 0 {
		limit = o.Tokens
	}
	ids = ids[:min(len(ids), limit)]
	if len(ids) == 0 {
		return nil, fault.Inputf("%s: holds no tokens", o.Text)
	}
	return &verify.IDs{Batch: 1, Seq: len(ids), Data: ids, From: o.Text}, nil
}

package family

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"famkit/expand"
	"famkit/format"
	"famkit/internal/corpus"
	"famkit/internal/fault"
	"famkit/internal/job"
	"famkit/internal/output"
	"famkit/internal/tokenizer"
	"famkit/internal/verify"
)

// endOfText is the special token of a tokenizer that a family makes.
const endOfText = "<|endoftext|>"

func (f *family) observe(e job.Event) { f.on(Event{Job: &e}) }

// tokenizer makes the tokenizer of the training data. The same data give the same bytes, so that one which a killed run
// left is made again in its place.
func (f *family) tokenizer(ctx context.Context, w *work) (*Result, error) {
	d := f.r.settings(f.r.Training.LR)
	got, err := job.TrainTokenizer(ctx, job.TokenizerOptions{Data: d.Data, Output: f.output(w), Force: true,
		Reading: corpus.Reading{Ext: d.Ext, TextField: d.TextField, AsText: d.AsText},
		Train:   tokenizer.TrainOptions{VocabSize: f.r.Tokenizer.Vocab, Specials: []string{endOfText}, MinFrequency: 2}},
		f.observe)
	if err != nil {
		return nil, err
	}
	if got.Vocab < f.r.Tokenizer.Vocab {
		return nil, fault.Hint(f.r.refuse("tokenizer.vocab",
			fmt.Sprintf("at most %d tokens, all that the data have pairs for", got.Vocab),
			f.r.Tokenizer.Vocab), "a smaller vocabulary, or more data")
	}
	return &Result{}, nil
}

// grow grows the output of the stage before and proves that the child computes what its parent does. Nothing is trained
// on before that.
func (f *family) grow(ctx context.Context, w *work) (*Result, error) {
	parent, child := f.output(f.find(w.From)), f.output(w)
	if err := f.untouched(f.find(w.From)); err != nil {
		return nil, err
	}
	here, err := there(child)
	if err != nil {
		return nil, err
	}
	if !here { // one that a killed run left is whole, and is proved like any other
		if _, err := job.Expand(ctx, job.ExpandOptions{Source: parent, Destination: child,
			Request:   f.p.models[w.member].request,
			Optimizer: expand.OptimizerState(f.r.Growth.Optimizer)}, f.observe); err != nil {
			return nil, err
		}
	}
	if err := output.Drop(filepath.Join(child, CardFile)); err != nil { // it travelled, and speaks of the parent
		return nil, err
	}
	report, err := job.Verify(ctx, job.VerifyOptions{Parent: parent, Child: child, ProofOnly: true,
		AllowInexact: f.r.Growth.AllowInexact,
		WriteProof:   filepath.Join(child, proofFile), Force: true, Version: f.o.By}, f.observe)
	if err != nil {
		return nil, err
	}
	verdict, err := judge(report, w.Name)
	if err != nil {
		return nil, err
	}
	digest, err := digestOf(child)
	return &Result{Verdict: verdict, Digest: digest, Params: f.p.models[w.member].Params()}, err
}

// proofFile is the proof of a growth; it travels with the child.
const proofFile = "proof.json"

// judge gives the verdict of a proof, or refuses to go on.
func judge(r *verify.Report, stage string) (string, error) {
	switch {
	case r.Equal && r.Proof != nil:
		return string(r.Proof.Verdict), nil
	case r.Allowed:
		return "inexact, as the recipe allows: " + strings.Join(r.Inexact, "; "), nil
	}
	var why []string
	for _, c := range r.Checks {
		if !c.Passed {
			why = append(why, c.Name+": "+c.Summary)
		}
	}
	if r.Unsure != "" {
		return "", fault.Failedf("stage %s: the growth could not be proved: %s", stage, r.Unsure)
	}
	return "", &fault.Error{Kind: fault.No, Err: fmt.Errorf("stage %s: the grown model is not proved to compute what "+
		"its parent does: %s", stage,
		strings.Join(why, "; "))}
}

// digestOf identifies the weights of a checkpoint.
func digestOf(dir string) (string, error) {
	h, err := format.Open(dir)
	if err != nil {
		return "", err
	}
	digest, err := format.Digest(h)
	return digest, errors.Join(err, h.Close())
}

// untouched refuses an output that is not what its stage left.
func (f *family) untouched(w *work) error {
	row := f.ledger.done(w.key)
	if row == nil || row.Result == nil || row.Result.Digest == "" {
		return nil
	}
	now, err := digestOf(f.output(w))
	if err != nil {
		return err
	}
	if now != row.Result.Digest {
		return fault.Hint(fault.Inputf("%s: its weights are not those that stage %s left: wanted digest %s, found %s",
			f.output(w), w.Name,
			row.Result.Digest[:idDigits], now[:idDigits]), "%v %v makes it again", fault.Arg("stage", w.Name),
			fault.Arg("again"))
	}
	return nil
}

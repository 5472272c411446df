package job

import (
	"context"
	"iter"

	"famkit/internal/corpus"
	"famkit/internal/fault"
	"famkit/internal/output"
	"famkit/internal/tokenizer"
)

// TokenizerOptions say what TrainTokenizer reads and makes.
type TokenizerOptions struct {
	// Data are text files and folders; Reading says how they are read.
	Data    []string
	Reading corpus.Reading
	// Output is the folder that gets tokenizer.json and tokenizer_config.json.
	Output string
	Train  tokenizer.TrainOptions
	// Force replaces a tokenizer that Output has.
	Force bool
}

// TrainedTokenizer is the result of TrainTokenizer.
type TrainedTokenizer struct {
	Schema    int              `json:"schema"`
	Path      string           `json:"path"`
	Vocab     int              `json:"vocab"`
	Files     int              `json:"files"`
	Documents int64            `json:"documents"`
	Bytes     int64            `json:"bytes"`
	Skipped   []corpus.Skipped `json:"skipped,omitempty"`
	Special   []string         `json:"special"` // by id, from 0 on; the first begins and ends documents
}

// TrainTokenizer trains a byte-level BPE tokenizer on text and writes it. The same text gives the same files.
func TrainTokenizer(ctx context.Context, o TokenizerOptions, on Observer) (*TrainedTokenizer, error) {
	if o.Train.MinFrequency < 1 {
		return nil, fault.Usagef("%v: wanted 1 or more", fault.Arg("min-frequency", o.Train.MinFrequency))
	}
	if err := output.MayWriteAll(o.Output, map[string][]byte{tokenizerFile: nil, tokenizerConfigFile: nil},
		o.Force); err != nil {
		return nil, err
	}
	r := &TrainedTokenizer{Schema: 1, Path: o.Output, Special: o.Train.Specials}
	texts, size, err := corpus.Texts(o.Data, o.Reading, func(s []corpus.Skipped) { r.Skipped = s })
	if err != nil {
		return nil, err
	}
	encoded, err := tokenizer.TrainBPE(r.count(ctx, texts, on.task("reading", size)), o.Train)
	if err != nil {
		return nil, err
	}
	t, err := tokenizer.Load(encoded)
	if err != nil {
		return nil, err
	}
	if r.Vocab = t.VocabSize(); r.Vocab < o.Train.VocabSize {
		on.warn("the text has pairs for %d tokens only, %d were wanted", r.Vocab, o.Train.VocabSize)
	}
	config, err := tokenizer.Config(o.Train.Specials)
	if err != nil {
		return nil, err
	}
	err = output.WriteAll(o.Output, map[string][]byte{tokenizerFile: encoded, tokenizerConfigFile: config}, o.Force)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// count passes texts on, counts them and stops when ctx ends.
func (r *TrainedTokenizer) count(ctx context.Context, texts iter.Seq2[corpus.Text, error],
	progress func(int64)) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for f, err := range texts {
			if err == nil {
				err = context.Cause(ctx)
			}
			if f.Last {
				r.Files++
			}
			r.Documents++
			r.Bytes += int64(len(f.Text))
			if !yield(f.Text, err) {
				return
			}
			progress(r.Bytes)
		}
	}
}

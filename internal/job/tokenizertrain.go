package job

import (
	"context"
	"iter"
	"os"
	"path/filepath"

	"famkit/format"
	"famkit/internal/corpus"
	"famkit/internal/fault"
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
	if err := mayWriteTokenizer(o.Output, o.Force); err != nil {
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
	return r, writeTokenizer(o.Output, encoded, o.Train.Specials)
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

// mayWriteTokenizer refuses to replace a tokenizer without being told to.
func mayWriteTokenizer(out string, force bool) error {
	st, err := os.Stat(out)
	if err == nil && !st.IsDir() {
		return fault.Inputf("%s: is a file, wanted a folder to write into", out)
	}
	for _, name := range []string{tokenizerFile, tokenizerConfigFile} {
		path := filepath.Join(out, name)
		if _, err := os.Lstat(path); err == nil && !force {
			return fault.Hint(fault.Inputf("%s: is there already", path), "%v replaces it", fault.Arg("force"))
		}
	}
	return nil
}

// writeTokenizer writes the two files, tokenizer.json last: it is the one that is looked for.
func writeTokenizer(out string, encoded []byte, specials []string) error {
	config, err := tokenizer.Config(specials)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o777); err != nil {
		return fault.Failedf("%w", err)
	}
	if err := format.WriteFileAtomic(filepath.Join(out, tokenizerConfigFile), config); err != nil {
		return err
	}
	return format.WriteFileAtomic(filepath.Join(out, tokenizerFile), encoded)
}

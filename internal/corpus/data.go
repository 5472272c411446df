package corpus

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"

	"famkit/internal/disk"
	"famkit/internal/fault"
)

// Options say what is read and how it is cut into rows.
type Options struct {
	Paths []string // text, folders of text, token files, or one file of recorded batches
	Reading
	TokenDType   string   // of raw token files: uint16 or uint32
	Evals        []string // sets of held-out data, by path
	EvalFraction float64  // of the rows that are held out
	Seq          int      // targets of a row
	Vocab        int      // ids lie below it
	Seed         uint64   // of the order
	Memory       int64    // bytes that a file may take; 0: any
	// Text gives the tokenizer and the id that follows each document. It is asked for text only.
	Text     func() (Encoder, int32, error)
	Progress func(label string, done, total int64) // in bytes
}

// Data is what a training reads.
type Data struct {
	Counts
	Rows   Rows  // row i of the training, whatever i; nil where only an evaluation is wanted
	Epoch  int64 // rows of one pass
	Digest string
	Evals  []*EvalData // what is held out
}

// EvalData is one set of held-out rows.
type EvalData struct {
	Rows
	Digest string // of the rows themselves and of how they are cut
}

// Load reads the training data, where paths are given, and the evaluation data.
func Load(ctx context.Context, o Options) (*Data, error) {
	if o.EvalFraction > 0 && Recorded(o.Paths) {
		return nil, fault.Usagef("%v would break the order of recorded batches; use %v", fault.Arg("eval-fraction"),
			fault.Arg("eval"))
	}
	d := &Data{}
	if len(o.Paths) > 0 {
		if err := o.loadTraining(ctx, d); err != nil {
			return nil, err
		}
	}
	for _, path := range o.Evals {
		held, err := o.loadEval(ctx, path)
		if err != nil {
			return nil, err
		}
		d.Evals = append(d.Evals, held)
	}
	return d, nil
}

func (o Options) loadEval(ctx context.Context, path string) (*EvalData, error) {
	paths := []string{path}
	held, _, err := o.read(ctx, paths)
	if err != nil {
		return nil, err
	}
	rows := o.cut(held, paths)
	if rows.Count() == 0 {
		return nil, fault.Inputf("%s: %d tokens are too little to evaluate on: one row takes %d", path, held.len(), o.Seq+1)
	}
	return &EvalData{rows, o.evalDigest(held.digest())}, nil
}

func (o Options) loadTraining(ctx context.Context, d *Data) error {
	list, counts, err := o.read(ctx, o.Paths)
	if err != nil {
		return err
	}
	d.Counts, d.Digest = counts, list.digest()
	train, eval := holdOut(o.cut(list, o.Paths), o.EvalFraction, o.Seed)
	if d.Epoch = train.Count(); d.Epoch == 0 {
		return fault.Inputf("%s: %d tokens are too little: one row takes %d (%v and one target)%s", o.Paths[0], list.len(),
			o.Seq+1, fault.Arg("seq", o.Seq),
			map[bool]string{true: ", and the evaluation takes one row too"}[eval != nil])
	}
	if eval != nil {
		d.Evals = []*EvalData{{eval, o.evalDigest(d.Digest)}}
	}
	if Recorded(o.Paths) {
		d.Rows = cycle{train}
	} else {
		d.Rows = shuffled{train, o.Seed}
	}
	return nil
}

// evalDigest identifies held-out rows: their ids, and how they were cut and chosen.
func (o Options) evalDigest(list string) string {
	how := fmt.Sprintf("%s seq %d", list, o.Seq)
	if o.EvalFraction > 0 {
		how += fmt.Sprintf(" fraction %v seed %d", o.EvalFraction, o.Seed)
	}
	sum := sha256.Sum256([]byte(how))
	return hex.EncodeToString(sum[:])
}

// Recorded tells whether the data is one file of batches to be replayed as they are.
func Recorded(paths []string) bool {
	return len(paths) == 1 && filepath.Ext(paths[0]) == ".safetensors" && !isDir(paths[0])
}

func isDir(path string) bool {
	st, err := disk.StatOf(path)
	return err == nil && st.IsDir()
}

func (o Options) cut(list *ids, paths []string) Rows {
	if Recorded(paths) {
		return windows{list, o.Seq, o.Seq + 1}
	}
	return windows{list, o.Seq, o.Seq}
}

// read loads files of one kind: recorded batches, token files, or text.
func (o Options) read(ctx context.Context, paths []string) (*ids, Counts, error) {
	list, counts := newIDs(o.Vocab), Counts{Files: 1}
	if Recorded(paths) {
		shape, err := RecordedShape(paths[0])
		if err == nil && shape[2] != o.Seq+1 {
			err = fault.Inputf("%s: rows of %d ids, wanted %d (%v and one target)", paths[0], shape[2], o.Seq+1,
				fault.Arg("seq", o.Seq))
		}
		if err == nil {
			err = list.addRecorded(paths[0])
		}
		counts.Tokens = list.len()
		return list, counts, err
	}
	files, err := findFiles(paths, parseSuffixes(o.Ext))
	if err == nil {
		err = o.fit(files)
	}
	if err != nil {
		return nil, counts, err
	}
	tokens, err := o.tokenFiles(files)
	switch {
	case err != nil:
		return nil, counts, err
	case tokens:
		counts.Files = len(files)
		for _, f := range files {
			if err := list.addTokenFile(f.path, o.TokenDType, f.size); err != nil {
				return nil, counts, err
			}
		}
	default:
		if counts, err = o.readText(ctx, list, paths, files); err != nil {
			return nil, counts, err
		}
	}
	counts.Tokens = list.len()
	return list, counts, nil
}

// fit refuses files that the memory does not hold: each is read as a whole.
func (o Options) fit(files []file) error {
	for _, f := range files {
		if o.Memory > 0 && f.size > o.Memory {
			return fault.Hint(fault.Failedf("%s: its %d bytes do not fit the memory, of which %d are available", f.path, f.size,
				o.Memory),
				"split it into several files")
		}
	}
	return nil
}

// tokenFiles reports whether the files hold ids, and refuses a mixture with text.
func (o Options) tokenFiles(files []file) (bool, error) {
	isTokens := func(f file) bool { return o.TokenDType != "" || filepath.Ext(f.path) == ".bin" }
	k := slices.IndexFunc(files, isTokens)
	if k >= 0 && slices.ContainsFunc(files, func(f file) bool { return !isTokens(f) }) {
		return false, fault.Inputf("%s: token files and text files cannot be mixed", files[k].path)
	}
	return k >= 0, nil
}

func (o Options) readText(ctx context.Context, list *ids, paths []string, files []file) (Counts, error) {
	tok, separator, err := o.Text()
	if err != nil {
		return Counts{}, err
	}
	total := totalSize(files)
	counts, err := list.addText(ctx, o.Reading, files, tok, separator,
		func(done int64) { o.Progress("tokenizing", done, total) })
	if err == nil && counts.Files == 0 {
		err = counts.nothing(paths)
	}
	return counts, err
}

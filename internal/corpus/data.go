package corpus

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"famkit/internal/fault"
)

// Options say what is read and how it is cut into rows.
type Options struct {
	Paths        []string // text, folders of text, token files, or one file of recorded batches
	Ext          string   // names that are taken in folders, such as ".go,!_test.go"
	TokenDType   string   // of raw token files: uint16 or uint32
	Eval         string   // held-out data; "": none
	EvalFraction float64  // of the rows that are held out
	Seq          int      // targets of a row
	Vocab        int      // ids lie below it
	Seed         uint64   // of the order
	// Text gives the tokenizer and the id that follows each document. It is asked for text only.
	Text     func() (Encoder, int32, error)
	Progress func(label string, done, total int64) // in bytes
	Note     func(format string, a ...any)
}

// Data is what a training reads.
type Data struct {
	Rows   Rows  // row i of the training, whatever i
	Epoch  int64 // rows of one pass
	Eval   Rows  // rows to evaluate on; nil: none
	Tokens int64 // ids loaded for training
	Digest string
}

// Load reads the training data and the evaluation data.
func Load(ctx context.Context, o Options) (*Data, error) {
	if o.EvalFraction > 0 && Recorded(o.Paths) {
		return nil, fault.Usagef("%v would break the order of recorded batches; use %v", fault.Arg("eval-fraction"), fault.Arg("eval"))
	}
	list, err := o.read(ctx, o.Paths)
	if err != nil {
		return nil, err
	}
	d := &Data{Tokens: list.len(), Digest: list.digest()}
	train, eval := holdOut(o.cut(list, o.Paths), o.EvalFraction, o.Seed)
	if d.Epoch = train.Count(); d.Epoch == 0 {
		return nil, fault.Inputf("%s: %d tokens are too little: one row takes %d (seq %d and one target)%s", o.Paths[0], list.len(), o.Seq+1, o.Seq,
			map[bool]string{true: ", and the evaluation takes one row too"}[eval != nil])
	}
	d.Eval = eval
	if o.Eval != "" {
		if d.Eval, err = o.readEval(ctx); err != nil {
			return nil, err
		}
	}
	if Recorded(o.Paths) {
		d.Rows = cycle{train}
	} else {
		d.Rows = shuffled{train, o.Seed}
	}
	return d, nil
}

func (o Options) readEval(ctx context.Context) (Rows, error) {
	paths := []string{o.Eval}
	held, err := o.read(ctx, paths)
	if err != nil {
		return nil, err
	}
	rows := o.cut(held, paths)
	if rows.Count() == 0 {
		return nil, fault.Inputf("%s: %d tokens are too little to evaluate on: one row takes %d", o.Eval, held.len(), o.Seq+1)
	}
	return rows, nil
}

// Recorded tells whether the data is one file of batches to be replayed as they are.
func Recorded(paths []string) bool {
	return len(paths) == 1 && filepath.Ext(paths[0]) == ".safetensors" && !isDir(paths[0])
}

func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

func (o Options) cut(list *ids, paths []string) Rows {
	if Recorded(paths) {
		return windows{list, o.Seq, o.Seq + 1}
	}
	return windows{list, o.Seq, o.Seq}
}

// read loads files of one kind: recorded batches, token files, or text.
func (o Options) read(ctx context.Context, paths []string) (*ids, error) {
	list := newIDs(o.Vocab)
	if Recorded(paths) {
		shape, err := RecordedShape(paths[0])
		if err != nil {
			return nil, err
		}
		if shape[2] != o.Seq+1 {
			return nil, fault.Inputf("%s: rows of %d ids, wanted %d (seq %d and one target)", paths[0], shape[2], o.Seq+1, o.Seq)
		}
		return list, list.addRecorded(paths[0])
	}
	files, err := findFiles(paths, parseSuffixes(o.Ext))
	if err != nil {
		return nil, err
	}
	isTokens := func(f dataFile) bool { return o.TokenDType != "" || filepath.Ext(f.path) == ".bin" }
	switch k := slices.IndexFunc(files, isTokens); {
	case k >= 0 && slices.ContainsFunc(files, func(f dataFile) bool { return !isTokens(f) }):
		return nil, fault.Inputf("%s: token files and text files cannot be mixed", files[k].path)
	case k >= 0:
		for _, f := range files {
			if err := list.addTokenFile(f.path, o.TokenDType); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	return list, o.readText(ctx, list, files)
}

func (o Options) readText(ctx context.Context, list *ids, files []dataFile) error {
	tok, separator, err := o.Text()
	if err != nil {
		return err
	}
	var total int64
	for _, f := range files {
		total += f.size
	}
	skipped, err := list.addText(ctx, files, tok, separator, func(done int64) { o.Progress("tokenizing", done, total) })
	if skipped > 0 {
		o.Note("%d of %d files passed over: empty or not UTF-8 text", skipped, len(files))
	}
	return err
}

package train

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"famkit/internal/fault"
)

// dataset is what a training reads: rows without end, and rows to evaluate on (nil: none).
type dataset struct {
	train  rows // row i of the training, whatever i
	eval   rows
	tokens int64 // ids loaded for training
	digest string
}

// recorded tells whether the data is one file of batches to be replayed.
func recorded(paths []string) bool {
	return len(paths) == 1 && filepath.Ext(paths[0]) == ".safetensors" && !isDir(paths[0])
}

func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

// loader holds what reading data needs.
type loader struct {
	vocab     int
	seq       int
	encoder   func() (encoder, error) // asked for text only
	separator int32                   // -1 where the model names no end or beginning of text
	progress  func(label string, done, total int64)
	note      func(format string, a ...any)
}

// load reads the training data of s, and the evaluation data.
func (l loader) load(ctx context.Context, s *Settings) (*dataset, error) {
	list, err := l.read(ctx, s.Data, s)
	if err != nil {
		return nil, err
	}
	d := &dataset{tokens: list.len(), digest: list.digest()}
	all := l.cut(list, s.Data)
	train, eval := holdOut(all, s.EvalFraction, s.Seed)
	if n := train.count(); n == 0 {
		return nil, fault.Inputf("%s: %d tokens are too little: one row takes %d (seq %d and one target)%s", s.Data[0], list.len(), l.seq+1, l.seq,
			map[bool]string{true: ", and the evaluation takes one row too"}[eval != nil])
	}
	d.eval = eval
	if s.Eval != "" {
		held, err := l.read(ctx, []string{s.Eval}, s)
		if err != nil {
			return nil, err
		}
		if d.eval = l.cut(held, []string{s.Eval}); d.eval.count() == 0 {
			return nil, fault.Inputf("%s: %d tokens are too little to evaluate on: one row takes %d", s.Eval, held.len(), l.seq+1)
		}
	}
	if recorded(s.Data) {
		d.train = cycle{train}
	} else {
		d.train = shuffled{train, s.Seed}
	}
	return d, nil
}

func (l loader) cut(list *ids, paths []string) rows {
	if recorded(paths) {
		return windows{list, l.seq, l.seq + 1}
	}
	return windows{list, l.seq, l.seq}
}

// read loads files of one kind: recorded batches, token files, or text.
func (l loader) read(ctx context.Context, paths []string, s *Settings) (*ids, error) {
	list := newIDs(l.vocab)
	if recorded(paths) {
		shape, err := recordedShape(paths[0])
		if err != nil {
			return nil, err
		}
		if shape[2] != l.seq+1 {
			return nil, fault.Inputf("%s: rows of %d ids, wanted %d (seq %d and one target)", paths[0], shape[2], l.seq+1, l.seq)
		}
		return list, list.addRecorded(paths[0])
	}
	files, err := findFiles(paths, parseSuffixes(s.Ext))
	if err != nil {
		return nil, err
	}
	isTokens := func(f dataFile) bool { return s.TokenDType != "" || filepath.Ext(f.path) == ".bin" }
	switch k := slices.IndexFunc(files, isTokens); {
	case k >= 0 && slices.ContainsFunc(files, func(f dataFile) bool { return !isTokens(f) }):
		return nil, fault.Inputf("%s: token files and text files cannot be mixed", files[k].path)
	case k >= 0:
		for _, f := range files {
			if err := list.addTokenFile(f.path, s.TokenDType); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	return list, l.readText(ctx, list, files)
}

func (l loader) readText(ctx context.Context, list *ids, files []dataFile) error {
	tok, err := l.encoder()
	if err != nil {
		return err
	}
	if l.separator < 0 {
		return fault.Inputf("config.json: neither eos_token_id nor bos_token_id is there to separate documents")
	}
	var total int64
	for _, f := range files {
		total += f.size
	}
	skipped, err := list.addText(ctx, files, tok, l.separator, func(done int64) { l.progress("tokenizing", done, total) })
	if skipped > 0 {
		l.note("%d of %d files passed over: empty or not UTF-8 text", skipped, len(files))
	}
	return err
}

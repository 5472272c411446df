package train

import (
	"context"

	"famkit/internal/corpus"
	"famkit/internal/fault"
	"famkit/internal/trainstate"
)

// Held are the rows that a model is evaluated on.
type Held struct {
	Rows     corpus.Rows
	Digest   string // of their ids and of how they are cut
	Settings trainstate.Settings
	// Bytes are those of the targets as text, special tokens apart; 0 where there is no tokenizer.
	Bytes int64
}

// HeldOut reads the rows that Options.Model would be evaluated on: Eval, or the part EvalFraction of Data. What is not
// given comes from the training that the model comes from.
func HeldOut(ctx context.Context, o Options, on func(Event)) (*Held, error) {
	given := o.Given
	o.Given = func(name string) bool { return name == "steps" || given != nil && given(name) }
	o.Steps, o.Out, o.DryRun = 0, "", true
	r := &run{o: o, s: o.Settings, on: on, saved: -1}
	defer r.close()
	if err := r.prepare(ctx); err != nil {
		return nil, r.interrupted(ctx, err)
	}
	if len(r.data.Evals) == 0 {
		return nil, fault.Inputf("%s: nothing is held out", o.Model)
	}
	first := r.data.Evals[0]
	h := &Held{Rows: first.Rows, Digest: first.Digest, Settings: r.s}
	var err error
	h.Bytes, err = r.textBytes(h.Rows)
	return h, err
}

// textBytes counts the bytes of rows' targets as text.
func (r *run) textBytes(rows corpus.Rows) (n int64, err error) {
	if r.files[tokenizerFile] == nil {
		return 0, nil
	}
	t, err := r.loadTokenizer()
	if err != nil {
		return 0, err
	}
	row, all := make([]int32, r.s.Seq+1), make([]int32, 0, r.s.Seq*int(min(rows.Count(), 1024)))
	flush := func() error {
		text, err := t.Decode(all, true)
		n, all = n+int64(len(text)), all[:0]
		return err
	}
	for i := range rows.Count() {
		rows.Row(row, i)
		if all = append(all, row[1:]...); cap(all)-len(all) < r.s.Seq {
			if err := flush(); err != nil {
				return 0, err
			}
		}
	}
	return n, flush()
}

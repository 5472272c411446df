package train

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"famkit/internal/tokenizer"
	"famkit/internal/trainstate"
)

// TestBitsPerByte: the bits of all targets over the bytes of their text, for several sets by name, in the training's
// log and in its answer.
func TestBitsPerByte(t *testing.T) {
	dir := t.TempDir()
	texts := map[string]string{"a.txt": strings.Repeat("Größe of a thing. ", 40),
		"b.txt": strings.Repeat("func f(x int) int { return x }\n", 30)}
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	a, b := filepath.Join(dir, "a.txt"), filepath.Join(dir, "b.txt")
	o := Options{Model: "../fixtures/demo", Out: filepath.Join(dir, "out"), Settings: trainstate.Defaults(),
		Given: given("steps", "batch", "seq", "eval")}
	o.Data, o.Steps, o.Batch, o.Seq, o.Eval, o.MoreEval = []string{a}, 2, 2, 16, "prose="+a, []string{b}
	var rows []EvalRow
	r, err := Run(context.Background(), o, func(e Event) {
		if e.Eval != nil {
			rows = append(rows, *e.Eval)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 2 || len(rows[0].Sets) != 2 || rows[0].Sets[0].Name != "prose" || rows[0].Sets[1].Name != "b" ||
		rows[0].Loss != rows[0].Sets[0].Loss || len(r.Evals) != 2 || r.Evals[1] != rows[1].Sets[1] ||
		*r.EvalLoss != r.Evals[0].Loss {
		t.Fatalf("rows %+v, answer %+v", rows, r.Evals)
	}
	tok := demoTokenizer(t)
	for i, path := range []string{a, b} {
		ids, err := tok.Encode(texts[filepath.Base(path)], false)
		if err != nil {
			t.Fatal(err)
		}
		got := rows[0].Sets[i]
		read, err := tok.Decode(append(ids, 0)[1:got.Tokens+1], true) // the separator has no text
		if err != nil {
			t.Fatal(err)
		}
		want := got.Loss * float64(got.Tokens) / math.Ln2 / float64(len(read))
		if got.BitsPerByte == nil || math.Abs(*got.BitsPerByte-want) > 1e-12 ||
			math.Abs(got.Perplexity-math.Exp(got.Loss)) > 1e-9 {
			t.Errorf("%s: %+v, want %v bits a byte", path, got, want)
		}
	}
	// The training remembers its sets, and goes on with them.
	again := goOn(o.Out)
	again.Steps, again.Given = 3, given("steps")
	if r := finishes(t, again); len(r.Evals) != 2 || r.Evals[1].Name != "b" {
		t.Errorf("resumed: %+v", r.Evals)
	}
}

func demoTokenizer(t *testing.T) *tokenizer.Tokenizer {
	t.Helper()
	b, err := os.ReadFile("../fixtures/demo/tokenizer.json")
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.Load(b)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

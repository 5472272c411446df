package tokenizer

import (
	"bytes"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
)

// someTexts yields texts without an error.
func someTexts(texts ...string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, s := range texts {
			if !yield(s, nil) {
				return
			}
		}
	}
}

func trainingText(t testing.TB) string {
	t.Helper()
	var g golden
	readJSON(t, "gpt2.golden", &g)
	return strings.Repeat(strings.Join(g.Texts, "\n"), 2)
}

// plainTrain is the definition: count all pairs anew for every merge.
func plainTrain(t *testing.T, text string, size int, special string) []string {
	t.Helper()
	tr, err := newTrainer(TrainOptions{VocabSize: size, Specials: []string{special}})
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.feed(text); err != nil {
		t.Fatal(err)
	}
	tokens := slices.Clone(tr.tokens)
	for len(tokens) < size {
		counts := map[[2]int32]int64{}
		for _, w := range tr.words {
			for k := 0; k+1 < len(w.ids); k++ {
				counts[[2]int32{w.ids[k], w.ids[k+1]}] += w.count
			}
		}
		var best [2]int32
		most := int64(1)
		for p, n := range counts {
			if n > most || n == most && n > 1 && slices.Compare(p[:], best[:]) < 0 {
				best, most = p, n
			}
		}
		if most < 2 {
			break
		}
		id := int32(slices.Index(tokens, tokens[best[0]]+tokens[best[1]]))
		if id < 0 {
			id = int32(len(tokens))
			tokens = append(tokens, tokens[best[0]]+tokens[best[1]])
		}
		for i := range tr.words {
			w := &tr.words[i]
			for k := 0; k+1 < len(w.ids); k++ {
				if w.ids[k] == best[0] && w.ids[k+1] == best[1] {
					w.ids = slices.Replace(w.ids, k, k+2, id)
				}
			}
		}
	}
	return tokens
}

// TestTrainPlain compares the queue with counting anew. Text of few letters with long words makes pairs overlap.
func TestTrainPlain(t *testing.T) {
	for name, text := range map[string]string{
		"texts":   trainingText(t),
		"letters": strings.Repeat("banana bandana aaaa aaaaaaa abababab nanana ", 3) + "baaab aab",
	} {
		data, err := TrainBPE(someTexts(text), TrainOptions{VocabSize: 420, Specials: []string{"<|x|>"}})
		if err != nil {
			t.Fatal(err)
		}
		tok, err := Load(data)
		if err != nil {
			t.Fatal(err)
		}
		want := plainTrain(t, text, 420, "<|x|>")
		if name == "texts" && tok.VocabSize() != 420 {
			t.Errorf("%s: vocabulary of %d, wanted 420", name, tok.VocabSize())
		}
		if !slices.Equal(tok.tokens, want) {
			t.Errorf("%s: tokens %q, wanted %q", name, tok.tokens[257:], want[257:])
		}
		ids, err := tok.Encode(text, false)
		if err != nil {
			t.Fatal(err)
		}
		back, err := tok.Decode(ids, false)
		if err != nil || back != text {
			t.Errorf("%s: the text does not come back (%v)", name, err)
		}
	}
}

// TestTrainOrder: the order of the texts does not change the result.
func TestTrainOrder(t *testing.T) {
	a, b := trainingText(t), "other text, other words"
	o := TrainOptions{VocabSize: 400, Specials: []string{"<|endoftext|>"}}
	first, err := TrainBPE(someTexts(a, b), o)
	if err != nil {
		t.Fatal(err)
	}
	second, err := TrainBPE(someTexts(b, a), o)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Error("the order of the texts changes the tokenizer")
	}
	tok, err := Load(first)
	if err != nil {
		t.Fatal(err)
	}
	if got := tok.SpecialIDs(); !slices.Equal(got, []int32{0}) {
		t.Errorf("special ids %v, wanted [0]", got)
	}
}

func TestTrainRefuses(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		texts iter.Seq2[string, error]
		o     TrainOptions
	}{
		"no text":        {someTexts(""), TrainOptions{VocabSize: 300}},
		"small":          {someTexts("text"), TrainOptions{VocabSize: 256, Specials: []string{"<s>"}}},
		"huge":           {someTexts("text"), TrainOptions{VocabSize: maxID + 1}},
		"twice":          {someTexts("text"), TrainOptions{VocabSize: 300, Specials: []string{"<s>", "<s>"}}},
		"empty special":  {someTexts("text"), TrainOptions{VocabSize: 300, Specials: []string{""}}},
		"letter special": {someTexts("text"), TrainOptions{VocabSize: 300, Specials: []string{"a"}}},
		"bad source":     {func(yield func(string, error) bool) { yield("", broken) }, TrainOptions{VocabSize: 300}},
	} {
		if _, err := TrainBPE(c.texts, c.o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

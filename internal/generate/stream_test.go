package generate

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"famkit/internal/tokenizer"
)

// TestStream: the pieces of a continuation add up to what the tokenizer makes of it after the prompt, for text that
// breaks characters and words in all places.
func TestStream(t *testing.T) {
	files, err := filepath.Glob("../../fixtures/tokenizers/*.json")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d tokenizers, %v", len(files), err)
	}
	text := "Größe 🙂👩‍👩‍👧 naïve\n\n  日本語 end ñ. " + strings.Repeat("word ", 5)
	for _, f := range files {
		if filepath.Base(f) == "variants.json" {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		tok, err := tokenizer.Load(b)
		if err != nil {
			t.Fatal(err)
		}
		ids, err := tok.Encode(text, true)
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(1, 1))
		_, fallback := tok.TokenID("<0x41>")
		for n := range len(ids) {
			if before, err := tok.Decode(ids[:n], true); err != nil || strings.HasSuffix(before, "\uFFFD") {
				continue // inside a character
			}
			streamed(t, filepath.Base(f), tok, ids[:n], ids[n:])
			var noise []int32
			for len(noise) < 20 {
				if id := int32(r.IntN(tok.VocabSize())); !tok.IsSpecial(id) {
					if _, ok := tok.Token(id); ok {
						noise = append(noise, id)
					}
				}
			}
			if !fallback { // a byte's text depends on all bytes beside it, those that come included
				streamed(t, filepath.Base(f), tok, ids[:n], noise)
			}
		}
	}
}

func streamed(t *testing.T, name string, tok *tokenizer.Tokenizer, prompt, ids []int32) {
	t.Helper()
	s := NewStream(tok, prompt, false)
	var got strings.Builder
	add := func(text string, err error) {
		if err != nil {
			t.Fatal(err)
		}
		got.WriteString(text)
	}
	for _, id := range ids {
		add(s.Add(id))
	}
	add(s.End())
	before, err1 := tok.Decode(prompt, true)
	all, err2 := tok.Decode(append(append([]int32{}, prompt...), ids...), true)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if want := all[common(before, all):]; got.String() != want {
		t.Errorf("%s: after %q: streamed %q, wanted %q", name, before, got.String(), want)
	}
}

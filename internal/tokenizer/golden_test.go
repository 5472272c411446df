package tokenizer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const fixtureDir = "../../fixtures/tokenizers"

// goldenCase is what the tokenizers library gave for one text or one list of ids.
type goldenCase struct {
	IDs     []int32 `json:"ids"`
	Special []int32 `json:"special"`
	Decoded string  `json:"decoded"`
	Skipped string  `json:"skipped"`
}

type golden struct {
	Size  int          `json:"size"`
	Texts []string     `json:"texts"`
	Cases []goldenCase `json:"cases"`
	Noise []goldenCase `json:"noise"`
}

func readJSON(t testing.TB, name string, v any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(fixtureDir, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func loadFixture(t testing.TB, name string) *Tokenizer {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(fixtureDir, name))
	if err != nil {
		t.Fatal(err)
	}
	tok, err := Load(data)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return tok
}

// TestGolden compares every fixture with the real library's ids and decodings.
func TestGolden(t *testing.T) {
	names, _ := filepath.Glob(filepath.Join(fixtureDir, "*.json"))
	if len(names) < 14 {
		t.Fatalf("found %d fixtures in %s, wanted at least 14", len(names), fixtureDir)
	}
	for _, path := range names {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		t.Run(name, func(t *testing.T) {
			var g golden
			readJSON(t, name+".golden", &g)
			tok := loadFixture(t, name+".json")
			if tok.VocabSize() != g.Size {
				t.Errorf("vocabulary of %d, wanted %d", tok.VocabSize(), g.Size)
			}
			for i, text := range g.Texts {
				checkText(t, tok, text, g.Cases[i])
			}
			for _, c := range g.Noise {
				checkDecode(t, tok, c)
			}
		})
	}
}

func checkText(t *testing.T, tok *Tokenizer, text string, want goldenCase) {
	t.Helper()
	ids, err := tok.Encode(text, false)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(ids, want.IDs) {
		t.Errorf("%q: ids %v, wanted %v", text, ids, want.IDs)
	}
	ids, err = tok.Encode(text, true)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(ids, want.Special) {
		t.Errorf("%q: ids with special tokens %v, wanted %v", text, ids, want.Special)
	}
	checkDecode(t, tok, want)
}

func checkDecode(t *testing.T, tok *Tokenizer, want goldenCase) {
	t.Helper()
	for _, skip := range []bool{false, true} {
		text := want.Decoded
		if skip {
			text = want.Skipped
		}
		got, err := tok.Decode(want.IDs, skip)
		if err != nil {
			t.Fatal(err)
		}
		if got != text {
			t.Errorf("%v (skip %v): text %q, wanted %q", want.IDs, skip, got, text)
		}
	}
}

// TestVariants puts normalizers and pre-tokenizers in the place of those of plain.json.
func TestVariants(t *testing.T) {
	var variants []struct {
		Patch map[string]json.RawMessage `json:"patch"`
		IDs   [][]int32                  `json:"ids"`
	}
	readJSON(t, "variants.golden", &variants)
	var texts golden
	readJSON(t, "plain.golden", &texts)
	if len(variants) < 60 {
		t.Fatalf("found %d variants, wanted at least 60", len(variants))
	}
	for _, v := range variants {
		tok := loadPatched(t, "plain.json", v.Patch)
		for i, text := range texts.Texts {
			ids, err := tok.Encode(text, false)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(ids, v.IDs[i]) {
				t.Errorf("%s: %q: ids %v, wanted %v", v.Patch, text, ids, v.IDs[i])
			}
		}
	}
}

// patched is a fixture with some of its top-level values replaced.
func patched(t testing.TB, name string, patch map[string]json.RawMessage) []byte {
	t.Helper()
	base := map[string]json.RawMessage{}
	readJSON(t, name, &base)
	for k, v := range patch {
		base[k] = v
	}
	data, err := json.Marshal(base)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func loadPatched(t testing.TB, name string, patch map[string]json.RawMessage) *Tokenizer {
	t.Helper()
	tok, err := Load(patched(t, name, patch))
	if err != nil {
		t.Fatalf("%s: %v", patch, err)
	}
	return tok
}

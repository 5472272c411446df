package train

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"famkit/internal/fault"
	"famkit/internal/tokenizer"
)

// textModel is a folder with a tokenizer of 300 tokens, whose special ones are <s> (0) and <end> (1), a text, and a
// config.json with these lines in it.
func textModel(t *testing.T, lines string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	text := strings.Repeat("some words that repeat some words\n", 40)
	b, err := tokenizer.TrainBPE(func(yield func(string, error) bool) { yield(text, nil) },
		tokenizer.TrainOptions{VocabSize: 300, Specials: []string{"<s>", "<end>"}, MinFrequency: 2})
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, tokenizerFile), string(b))
	writeFile(t, filepath.Join(dir, "text.txt"), text)
	writeFile(t, filepath.Join(dir, configFile), `{"model_type": "llama", "vocab_size": 300, "hidden_size": 16,
		"intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 32`+lines+"}")
	for name, content := range files {
		writeFile(t, filepath.Join(dir, name), content)
	}
	return dir
}

func textOptions(dir string) Options {
	o := recordOptions("llama-tied", filepath.Join(dir, "out"))
	o.Model, o.Init, o.Tokenizer, o.Data, o.Batch, o.Seq, o.Steps = "", dir, dir, []string{filepath.Join(dir, "text.txt")},
		1, 8, 1
	return o
}

// TestSeparator: the id after each document is the one that files name, never a default of the architecture.
func TestSeparator(t *testing.T) {
	const ends = `{"bos_token": "<s>", "eos_token": "<end>"}`
	for name, c := range map[string]struct {
		config string
		files  map[string]string
		named  string
		want   string // id and who names it
	}{
		"the config's":         {`, "eos_token_id": 0, "bos_token_id": 1`, nil, "", "0 config.json: eos_token_id"},
		"the first of several": {`, "eos_token_id": [1, 0]`, nil, "", "1 config.json: eos_token_id"},
		"the tokenizer's":      {"", map[string]string{tokenizerConfig: ends}, "", "1 config.json: eos_token_id"},
		// completed from it
		"an object": {"", map[string]string{tokenizerConfig: `{"eos_token": {"content": "<end>"}}`}, "",
			"1 config.json: eos_token_id"},
		"the map's":              {"", map[string]string{specialTokens: ends}, "", "1 config.json: eos_token_id"},
		"the beginning of texts": {`, "bos_token_id": 0`, nil, "", "0 config.json: bos_token_id"},
		"named by its text":      {"", nil, "<end>", "1 given"},
		"named by its id":        {`, "eos_token_id": 1`, nil, "0", "0 given"},
	} {
		o := textOptions(textModel(t, c.config, c.files))
		o.Separator = c.named
		s := planOf(t, o).Data.Separator
		if got := fmt.Sprint(s.ID, " ", s.From); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestSeparatorRefusals(t *testing.T) {
	const ends = `{"eos_token": "<end>"}`
	for name, c := range map[string]struct {
		config string
		files  map[string]string
		named  string
		words  []string
	}{
		"nobody names one": {"", nil, "", []string{"no token ends a document", "--separator TOKEN",
			`"<s>" (0), "<end>" (1)`}},
		"null": {`, "eos_token_id": null, "bos_token_id": null`, nil, "",
			[]string{"no token ends a document"}},
		"an ordinary token": {`, "eos_token_id": 2`, map[string]string{tokenizerConfig: ends}, "",
			[]string{"eos_token_id is 2", "ordinary token", `"<end>" (1)`}},
		"no token": {`, "eos_token_id": 299`, map[string]string{}, "",
			[]string{"eos_token_id is 299", "no token"}},
		"a name that is none": {"", nil, "<eos>", []string{`"<eos>": no such token`, `"<s>" (0)`}},
		"an id that is none":  {"", nil, "4000", []string{"no such token"}},
		"a tokenizer's mistake": {"", map[string]string{tokenizerConfig: `{"eos_token": "<gone>"}`}, "",
			[]string{`eos_token "<gone>" is no token`}},
	} {
		o := textOptions(textModel(t, c.config, c.files))
		if name == "no token" { // the vocabulary is larger than the tokenizer
			b, err := os.ReadFile(filepath.Join(o.Init, configFile))
			if err != nil {
				t.Fatal(err)
			}
			writeFile(t, filepath.Join(o.Init, configFile), strings.Replace(strings.Replace(string(b), "300", "400", 1), "299",
				"399", 1))
			c.words[0] = "eos_token_id is 399"
		}
		o.Separator = c.named
		refused(t, name, o, fault.Input, c.words...)
	}
}

// TestNewModelsGetTheirSpecialIDs: a config.json without them gets the tokenizer's, and no default of the architecture
// reaches a file.
func TestNewModelsGetTheirSpecialIDs(t *testing.T) {
	ids := func(o Options) string {
		trained(t, o)
		var out []string
		for _, name := range []string{configFile, generationFile} {
			b, err := os.ReadFile(filepath.Join(o.Out, name))
			var v struct {
				BOS any `json:"bos_token_id"`
				EOS any `json:"eos_token_id"`
			}
			if err != nil || json.Unmarshal(b, &v) != nil {
				t.Fatal(err)
			}
			out = append(out, fmt.Sprint(v.BOS, " ", v.EOS))
		}
		return strings.Join(out, ", ")
	}
	named := map[string]string{tokenizerConfig: `{"bos_token": "<s>", "eos_token": "<end>"}`}
	o := textOptions(textModel(t, "", named))
	if p := planOf(t, o); len(p.Special) != 2 || !strings.Contains(p.Special[1], `eos_token_id 1, "<end>"`) {
		t.Errorf("the plan says %q", p.Special)
	}
	if got := ids(o); got != "0 1, 0 1" {
		t.Errorf("from the tokenizer: %s", got)
	}
	o = textOptions(textModel(t, `, "eos_token_id": 0`, nil))
	if got := ids(o); got != "<nil> 0, <nil> 0" {
		t.Errorf("one of its own: %s", got)
	}
	o = textOptions(textModel(t, "", nil))
	o.Separator = "<end>"
	if got := ids(o); got != "<nil> <nil>, <nil> <nil>" {
		t.Errorf("none anywhere: %s", got)
	}
	o = textOptions(textModel(t, `, "vocab_size": 300`, named))
	b, err := os.ReadFile(filepath.Join(o.Init, configFile))
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(o.Init, configFile), strings.Replace(strings.Replace(string(b), `"vocab_size": 300, `, "",
		1), "300", "258", 1))
	refused(t, "a vocabulary that is too small", o, fault.Input, "vocab_size 258 is too small for the tokenizer's")
}

// TestRowsAreShown: a dry run shows the rows of the first step as text, special tokens included.
func TestRowsAreShown(t *testing.T) {
	dir := textModel(t, `, "eos_token_id": 1`, nil)
	for i := range 9 {
		writeFile(t, filepath.Join(dir, fmt.Sprintf("%d.md", i)), "some words")
	}
	o := textOptions(dir)
	o.Data, o.Ext, o.Batch = []string{dir}, ".md", 2
	p := planOf(t, o)
	if len(p.Data.First) != 2 || !strings.Contains(p.Data.First[0], "<end>some words") {
		t.Errorf("rows %q", p.Data.First)
	}
	if p.Data.Files != 9 || p.Data.Documents != 9 {
		t.Errorf("counts %+v", p.Data.Counts)
	}
	// Ids without a tokenizer are shown as they are.
	if p := planOf(t, recordOptions("llama-tied", filepath.Join(dir, "out"))); !strings.HasPrefix(p.Data.First[0],
		"50 50 28 28") {
		t.Errorf("rows %q", p.Data.First)
	}
}

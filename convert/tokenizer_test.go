package convert

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"famkit/format"
	"famkit/internal/fault"
	"famkit/internal/gguftest"
	"famkit/internal/tokenizer"
)

// libraryFile is a tokenizer.json as the tokenizers library writes it.
type libraryFile struct {
	AddedTokens   []addedToken `json:"added_tokens"`
	Normalizer    any          `json:"normalizer"`
	PreTokenizer  any          `json:"pre_tokenizer"`
	PostProcessor any          `json:"post_processor"`
	Decoder       any          `json:"decoder"`
	Model         struct {
		Type         string
		Vocab        map[string]int
		Merges       []any
		UnkToken     any  `json:"unk_token"`
		FuseUnk      bool `json:"fuse_unk"`
		ByteFallback bool `json:"byte_fallback"`
		IgnoreMerges bool `json:"ignore_merges"`
		Dropout      any
		Prefix       any `json:"continuing_subword_prefix"`
		Suffix       any `json:"end_of_word_suffix"`
	} `json:"model"`
}

func parseTokenizer(t *testing.T, data []byte) *libraryFile {
	t.Helper()
	f := &libraryFile{}
	if err := json.Unmarshal(data, f); err != nil {
		t.Fatal(err)
	}
	for i, m := range f.Model.Merges { // lines and pairs mean the same
		if pair, ok := m.([]any); ok {
			f.Model.Merges[i] = pair[0].(string) + " " + pair[1].(string)
		}
	}
	return f
}

func libraryTokenizer(t *testing.T, name string) (*libraryFile, []byte) {
	t.Helper()
	data, err := os.ReadFile("../fixtures/tokenizers/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return parseTokenizer(t, data), data
}

// pairs gives the metadata that llama.cpp's converter would write for a tokenizer.
func (f *libraryFile) pairs(kind, pre string) []gguftest.Pair {
	tokens := make([]string, len(f.Model.Vocab))
	types := make([]int32, len(tokens))
	for t, id := range f.Model.Vocab {
		tokens[id], types[id] = t, tokenNormal
		if kind == "llama" && strings.HasPrefix(t, "<0x") {
			types[id] = 6
		}
	}
	for _, a := range f.AddedTokens {
		types[a.ID] = tokenControl
		if !a.Special {
			types[a.ID] = tokenUser
		}
	}
	merges := make([]string, len(f.Model.Merges))
	for i, m := range f.Model.Merges {
		merges[i] = m.(string)
	}
	p := []gguftest.Pair{gguftest.KV(tokenizerModel, kind), gguftest.KV(tokenizerTokens, tokens),
		gguftest.KV(tokenizerTypes, types), gguftest.KV(tokenizerMerges, merges)}
	if pre != "" {
		p = append(p, gguftest.KV(tokenizerPre, pre))
	}
	return p
}

// tokenizerSource converts a model whose embedding is as long as the tokenizer's vocabulary.
func tokenizerSource(t *testing.T, rows int, pairs []gguftest.Pair) (format.Source, error) {
	t.Helper()
	src, m := oracleModel(t, "llama-tied")
	f := modelGGUF(t, src, m)
	for i := range f.Tensors {
		if x := &f.Tensors[i]; x.Name == "token_embd.weight" {
			x.Dims[1], x.Data = uint64(rows), make([]byte, rows*m.Hidden*4)
		}
	}
	f.Pairs = slices.DeleteFunc(f.Pairs, func(p gguftest.Pair) bool {
		return slices.ContainsFunc(pairs, func(q gguftest.Pair) bool { return p.Key == q.Key })
	})
	f.Pairs = append(f.Pairs, pairs...)
	return FromGGUF(openFile(t, f))
}

// TestTokenizerJSON takes tokenizers that the real library wrote apart into metadata and gets the same file back.
func TestTokenizerJSON(t *testing.T) {
	template := gguftest.KV("tokenizer.chat_template", "{{ '<|im_start|>' }}\n")
	for _, c := range []struct {
		file, kind, pre string
		bos             uint32
	}{{"smollm2", "gpt2", "smollm", 0}, {"gpt2", "gpt2", "gpt-2", 0}, {"qwen2", "gpt2", "qwen2", 0},
		{"llama3", "gpt2", "llama-bpe", 1}, {"sentencepiece", "llama", "", 1}} {
		t.Run(c.file, func(t *testing.T) {
			want, wantData := libraryTokenizer(t, c.file)
			pairs := append(want.pairs(c.kind, c.pre), template, gguftest.KV("tokenizer.ggml.bos_token_id", c.bos),
				gguftest.KV("tokenizer.ggml.eos_token_id", c.bos), gguftest.KV("tokenizer.ggml.padding_token_id", uint32(0)))
			if c.kind == "llama" {
				pairs = append(pairs, gguftest.KV("tokenizer.ggml.unknown_token_id", uint32(0)))
			}
			src, err := tokenizerSource(t, len(want.Model.Vocab)+5, pairs)
			if err != nil {
				t.Fatal(err)
			}
			names := []string{"chat_template.jinja", "config.json", "generation_config.json", "special_tokens_map.json",
				"tokenizer.json", "tokenizer_config.json"}
			if got := fileNames(src); !slices.Equal(got, names) {
				t.Fatalf("files %v, wanted %v", got, names)
			}
			data, _ := format.ReadFile(src, "tokenizer.json")
			got := parseTokenizer(t, data)
			sameIDs(t, data, wantData)
			got.PostProcessor, want.PostProcessor = nil, nil // the library's is empty, or cuts offsets; sameIDs has its ids
			if !reflect.DeepEqual(got, want) {
				t.Errorf("tokenizer.json means\n%+v\nwanted\n%+v", got, want)
			}
			if text, _ := format.ReadFile(src, "chat_template.jinja"); string(text) != "{{ '<|im_start|>' }}\n" {
				t.Errorf("chat template %q", text)
			}
			config, _ := format.ReadFile(src, "tokenizer_config.json")
			if !strings.Contains(string(config), `"tokenizer_class": "PreTrainedTokenizerFast"`) ||
				strings.Contains(string(config), "add_bos_token") {
				t.Errorf("tokenizer_config.json: %s", config)
			}
		})
	}
}

// sameIDs encodes and decodes with both files.
func sameIDs(t *testing.T, gotData, wantData []byte) {
	t.Helper()
	got, err := tokenizer.Load(gotData)
	if err != nil {
		t.Fatal(err)
	}
	want, err := tokenizer.Load(wantData)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "a  1  22 333", "Don't <s>stop</s> <|endoftext|> now\r\n\t 你好 e\u0301 👍🏽 \x00",
		"   ", "x\n\n  y"} {
		for _, special := range []bool{false, true} {
			a, errA := got.Encode(text, special)
			b, errB := want.Encode(text, special)
			if errA != nil || errB != nil || !slices.Equal(a, b) {
				t.Errorf("%q, special %t: ids %v, wanted %v (%v, %v)", text, special, a, b, errA, errB)
			}
			x, _ := got.Decode(b, special)
			y, _ := want.Decode(b, special)
			if x != y {
				t.Errorf("decoding %v: %q, wanted %q", b, x, y)
			}
		}
	}
}

// TestTokenizerAround puts tokens before and after a text as the metadata says.
func TestTokenizerAround(t *testing.T) {
	file, _ := libraryTokenizer(t, "smollm2")
	for _, c := range []struct {
		bos, eos bool
		want     []int32
	}{{false, false, nil}, {true, false, []int32{5}}, {false, true, []int32{7}}, {true, true, []int32{5, 7}}} {
		src, err := tokenizerSource(t, 700, append(file.pairs("gpt2", "smollm"), gguftest.KV("tokenizer.ggml.bos_token_id",
			uint32(5)), gguftest.KV("tokenizer.ggml.eos_token_id", uint32(7)),
			gguftest.KV("tokenizer.ggml.add_bos_token", c.bos), gguftest.KV("tokenizer.ggml.add_eos_token", c.eos)))
		if err != nil {
			t.Fatal(err)
		}
		data, _ := format.ReadFile(src, "tokenizer.json")
		tok, err := tokenizer.Load(data)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tok.Encode("", true); !slices.Equal(got, c.want) || err != nil {
			t.Errorf("bos %t eos %t: %v, wanted %v (%v)", c.bos, c.eos, got, c.want, err)
		}
	}
}

// TestNamedTemplates: a model may have more than one chat template; other keys that begin alike are none.
func TestNamedTemplates(t *testing.T) {
	file, _ := libraryTokenizer(t, "smollm2")
	src, err := tokenizerSource(t, 700, append(file.pairs("gpt2", "smollm"), gguftest.KV("tokenizer.chat_template", "a"),
		gguftest.KV("tokenizer.chat_template.tool_use", "b"), gguftest.KV("tokenizer.chat_templates", []string{"tool_use"})))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"chat_template.jinja": "a",
		"additional_chat_templates/tool_use.jinja": "b"} {
		if got, _ := format.ReadFile(src, name); string(got) != want {
			t.Errorf("%s: %q, wanted %q", name, got, want)
		}
	}
	if n := len(fileNames(src)); n != 7 {
		t.Errorf("%d files: %v", n, fileNames(src))
	}
}

// TestMergesFromScores compares with the merges that transformers rebuilds.
func TestMergesFromScores(t *testing.T) {
	data, err := os.ReadFile("../fixtures/gguf/merges.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Tokens []string
		Scores []float64
		Merges [][2]string
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	v := &vocab{tokens: golden.Tokens, types: slices.Repeat([]int64{tokenNormal}, len(golden.Tokens))}
	if err := v.index(); err != nil {
		t.Fatal(err)
	}
	if got := v.mergesFromScores(golden.Scores); !slices.Equal(got, golden.Merges) || len(got) < 100 {
		t.Errorf("%d merges differ from the %d wanted", len(got), len(golden.Merges))
	}
}

// TestSentencePieceScores: without merges in the file they come from the scores; tokens that are not text take no part.
func TestSentencePieceScores(t *testing.T) {
	pairs := []gguftest.Pair{
		gguftest.KV(tokenizerModel, "llama"), gguftest.KV(tokenizerTokens, []string{"<unk>", "<s>", "</s>", "a", "b", "ab",
			"aba", "<", "s>", "[PAD9]"}),
		gguftest.KV(tokenizerTypes, []int32{2, 3, 3, 1, 1, 1, 1, 1, 1, 5}),
		gguftest.KV(tokenizerScores, []float32{0, 0, 0, -3, -4, -2, -1, -5, -6, 0}),
		gguftest.KV("tokenizer.ggml.unknown_token_id", uint32(0)), gguftest.KV("tokenizer.ggml.add_space_prefix", false),
	}
	src, err := tokenizerSource(t, 12, pairs)
	if err != nil {
		t.Fatal(err)
	}
	data, _ := format.ReadFile(src, "tokenizer.json")
	f := parseTokenizer(t, data)
	if !reflect.DeepEqual(f.Model.Merges, []any{"ab a", "a b"}) {
		t.Errorf("merges %v", f.Model.Merges)
	}
	if _, there := f.Model.Vocab["[PAD9]"]; there || len(f.Model.Vocab) != 9 || f.Model.UnkToken != "<unk>" ||
		!f.Model.ByteFallback {
		t.Errorf("%+v", f.Model)
	}
	if n := f.Normalizer.(map[string]any); n["type"] != "Replace" {
		t.Errorf("normalizer %v", n)
	}
}

// TestTokenizerRefusals breaks a sound tokenizer in one place each.
func TestTokenizerRefusals(t *testing.T) {
	file, _ := libraryTokenizer(t, "smollm2")
	for _, c := range []struct {
		name, want string
		pair       gguftest.Pair
	}{
		{"unknown kind", `wanted gpt2 (byte-level BPE) or llama (SentencePiece BPE), found "bert"`,
			gguftest.KV(tokenizerModel, "bert")},
		{"unknown pre", `"tokenizer.ggml.pre": wanted one of gpt-2, llama-bpe, qwen2, smollm, found "tekken"`,
			gguftest.KV(tokenizerPre, "tekken")},
		{"pre is no text", "wanted a string, found bool", gguftest.KV(tokenizerPre, true)},
		{"too few types", "wanted 700 entries as there are tokens, found 2", gguftest.KV(tokenizerTypes, []int32{1, 1})},
		{"no tokens", "wanted 1 to 700 tokens", gguftest.KV(tokenizerTokens, []string{})},
		{"merge of one", `entry 0: wanted two tokens with a space between, found "ab"`,
			gguftest.KV(tokenizerMerges, []string{"ab"})},
		{"merge to no token", `entry 0, "q" with "zzz": wanted tokens, found none called "zzz"`,
			gguftest.KV(tokenizerMerges, []string{"q zzz"})},
		{"merges are numbers", "wanted an array of strings, found an array of 1 int32",
			gguftest.KV(tokenizerMerges, []int32{1})},
		{"eos past the end", "wanted an id below the vocabulary of 700, found 700",
			gguftest.KV("tokenizer.ggml.eos_token_id", uint32(700))},
		{"template leads out", "wanted a name of letters, digits, - and _", gguftest.KV("tokenizer.chat_template.../../x",
			"t")},
		{"template is a number", "wanted a string, found uint32", gguftest.KV("tokenizer.chat_template", uint32(1))},
	} {
		t.Run(c.name, func(t *testing.T) {
			pairs := slices.DeleteFunc(file.pairs("gpt2", "smollm"), func(p gguftest.Pair) bool { return p.Key == c.pair.Key })
			_, err := tokenizerSource(t, 700, append(pairs, c.pair))
			if err == nil || !strings.Contains(err.Error(), c.want) || fault.KindOf(err) != fault.Input {
				t.Errorf("%v, wanted %s", err, c.want)
			}
		})
	}
	t.Run("no pre", func(t *testing.T) {
		if _, err := tokenizerSource(t, 700, file.pairs("gpt2", "")); err == nil ||
			!strings.Contains(err.Error(), `"tokenizer.ggml.pre" is missing`) {
			t.Error(err)
		}
	})
	for name, tokens := range map[string][]string{`token "a" is there twice, as 0 and 1`: {"a", "a"},
		`token 1: wanted UTF-8, found "\xff"`: {"a", "\xff"}} {
		_, err := tokenizerSource(t, 2, []gguftest.Pair{gguftest.KV(tokenizerModel, "gpt2"),
			gguftest.KV(tokenizerTokens, tokens),
			gguftest.KV("tokenizer.ggml.bos_token_id", uint32(1)), gguftest.KV("tokenizer.ggml.eos_token_id", uint32(1))})
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, wanted %s", err, name)
		}
	}
}

// TestSentencePieceIDs: converted from tokens and scores alone, text gets the ids that SentencePiece itself gives it.
func TestSentencePieceIDs(t *testing.T) {
	data, err := os.ReadFile("../fixtures/gguf/sentencepiece.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Tokens         []string
		Scores         []float32
		Types          []int32
		Texts, Decoded []string
		IDs            [][]int32
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	src, err := tokenizerSource(t, len(golden.Tokens), []gguftest.Pair{
		gguftest.KV(tokenizerModel, "llama"), gguftest.KV(tokenizerTokens, golden.Tokens),
		gguftest.KV(tokenizerScores, golden.Scores),
		gguftest.KV(tokenizerTypes, golden.Types), gguftest.KV("tokenizer.ggml.unknown_token_id", uint32(0)),
	})
	if err != nil {
		t.Fatal(err)
	}
	file, _ := format.ReadFile(src, "tokenizer.json")
	tok, err := tokenizer.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range golden.Texts {
		if strings.Contains(text, "<s>") || strings.Contains(text, "\x00") {
			continue // SentencePiece does not match special tokens in text, and takes NUL for the end
		}
		got, err := tok.Encode(text, false)
		if err != nil || !slices.Equal(got, golden.IDs[i]) {
			t.Errorf("%q: ids %v, wanted %v (%v)", text, got, golden.IDs[i], err)
		}
		if back, err := tok.Decode(golden.IDs[i], false); err != nil || back != golden.Decoded[i] {
			t.Errorf("%q: decoded %q, wanted %q (%v)", text, back, golden.Decoded[i], err)
		}
	}
	if got, err := tok.Encode("a", true); err != nil || len(got) < 2 || got[0] != 1 {
		t.Errorf("with special tokens %v (%v), wanted the beginning token first", got, err)
	}
}

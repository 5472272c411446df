package tokenizer

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"famkit/internal/fault"
)

const smallModel = `{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":[["a","b"]]}`

// TestRefused names what each file is refused for.
func TestRefused(t *testing.T) {
	nested := strings.Repeat(`{"type":"Sequence","normalizers":[`, 40) + `{"type":"NFC"}` + strings.Repeat(`]}`, 40)
	for name, c := range map[string]struct{ file, want string }{
		"not JSON":      {`{"model":`, "not a tokenizer.json"},
		"a list":        {`[]`, "not a tokenizer.json"},
		"trailing":      {`{} {}`, "not a tokenizer.json"},
		"no model":      {`{}`, "model is missing"},
		"WordPiece":     {`{"model":{"type":"WordPiece","vocab":{}}}`, `model "WordPiece" is not supported`},
		"Unigram":       {`{"model":{"type":"Unigram","vocab":[["a",0.5]]}}`, `model "Unigram" is not supported`},
		"dropout":       {`{"model":{"type":"BPE","dropout":0.1,"vocab":{},"merges":[]}}`, "dropout 0.1"},
		"negative id":   {`{"model":{"type":"BPE","vocab":{"a":-1},"merges":[]}}`, `token "a"`},
		"huge id":       {`{"model":{"type":"BPE","vocab":{"a":999999999},"merges":[]}}`, `token "a"`},
		"fractional id": {`{"model":{"type":"BPE","vocab":{"a":0.5},"merges":[]}}`, "model BPE"},
		"shared id": {`{"model":{"type":"BPE","vocab":{"a":0,"b":0},"merges":[]}}`,
			`tokens "a" and "b" both have id 0`},
		"merge of unknown": {`{"model":{"type":"BPE","vocab":{"a":0},"merges":["a b"]}}`,
			`merge 0: token "b" is not in the vocabulary`},
		"merge to unknown": {`{"model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":[["a","b"]]}}`, `give "ab"`},
		"merge of three":   {`{"model":{"type":"BPE","vocab":{"a":0},"merges":["a a a"]}}`, "wanted two tokens"},
		"merge list":       {`{"model":{"type":"BPE","vocab":{"a":0},"merges":[["a"]]}}`, "wanted two tokens"},
		"merge number":     {`{"model":{"type":"BPE","vocab":{"a":0},"merges":[7]}}`, "merge 0"},
		"unk":              {`{"model":{"type":"BPE","unk_token":"?","vocab":{"a":0},"merges":[]}}`, `unk_token "?"`},
		"word unk":         {`{"model":{"type":"WordLevel","vocab":{"a":0}}}`, "unk_token"},
		"normalizer": {`{"model":` + smallModel + `,"normalizer":{"type":"Precompiled","precompiled_charsmap":""}}`,
			`normalizer "Precompiled" is not supported`},
		"pre-tokenizer": {`{"model":` + smallModel + `,"pre_tokenizer":{"type":"UnicodeScripts"}}`,
			`pre-tokenizer "UnicodeScripts" is not supported`},
		"decoder": {`{"model":` + smallModel + `,"decoder":{"type":"CTC"}}`, `decoder "CTC" is not supported`},
		"post-processor": {`{"model":` + smallModel + `,"post_processor":{"type":"Other"}}`,
			`post-processor "Other" is not supported`},
		"no type":          {`{"model":` + smallModel + `,"decoder":{}}`, "decoder has no type"},
		"nested":           {`{"model":` + smallModel + `,"normalizer":` + nested + `}`, "nested more than"},
		"behaviour":        {`{"model":` + smallModel + `,"pre_tokenizer":{"type":"Split","pattern":{"String":"a"},"behavior":"Kept"}}`, `"Kept"`},
		"pattern":          {`{"model":` + smallModel + `,"pre_tokenizer":{"type":"Split","pattern":{},"behavior":"Removed"}}`, "pattern"},
		"regex":            {`{"model":` + smallModel + `,"pre_tokenizer":{"type":"Split","pattern":{"Regex":"("},"behavior":"Removed"}}`, `regular expression "("`},
		"scheme":           {`{"model":` + smallModel + `,"pre_tokenizer":{"type":"Metaspace","replacement":"_","prepend_scheme":"last"}}`, `"last"`},
		"schemes disagree": {`{"model":` + smallModel + `,"pre_tokenizer":{"type":"Metaspace","replacement":"_","prepend_scheme":"first","add_prefix_space":false}}`, "add_prefix_space is false"},
		"replacement": {`{"model":` + smallModel + `,"pre_tokenizer":{"type":"Metaspace","replacement":"__"}}`,
			"one character"},
		"strip": {`{"model":` + smallModel + `,"decoder":{"type":"Strip","content":"","start":1,"stop":0}}`,
			"one character"},
		"added id": {`{"model":` + smallModel + `,"added_tokens":[{"id":7,"content":"<s>"}]}`,
			`added token "<s>": wanted id 3 from its place, found 7`},
		"added in vocab": {`{"model":` + smallModel + `,"added_tokens":[{"id":1,"content":"a"}]}`,
			`added token "a": wanted id 0`},
		"added twice":       {`{"model":` + smallModel + `,"added_tokens":[{"id":3,"content":"c"},{"id":3,"content":"c","special":true}]}`, "occurs twice"},
		"added vanishes":    {`{"model":` + smallModel + `,"normalizer":{"type":"Strip"},"added_tokens":[{"id":3,"content":" ","normalized":true}]}`, "leaves nothing"},
		"template":          {`{"model":` + smallModel + `,"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>"}}],"special_tokens":{}}}`, `"<s>"`},
		"template id":       {`{"model":` + smallModel + `,"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>"}}],"special_tokens":{"<s>":{"ids":[9]}}}}`, "no token has id 9"},
		"template minus id": {`{"model":` + smallModel + `,"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>"}}],"special_tokens":{"<s>":{"ids":[-1]}}}}`, "negative id"},
	} {
		_, err := Load([]byte(c.file))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, wanted one that says %s", name, err, c.want)
			continue
		}
		if fault.KindOf(err) != fault.Input {
			t.Errorf("%s: kind %d, wanted an input error", name, fault.KindOf(err))
		}
	}
}

func TestLoadSmall(t *testing.T) {
	tok, err := Load([]byte(`{"model":` + smallModel + `}`))
	if err != nil {
		t.Fatal(err)
	}
	ids, err := tok.Encode("abba?ab", true)
	if err != nil || len(ids) != 4 {
		t.Errorf("ids %v (%v), wanted [2 1 0 2]", ids, err)
	}
	if _, err := tok.Decode([]int32{0, 3}, false); err == nil {
		t.Error("id 3 of 3 tokens: no error")
	}
	if _, err := tok.Decode([]int32{-1}, false); err == nil {
		t.Error("id -1: no error")
	}
	if id, ok := tok.TokenID("ab"); !ok || id != 2 {
		t.Errorf("ab has id %d %v, wanted 2", id, ok)
	}
	if _, ok := tok.TokenID("ba"); ok {
		t.Error("ba has an id")
	}
}

func TestTooLarge(t *testing.T) {
	if _, err := Load(bytes.Repeat([]byte{' '}, MaxFile+1)); err == nil || !strings.Contains(err.Error(),
		"wanted at most") {
		t.Errorf("error %v", err)
	}
}

// TestWordLevel is the trivial model.
func TestWordLevel(t *testing.T) {
	tok, err := Load([]byte(`{"model":{"type":"WordLevel","vocab":{"<unk>":0,"a":1,"b":2},"unk_token":"<unk>"},"pre_tokenizer":{"type":"Whitespace"}}`))
	if err != nil {
		t.Fatal(err)
	}
	ids, err := tok.Encode("b a  ab", false)
	if err != nil || len(ids) != 3 || ids[0] != 2 || ids[1] != 1 || ids[2] != 0 {
		t.Errorf("ids %v (%v), wanted [2 1 0]", ids, err)
	}
	if text, err := tok.Decode(ids, false); err != nil || text != "b a <unk>" {
		t.Errorf("text %q (%v)", text, err)
	}
}

// FuzzLoad: no file makes Load, Encode or Decode panic, and byte-level text comes back.
func FuzzLoad(f *testing.F) {
	for _, name := range []string{"plain.json", "metaspace-first.json", "suffixed.json"} {
		data, err := os.ReadFile(filepath.Join(fixtureDir, name))
		if err != nil {
			f.Fatal(err)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, data); err != nil {
			f.Fatal(err)
		}
		f.Add(compact.Bytes(), "Hello <s> world\x80 ")
	}
	f.Add([]byte(`{"model":`+smallModel+`,"normalizer":{"type":"Prepend","prepend":"▁"},"pre_tokenizer":{"type":"ByteLevel"},"decoder":{"type":"ByteLevel"}}`), "ab")
	f.Add([]byte(`{"model":`+smallModel+`,"decoder":{"type":"Strip","content":" ","start":1,"stop":2}}`), "a b")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		tok, err := Load(data)
		if err != nil {
			return
		}
		ids, err := tok.Encode(text, true)
		if err != nil {
			return
		}
		for _, id := range ids {
			if id < 0 || int(id) >= tok.VocabSize() {
				t.Fatalf("id %d of %d", id, tok.VocabSize())
			}
		}
		if _, err := tok.Decode(ids, true); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzRoundTrip: byte-level tokenizers give every text back.
func FuzzRoundTrip(f *testing.F) {
	tok := loadFixture(f, "smollm2.json")
	for _, s := range hardPieces {
		f.Add(s + s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ids, err := tok.Encode(text, true)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := tok.Decode(ids, false); err != nil || back != validText(text) {
			t.Fatalf("%q comes back as %q (%v)", text, back, err)
		}
	})
}

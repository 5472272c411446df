package tokenizer

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"famkit/internal/fault"
)

// hostileFile is a tokenizer of a, b and aa with parts put in.
func hostileFile(t *testing.T, parts map[string]any) []byte {
	t.Helper()
	file := map[string]any{"model": map[string]any{"type": "BPE", "unk_token": "?",
		"vocab": map[string]int{"?": 0, "a": 1, "b": 2, "aa": 3}, "merges": []string{"a a"}}}
	for k, v := range parts {
		file[k] = v
	}
	b, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type object = map[string]any

func replace(from, to string) object {
	return object{"type": "Replace", "pattern": object{"String": from}, "content": to}
}

func times(n int, part object) []object {
	list := make([]object, n)
	for i := range list {
		list[i] = part
	}
	return list
}

func splitBy(expr string) object {
	return object{"type": "Split", "pattern": object{"Regex": expr}, "behavior": "Isolated", "invert": false}
}

// TestWorkIsBounded: what multiplies a text, or takes long on it, is refused or done quickly; nothing is without end.
func TestWorkIsBounded(t *testing.T) {
	sequence := func(key string, list []object) object { return object{"type": "Sequence", key: list} }
	token := object{"id": 4, "content": strings.Repeat("a", 100_000) + "b"}
	byteLevel := object{"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}
	for name, c := range map[string]struct {
		parts object
		text  string
		words string // of the refusal; "": it is done
	}{
		"a grows tenfold, 20 times": {object{"normalizer": sequence("normalizers", times(20, replace("a", "aaaaaaaaaa")))},
			"a",
			"many times longer"},
		"regex grows": {object{"normalizer": sequence("normalizers", times(40, object{"type": "Replace",
			"pattern": object{"Regex": "a"}, "content": "aa"}))}, "a", "many times longer"},
		"prepends": {object{"normalizer": sequence("normalizers", times(60, object{"type": "Prepend",
			"prepend": strings.Repeat("x", 100_000)}))}, "a", "many times longer"},
		"grows an added token": {object{"normalizer": sequence("normalizers", times(40, replace("a", "aa"))),
			"added_tokens": []object{{"id": 4, "content": "aaaaaaaaa", "normalized": true}}}, "a", "many times longer"},
		"1000 normalizers": {object{"normalizer": sequence("normalizers", times(1000, object{"type": "NFC"}))}, "a",
			"1000 normalizers"},
		"1000 pre-tokenizers": {object{"pre_tokenizer": sequence("pretokenizers", times(1000, byteLevel))}, "a",
			"1000 pre-tokenizers"},
		"1000 decoders": {object{"decoder": sequence("decoders", times(1000, object{"type": "Fuse"}))}, "a",
			"1000 decoders"},
		"bytes of bytes": {object{"pre_tokenizer": sequence("pretokenizers", times(40, byteLevel))}, "é",
			"many times longer"},
		"decoder grows": {object{"decoder": sequence("decoders", times(20, replace("a", "aaaaaaaaaa")))}, "aaaaaaaa",
			"many times longer"},
		"nested plus": {object{"pre_tokenizer": splitBy("(a+)+$")}, strings.Repeat("a", 100_000) + "!", ""},
		"nested plus, many": {object{"pre_tokenizer": splitBy(`(a+)+c|\n`)}, strings.Repeat(strings.Repeat("a", 24)+"\n",
			4000), ""},
		"many counts": {object{"pre_tokenizer": splitBy("(?:a?){3000}a{3000}b")}, strings.Repeat("a", 300_000),
			"takes too many steps"},
		"long token":       {object{"added_tokens": []object{token}}, strings.Repeat("a", 400_000), ""},
		"template":         {object{"post_processor": template(24_000)}, strings.Repeat("a", 1000), "post-processor"},
		"nested templates": {object{"post_processor": sequence("processors", times(30, template(2)))}, "a", "post-processor"},
		"far id": {object{"model": object{"type": "BPE", "vocab": object{"a": 16_000_000}, "merges": []int{}}}, "a",
			"wanted an id below"},
		"long prefix": {object{"model": object{"type": "BPE", "vocab": object{"a": 0}, "merges": []int{},
			"continuing_subword_prefix": strings.Repeat("x", 1<<20)}}, "a", "prefix"},
		"long word": {object{}, strings.Repeat("a", 900_000), ""},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			err := roundTrip(hostileFile(t, c.parts), c.text)
			switch {
			case c.words == "" && err != nil, c.words != "" && (err == nil || !strings.Contains(err.Error(), c.words)):
				t.Errorf("%v, want %q", err, c.words)
			case err != nil && fault.KindOf(err) != fault.Input:
				t.Errorf("kind %d: %v", fault.KindOf(err), err)
			}
			if d := time.Since(began); d > 20*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}

func template(n int) object {
	return object{"type": "TemplateProcessing", "single": times(n, object{"Sequence": object{"id": "A", "type_id": 0}}),
		"pair": []int{}, "special_tokens": object{}}
}

func roundTrip(file []byte, text string) error {
	tok, err := Load(file)
	if err != nil {
		return err
	}
	ids, err := tok.Encode(text, true)
	if err != nil {
		return err
	}
	_, err = tok.Decode(ids, false)
	return err
}

// TestLongTokensManyTimes: a few ids of a long token are a long text.
func TestLongTokensManyTimes(t *testing.T) {
	tok, err := Load(hostileFile(t, object{"added_tokens": []object{{"id": 4, "content": strings.Repeat("x", 900_000)}}}))
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]int32, 10_000)
	for i := range ids {
		ids[i] = 4
	}
	if _, err := tok.Decode(ids, false); err == nil || !strings.Contains(err.Error(), fmt.Sprint(9_000_000_000)) {
		t.Error(err)
	}
	if s, err := tok.Decode(ids[:4], false); err != nil || len(s) != 3_600_003 {
		t.Errorf("%d bytes, %v", len(s), err)
	}
}

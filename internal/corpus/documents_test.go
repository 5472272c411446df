package corpus

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"famkit/internal/fault"
)

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(text))
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// bzipped is "hello\n", packed by bzip2 1.0.8.
const bzipped = "BZh91AY&SY\xc1\xc0\x80\xe2\x00\x00\x01A\x00\x00\x10\x02D\xa0\x00" +
	"0\xcd\x00\xc3F)\x97\x17rE8P\x90\xc1\xc0\x80\xe2"

func TestDocuments(t *testing.T) {
	const rows = "{\"text\": \"one\", \"id\": 1}\n\n{\"id\": 2, \"text\": \"two\\nlines\"}\n{\"text\": \"\"}\n"
	for _, c := range []struct {
		name, content string
		r             Reading
		want          []string
	}{
		{"a.txt", "plain", Reading{}, []string{"plain"}},
		{"a.txt", "\ufeffmarked", Reading{}, []string{"marked"}},
		{"a.txt", "{not json", Reading{}, []string{"{not json"}},
		{"a.go", "[]byte{1}", Reading{}, []string{"[]byte{1}"}},
		{"a.jsonl", rows, Reading{}, []string{"one", "two\nlines"}},
		{"a.ndjson", rows, Reading{}, []string{"one", "two\nlines"}},
		{"a.json", rows, Reading{}, []string{"one", "two\nlines"}},
		{"a.txt", rows, Reading{}, []string{"one", "two\nlines"}},
		{"one.jsonl", `{"text": "alone"}`, Reading{}, []string{"alone"}},
		{"a.jsonl", `{"body": "b", "text": "t"}`, Reading{TextField: "body"}, []string{"b"}},
		{"a.json", `[{"text": "x"}, {"text": "y"}]`, Reading{TextField: "text"}, []string{"x", "y"}},
		{"a.json", "{\n \"text\": \"x\"\n}", Reading{TextField: "text"}, []string{"x"}},
		{"a.json", `{"a": 1}`, Reading{AsText: true}, []string{`{"a": 1}`}},
		{"a.csv", "a,b\n", Reading{AsText: true}, []string{"a,b\n"}},
		{"a.txt.gz", zipped(t, "packed"), Reading{}, []string{"packed"}},
		{"a.jsonl.gz", zipped(t, rows), Reading{}, []string{"one", "two\nlines"}},
		{"nosuffix", zipped(t, "packed"), Reading{}, []string{"packed"}},
		{"a.bz2", bzipped, Reading{}, []string{"hello\n"}},
	} {
		path := filepath.Join(files(t, map[string]string{c.name: c.content}), c.name)
		got, why, err := c.r.documents(file{path, 1 << 20, true})
		if err != nil || why != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s %.30q %+v: %q, %v, %v; want %q", c.name, c.content, c.r, got, why, err, c.want)
		}
	}
}

// TestWhatIsNoProse: none of these is trained on; named it is refused with the words, in a folder it is passed over and
// told.
func TestWhatIsNoProse(t *testing.T) {
	for _, c := range []struct {
		name, content string
		words         []string
	}{
		{"a.json", `{"a": 1}`, []string{"JSON, not prose", "text-field", "as-text"}},
		{"a.txt", "[1,\n2]", []string{"JSON, not prose"}},
		{"a.json", "{broken", []string{"JSON, not prose"}},
		{"notes.ipynb", "{\n}", []string{"JSON, not prose"}},
		{"tokenizer.json", `{"version": "1.0", "added_tokens": [], "model": {"type": "BPE"}}`, []string{"a tokenizer"}},
		{"a.jsonl", "{\"body\": \"x\", \"n\": 1, \"title\": \"y\"}\n",
			[]string{`without a text field "text"`, `its text fields are "body", "title"`, "text-field"}},
		{"a.jsonl", `{"messages": []}`, []string{"no field of it holds text"}},
		{"a.jsonl", `{"text": ""}`, []string{"without text"}},
		{"a.csv", "a,b\n", []string{"a table", "as-text"}},
		{"a.parquet", "PAR1\x15\x04", []string{"a parquet file"}},
		{"a.npy", "\x93NUMPY\x01", []string{"a NumPy array"}},
		{"a.gguf", "GGUF\x03\x00", []string{"a GGUF model"}},
		{"a.zst", "\x28\xb5\x2f\xfd", []string{"zstd -d"}},
		{"a.xz", "\xfd7zXZ\x00", []string{"xz -d"}},
		{"a.pdf", "%PDF-1.7", []string{"a PDF"}},
		{"a.zip", "PK\x03\x04", []string{"a zip archive"}},
		{"a.gz.gz", zipped(t, zipped(t, "x")), []string{"packed twice"}},
		{"a.tar", strings.Repeat("\x00", 257) + "ustar\x0000", []string{"a tar archive"}},
		{"a.tar.gz", zipped(t, "name"+strings.Repeat("\x00", 253)+"ustar\x0000"), []string{"a tar archive"}},
		{"a.txt", "\xff\xfea\x00", []string{"UTF-16", "iconv"}},
		{"a.txt", "a\x00b", []string{"not UTF-8 text"}},
		{"a.txt", "\xe9t\xe9", []string{"not UTF-8 text"}},
		{"a.txt", "", []string{": empty"}},
		{"a.gz", zipped(t, ""), []string{": empty"}},
	} {
		dir := files(t, map[string]string{c.name: c.content, "z.md": "z"})
		path := filepath.Join(dir, c.name)
		o := testOptions(256, 1)
		_, _, err := o.read(context.Background(), []string{path})
		if err == nil || fault.KindOf(err) != fault.Input {
			t.Errorf("%s %.20q: %v, want a refused input", c.name, c.content, err)
			continue
		}
		for _, w := range append(c.words, c.name) {
			if text := err.Error() + " " + fault.HintOf(err); !strings.Contains(text, w) {
				t.Errorf("%s %.20q: %q is not in %q", c.name, c.content, w, text)
			}
		}
		list, counts, err := o.read(context.Background(), []string{dir})
		if err != nil || all(list) != fmt.Sprint([]int32{'z', 0}) || len(counts.Skipped) != 1 ||
			counts.Skipped[0].First != path {
			t.Errorf("%s %.20q in a folder: ids %v, %+v, %v", c.name, c.content, list, counts, err)
		}
	}
}

// TestRowsThatAreBroken: a file of JSON rows is never read in part, not even in a folder.
func TestRowsThatAreBroken(t *testing.T) {
	const good = `{"text": "good"}` + "\n"
	for name, c := range map[string]struct {
		content string
		r       Reading
		words   string
	}{
		"not JSON":      {good + `{"text": "go`, Reading{}, "line 2"},
		"field missing": {good + good + `{"txt": "x"}`, Reading{}, `line 3: wanted a text in the field "text", found none`},
		"no text":       {good + `{"text": 5}`, Reading{}, `found "5"`},
		"no object":     {good + `["text"]`, Reading{}, "line 2"},
		"key twice":     {good + `{"text": "a", "text": "b"}`, Reading{}, "duplicate"},
		"list":          {`[{"text": "a"}, {"n": 5}]`, Reading{TextField: "text"}, "row 2"},
	} {
		ext := map[bool]string{true: ".json", false: ".jsonl"}[name == "list"]
		dir := files(t, map[string]string{"a" + ext: c.content, "z.md": "z"})
		o := testOptions(256, 1)
		o.Reading = c.r
		for _, path := range []string{dir, filepath.Join(dir, "a"+ext)} {
			if _, _, err := o.read(context.Background(), []string{path}); fault.KindOf(err) != fault.Input || err == nil ||
				!strings.Contains(err.Error(), c.words) {
				t.Errorf("%s: %v, want %q", name, err, c.words)
			}
		}
	}
}

func TestPackedFilesThatExpandWithoutEnd(t *testing.T) {
	dir := files(t, map[string]string{"bomb.gz": zipped(t, strings.Repeat("a", 8<<20)),
		"cut.gz": zipped(t, strings.Repeat("text ", 900))[:30]})
	for name, words := range map[string]string{"bomb.gz": "more than 30 times", "cut.gz": "unexpected EOF"} {
		_, _, err := testOptions(256, 1).read(context.Background(), []string{filepath.Join(dir, name)})
		if fault.KindOf(err) != fault.Input || err == nil || !strings.Contains(err.Error(), words) ||
			!strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want a refused input with %q", name, err, words)
		}
	}
}

func TestOnlySkippedFiles(t *testing.T) {
	dir := files(t, map[string]string{"a.json": "{}", "b.json": "[]", "c.txt": ""})
	_, _, err := testOptions(256, 1).read(context.Background(), []string{dir})
	want := fmt.Sprintf("passed over: 2 JSON, not prose (%s), 1 empty (%s)", filepath.Join(dir, "a.json"),
		filepath.Join(dir, "c.txt"))
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
}

// TestTextsAreWhatTrainingReads: a tokenizer is trained on the documents that a model will be.
func TestTextsAreWhatTrainingReads(t *testing.T) {
	dir := files(t, map[string]string{"a.jsonl": `{"text": "a1"}` + "\n" + `{"text": "a2"}`, "b.txt": "b", "c.json": "{}",
		"d.txt.gz": zipped(t, "d")})
	var skipped []Skipped
	texts, size, err := Texts([]string{dir}, Reading{}, func(s []Skipped) { skipped = s })
	if err != nil || size == 0 {
		t.Fatal(size, err)
	}
	var got []string
	ends := 0
	for text, err := range texts {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, text.Text)
		if text.Last {
			ends++
		}
	}
	list, _, err := testOptions(256, 1).read(context.Background(), []string{dir})
	if want := []string{"a1", "a2", "b", "d"}; !slices.Equal(got, want) || ends != 3 || err != nil ||
		all(list) != fmt.Sprint([]int32{'a', '1', 0, 'a', '2', 0, 'b', 0, 'd', 0}) {
		t.Errorf("texts %q, %d files, ids %v, %v", got, ends, list, err)
	}
	if !reflect.DeepEqual(skipped, []Skipped{{"JSON, not prose", 1, filepath.Join(dir, "c.json")}}) {
		t.Errorf("skipped %+v", skipped)
	}
}

func TestDataThatIsNoFile(t *testing.T) {
	for _, path := range []string{"/dev/zero", "/dev/null"} {
		if _, _, err := testOptions(256, 1).read(context.Background(), []string{path}); fault.KindOf(err) != fault.Input ||
			err == nil || !strings.Contains(err.Error(), "neither a file nor a folder") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestDigestIsOfTheIDs: a larger vocabulary does not make other data of the same ids.
func TestDigestIsOfTheIDs(t *testing.T) {
	digest := func(vocab int, list ...int32) string {
		s := newIDs(vocab)
		if err := s.add(list, "", 0); err != nil {
			t.Fatal(err)
		}
		return s.digest()
	}
	if digest(1000, 1, 2) != digest(1<<20, 1, 2) || digest(1<<20, 1, 1<<17) == digest(1<<20, 1, 1<<18) ||
		digest(1000, 1, 2) == digest(1000, 1, 3) {
		t.Error("the digest is not one of the ids")
	}
}

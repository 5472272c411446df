package corpus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"famkit/format"
	"famkit/internal/fault"
	"famkit/internal/tensor"
)

// byteCoder gives each byte as its id, and fails on "!".
type byteCoder struct{}

func (byteCoder) EncodeAppend(dst []int32, text string) ([]int32, error) {
	if text == "!" {
		return dst, errors.New("cannot")
	}
	for _, b := range []byte(text) {
		dst = append(dst, int32(b))
	}
	return dst, nil
}

func testOptions(vocab, seq int) Options {
	return Options{Vocab: vocab, Seq: seq, Text: func() (Encoder, int32, error) { return byteCoder{}, 0, nil },
		Progress: func(string, int64, int64) {}}
}

// files writes name -> content below a new folder.
func files(t *testing.T, content map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range content {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func all(s *ids) string {
	out := make([]int32, s.len())
	s.copy(out, 0)
	return fmt.Sprint(out)
}

func TestTextIsTokenisedInOrderOfPaths(t *testing.T) {
	dir := files(t, map[string]string{"b.go": "b", "a/z.go": "az", "a/x_test.go": "no", "c.txt": "no", ".git/d.go": "no",
		"bad.go": "\xff", "empty.go": ""})
	o := testOptions(256, 4)
	o.Ext = ".go,!_test.go"
	list, counts, err := o.read(context.Background(), []string{dir})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := all(list), fmt.Sprint([]int32{'a', 'z', 0, 'b', 0}); got != want {
		t.Errorf("ids %s, want %s", got, want)
	}
	want := Counts{Files: 2, Documents: 2, Tokens: 5, Skipped: []Skipped{
		{"not UTF-8 text", 1, filepath.Join(dir, "bad.go")}, {"empty", 1, filepath.Join(dir, "empty.go")}}}
	if !reflect.DeepEqual(counts, want) {
		t.Errorf("counts %+v, want %+v", counts, want)
	}
}

func TestManyFilesKeepTheirOrder(t *testing.T) {
	content, want := map[string]string{}, []int32{}
	for i := range 300 {
		content[fmt.Sprintf("%03d", i)] = strings.Repeat(string(rune('A'+i%26)), 1+i%7)
	}
	for i := range 300 {
		for range 1 + i%7 {
			want = append(want, int32('A'+i%26))
		}
		want = append(want, 0)
	}
	list, _, err := testOptions(1<<17, 4).read(context.Background(), []string{files(t, content)})
	if err != nil {
		t.Fatal(err)
	}
	if got := all(list); got != fmt.Sprint(want) || list.wide == nil {
		t.Error("ids are not those of the files in order")
	}
}

func TestDataRefusals(t *testing.T) {
	dir := files(t, map[string]string{"a.txt": "hello", "empty": "", "binary": "\xff\xfa", "bang": "!",
		"short.bin": "\x01", "odd.raw": "123",
		"llmc.bin": string(llmc(llmcGPT2, 1, 7, make([]byte, 12)))})
	at := func(name string) []string { return []string{filepath.Join(dir, name)} }
	recordedWrong := filepath.Join(dir, "wrong.safetensors")
	writeTokens(t, recordedWrong, "other", tensor.I32, []int{1, 1, 5}, make([]byte, 20))
	recordedFlat := filepath.Join(dir, "flat.safetensors")
	writeTokens(t, recordedFlat, "tokens", tensor.I32, []int{5}, make([]byte, 20))
	recordedOutside := filepath.Join(dir, "outside.safetensors")
	writeTokens(t, recordedOutside, "tokens", tensor.I64, []int{1, 1, 5}, append(make([]byte, 33), 1, 0, 0, 0, 0, 0, 0))
	for _, c := range []struct {
		name  string
		data  []string
		alter func(*Options)
		words []string
	}{
		{"missing", at("nowhere"), nil, []string{"nowhere"}},
		{"empty file", at("empty"), nil, []string{"empty"}},
		{"not text", at("binary"), nil, []string{"not UTF-8"}},
		{"tokenizer fails", at("bang"), nil, []string{"bang", "cannot"}},
		{"too little", at("a.txt"), func(o *Options) { o.Seq = 100 }, []string{"6 tokens are too little", "101"}},
		{"too little beside the evaluation", at("a.txt"), func(o *Options) { o.Seq, o.EvalFraction = 5, 0.1 },
			[]string{"the evaluation takes one"}},
		{"no tokenizer", at("a.txt"), func(o *Options) {
			o.Text = func() (Encoder, int32, error) { return nil, 0, fault.Inputf("none here") }
		}, []string{"none here"}},
		{"outside the vocabulary", at("a.txt"), func(o *Options) { o.Vocab = 105 },
			[]string{"a.txt", "token 2 is id 108", "vocabulary of 105"}},
		{"nothing matches", []string{dir}, func(o *Options) { o.Ext = ".md" }, []string{"none ends in .md"}},
		{"type unknown", at("short.bin"), nil, []string{"short.bin", "token-dtype"}},
		{"odd size", at("odd.raw"), func(o *Options) { o.TokenDType = "uint16" }, []string{"3 bytes"}},
		{"llm.c size", at("llmc.bin"), nil, []string{"7 tokens", "1038", "1036"}},
		{"mixed", []string{dir}, nil, []string{"cannot be mixed"}},
		{"no tensor", []string{recordedWrong}, nil, []string{`no tensor "tokens"`}},
		{"flat tensor", []string{recordedFlat}, nil, []string{"I32 [5]"}},
		{"recorded outside", []string{recordedOutside}, nil, []string{"token 4", "outside"}},
		{"recorded length", []string{recordedOutside}, func(o *Options) { o.Seq = 9 }, []string{"rows of 5 ids, wanted 10"}},
	} {
		o := testOptions(256, 4)
		if c.alter != nil {
			c.alter(&o)
		}
		o.Paths = c.data
		_, err := Load(context.Background(), o)
		if err == nil || fault.KindOf(err) != fault.Input {
			t.Errorf("%s: got %v, want a refused input", c.name, err)
			continue
		}
		for _, w := range c.words {
			if text := err.Error() + " " + fault.HintOf(err); !strings.Contains(text, w) {
				t.Errorf("%s: %q is not in %q", c.name, w, text)
			}
		}
	}
}

func writeTokens(t *testing.T, path, name string, d tensor.DType, shape []int, data []byte) {
	t.Helper()
	m := &format.Memory{}
	m.AddBytes(tensor.Info{Name: name, DType: d, Shape: shape}, data)
	if _, err := format.Write(context.Background(), path, m, format.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
}

func llmc(magic, version, n uint32, data []byte) []byte {
	b := make([]byte, llmcHeader)
	for i, v := range []uint32{magic, version, n} {
		binary.LittleEndian.PutUint32(b[4*i:], v)
	}
	return append(b, data...)
}

func TestTokenFiles(t *testing.T) {
	dir := files(t, map[string]string{
		"raw16": "\x01\x00\x02\x01", "raw32": "\x01\x00\x00\x00\x02\x01\x00\x00",
		"gpt2.bin":   string(llmc(llmcGPT2, 1, 2, []byte{1, 0, 2, 1})),
		"llama3.bin": string(llmc(llmcLlama3, 7, 2, []byte{1, 0, 0, 0, 2, 1, 0, 0})),
	})
	for name, dtype := range map[string]string{"raw16": "uint16", "raw32": "uint32", "gpt2.bin": "", "llama3.bin": ""} {
		o := testOptions(1000, 1)
		o.TokenDType = dtype
		list, _, err := o.read(context.Background(), []string{filepath.Join(dir, name)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := all(list); got != "[1 258]" {
			t.Errorf("%s: ids %s", name, got)
		}
	}
}

// series is the list 0, 1, ... n-1.
func series(n int) *ids {
	s := newIDs(n)
	for i := range n {
		if err := s.add([]int32{int32(i)}, "", i); err != nil {
			panic(err)
		}
	}
	return s
}

func firsts(r Rows, from, n int64) (out []int32) {
	row := make([]int32, 5)
	for i := from; i < from+n; i++ {
		r.Row(row, i)
		out = append(out, row[0])
	}
	return out
}

func TestWindowsUseEveryTargetOnce(t *testing.T) {
	w := windows{series(22), 4, 4}
	if n := w.Count(); n != 5 {
		t.Fatalf("%d windows of 22 ids, want 5", n)
	}
	seen := map[int32]int{}
	row := make([]int32, 5)
	for i := range w.Count() {
		w.Row(row, i)
		for _, id := range row[1:] {
			seen[id]++
		}
	}
	for id := int32(1); id <= 20; id++ {
		if seen[id] != 1 {
			t.Errorf("id %d is a target %d times", id, seen[id])
		}
	}
	if n := (windows{series(4), 4, 4}).Count(); n != 0 {
		t.Errorf("%d windows of 4 ids, want none", n)
	}
}

func TestEveryEpochHasEveryRowInAnotherOrder(t *testing.T) {
	s := shuffled{windows{series(41), 4, 4}, 3}
	a, b := firsts(s, 0, 10), firsts(s, 10, 10)
	if slices.Equal(a, b) {
		t.Error("two epochs have the same order")
	}
	if !slices.Equal(a, firsts(s, 0, 10)) {
		t.Error("the order is not a function of the index")
	}
	slices.Sort(a)
	slices.Sort(b)
	if want := []int32{0, 4, 8, 12, 16, 20, 24, 28, 32, 36}; !reflect.DeepEqual(a, want) || !reflect.DeepEqual(b, want) {
		t.Errorf("epochs have rows %v and %v", a, b)
	}
}

func TestHeldOutRowsAreNotTrainedOn(t *testing.T) {
	w := windows{series(401), 4, 4}
	train, eval := holdOut(w, 0.1, 7)
	if train.Count() != 90 || eval.Count() != 10 {
		t.Fatalf("%d and %d rows, want 90 and 10", train.Count(), eval.Count())
	}
	a, b := firsts(train, 0, 90), firsts(eval, 0, 10)
	both := append(slices.Clone(a), b...)
	slices.Sort(both)
	if len(slices.Compact(both)) != 100 {
		t.Error("the parts overlap")
	}
	if slices.Max(b)-slices.Min(b) < 100 {
		t.Errorf("held-out rows %v are not spread over the data", b)
	}
}

func TestRecordedBatchesComeInTheirOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.safetensors")
	var b []byte
	for i := range int32(3 * 2 * 5) {
		b = binary.LittleEndian.AppendUint32(b, uint32(i))
	}
	writeTokens(t, path, "tokens", tensor.I32, []int{3, 2, 5}, b)
	o := testOptions(256, 4)
	o.Paths = []string{path}
	d, err := Load(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := firsts(d.Rows, 0, 8), []int32{0, 5, 10, 15, 20, 25, 0, 5}; !slices.Equal(got, want) {
		t.Errorf("rows begin with %v, want %v", got, want)
	}
}

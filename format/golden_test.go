package format

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"famkit/internal/tensor"
)

// stricter names the files that the Rust crate reads and famkit refuses, with the reason.
var stricter = map[string]string{
	"duplicate-name-same-entry.safetensors": "the format forbids duplicate names; the crate notices them only by their " +
		"offsets",
	"duplicate-metadata-key.safetensors": "the same, and the crate keeps the last value",
	"entry-as-list.safetensors":          "an entry spelled as a list is an accident of serde",
	"dtype-as-object.safetensors":        "a dtype spelled as an object is an accident of serde",
	"empty-of-2-to-64.safetensors":       "a dimension that no signed integer holds",
}

// The crate's own verdict on every case, taken by testdata/golden.py, is famkit's, but for what stricter names.
func TestVerdictsOfTheCrate(t *testing.T) {
	data, err := os.ReadFile("testdata/verdicts.json")
	if err != nil {
		t.Fatal(err)
	}
	var verdicts map[string]*string
	if err := json.Unmarshal(data, &verdicts); err != nil {
		t.Fatal(err)
	}
	have := append(fixtureFiles(t, malformedDir, refusedFiles()), fixtureFiles(t, acceptedDir, acceptedFiles())...)
	if len(have) != len(verdicts) {
		t.Errorf("%d files, %d verdicts; run testdata/golden.py", len(have), len(verdicts))
	}
	for _, path := range have {
		name := filepath.Base(path)
		verdict, ok := verdicts[name]
		if !ok {
			t.Errorf("%s: no verdict; run testdata/golden.py", name)
			continue
		}
		h, err := Open(path)
		if err == nil {
			_ = h.Close()
		}
		_, exempt := stricter[name]
		switch {
		case exempt && (verdict != nil || err == nil):
			t.Errorf("%s: listed as read by the crate and refused here, found %v and %v", name, verdict, err)
		case !exempt && (verdict == nil) != (err == nil):
			t.Errorf("%s: famkit says %v, the crate %v", name, err, verdict)
		}
	}
}

// crateFile is a file of the crate's making with 17 element types and names that need care.
func crateFile(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/crate.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// What famkit reads of the crate's file and writes again is that file, bit for bit, whatever the order it comes in.
func TestWritesWhatTheCrateWrites(t *testing.T) {
	want := crateFile(t)
	h, err := readHeader(bytes.NewReader(want), int64(len(want)), "crate")
	if err != nil {
		t.Fatal(err)
	}
	if len(h.entries) != 29 || h.meta["format"] != "pt" {
		t.Errorf("%d tensors, metadata %v", len(h.entries), h.meta)
	}
	var list []placed
	for i := range h.entries {
		list = append([]placed{{info: h.entries[i].info()}}, list...)
	}
	layout(list)
	got, err := appendHeader(nil, list, h.meta)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want[:h.start]) {
		t.Errorf("header\n%s\nwant\n%s", got, want[:h.start])
	}
}

// Every element type survives a round trip, those that no other Go reader knows included.
func TestAllDTypesRoundTrip(t *testing.T) {
	src := &Memory{}
	for d := tensor.Bool; d <= tensor.U64; d++ {
		info := tensor.Info{Name: d.String(), DType: d, Shape: []int{2, 4}}
		data := make([]byte, info.Size())
		for i := range data {
			data[i] = byte(int(d)*16 + i)
		}
		src.AddBytes(info, data)
	}
	if n := len(src.Names()); n != 22 {
		t.Fatalf("%d element types, want 22", n)
	}
	dst := filepath.Join(t.TempDir(), "all.safetensors")
	got := writeOpen(t, dst, src, WriteOptions{})
	sameSource(t, got, src)
}

package format

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"famkit/internal/fault"
)

// raw is a file: a length prefix, a header and data.
func raw(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

// prefixed is a header behind a length that need not be its own.
func prefixed(n uint64, rest string) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, n), rest...)
}

func manyOnOneRange(n int, shape string, size int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"w%d":{"dtype":"F32","shape":%s,"data_offsets":[0,%d]}`, i, shape, size)
	}
	return "{" + b.String()[1:] + "}"
}

// A headerCase is a file and a part of the error that it must give; "" means it is read.
type headerCase struct {
	name string
	file []byte
	want string
}

const oneF32 = `{"dtype":"F32","shape":[1],"data_offsets":[0,4]}`

// headerCases are the Rust crate's own unit cases, its attacks, and what its README forbids. fixtures/malformed holds
// the small ones as files.
func headerCases() []headerCase {
	return []headerCase{
		// The crate's unit tests.
		{"empty-header", raw(`{}      `, 0), ""},
		{"metadata-only", raw(`{"__metadata__":{"framework":"pt"}}     `, 0), ""},
		{"metadata-null", raw(`{"__metadata__":null}`, 0), ""},
		{"whitespace-trailing", raw("{}\r \t\n", 0), ""},
		{"whitespace-leading", raw("\t\n {}", 0), ""},
		{"empty-shape", raw(`{"test":{"dtype":"I32","shape":[],"data_offsets":[0,4]}}`, 4), ""},
		{"deserialization", raw(`{"test":{"dtype":"I32","shape":[2,2],"data_offsets":[0,16]}}`, 16), ""},
		{"zero-sized", raw(`{"test":{"dtype":"I32","shape":[2,0],"data_offsets":[0, 0]}}`, 0), ""},
		{"fp4", raw(`{"attn.0":{"dtype":"F4","shape":[1,2],"data_offsets":[0,1]}}`, 1), ""},
		{"fp4-misaligned", raw(`{"attn.0":{"dtype":"F4","shape":[1,3],"data_offsets":[0,1]}}`, 1), "misaligned"},
		{"fp4-invalid", raw(`{"attn.0":{"dtype":"F4","shape":[1,2],"data_offsets":[0,2]}}`, 2), "wants 1 bytes"},
		{"attack-10-on-one-range", raw(manyOnOneRange(10, "[2,2]", 16), 16), `invalid offset for tensor "w1"`},
		{"extra-bytes", append(raw(`{"test":`+oneF32+`}`, 4), "extra_bogus_data_for_polyglot_file"...), "not fully covered"},
		{"missing-2-bytes", raw(`{"test":{"dtype":"I32","shape":[2,2],"data_offsets":[0,16]}}`, 14), "truncated"},
		{"header-too-large", []byte("<\x00\x00\x00\x00\xff\xff\xff"), "header too large"},
		{"header-too-small", []byte{}, "header too small"},
		{"header-7-bytes", []byte("\x02\x00\x00\x00\x00\x00\x00"), "header too small"},
		{"invalid-header-length", []byte("<\x00\x00\x00\x00\x00\x00\x00"), "invalid header length"},
		{"non-utf8", []byte("\x01\x00\x00\x00\x00\x00\x00\x00\xff"), "invalid UTF-8"},
		{"not-json", []byte("\x01\x00\x00\x00\x00\x00\x00\x00{"), "invalid header"},
		{"invalid-info", raw(`{"test":{"dtype":"I32","shape":[2,2],"data_offsets":[0,4]}}`, 4), "wants 16 bytes"},
		{"overflow-elements", raw(`{"test":{"dtype":"I32","shape":[2,18446744073709551614],"data_offsets":[0,16]}}`, 16),
			"overflow"},
		{"overflow-bytes", raw(`{"test":{"dtype":"I32","shape":[2,9223372036854775807],"data_offsets":[0,16]}}`, 16),
			"overflow"},
		{"truncated-header", prefixed(200, `{"a":`), "invalid header length"},
		{"data-offset-overflow", raw(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[18446744073709551612,18446744073709551615]}}`, 4), "invalid offset"},
		// Attacks.
		{"length-1000-on-small-file", prefixed(1000, "{}"), "invalid header length"},
		{"length-max", prefixed(1<<64-1, "{}"), "header too large"},
		{"length-cap-plus-1", prefixed(headerCap+1, "{}"), "header too large"},
		{"length-cap", prefixed(headerCap, "{}"), "invalid header length"},
		{"length-0", prefixed(0, ""), "wanted an object"},
		// Offsets.
		{"hole", raw(`{"a":`+oneF32+`,"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}`, 12),
			`invalid offset for tensor "b": wanted a beginning at 4`},
		{"overlap", raw(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12), `tensor "b"`},
		{"not-at-0", raw(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), "wanted a beginning at 0"},
		{"end-before-begin", raw(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[0],"data_offsets":[4,0]}}`, 4), `tensor "b"`},
		{"outside", raw(`{"a":{"dtype":"F32","shape":[1000],"data_offsets":[0,4000]}}`, 8), "truncated"},
		{"zero-sized-between", raw(`{"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`, 4), ""},
		{"any-order", raw(`{"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},"a":`+oneF32+`}`, 8), ""},
		{"unaligned", raw(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}}`, 5), ""},
		// Numbers.
		{"negative-offset", raw(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}`, 4), "unsigned"},
		{"negative-shape", raw(`{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}`, 4), "unsigned"},
		{"float-shape", raw(`{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}`, 4), "unsigned"},
		{"exponent-shape", raw(`{"a":{"dtype":"F32","shape":[1e0],"data_offsets":[0,4]}}`, 4), "unsigned"},
		{"leading-zero", raw(`{"a":{"dtype":"F32","shape":[01],"data_offsets":[0,4]}}`, 4), "unsigned"},
		{"offset-2-to-64", raw(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551616]}}`, 4), "unsigned"},
		{"one-offset", raw(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}`, 4), "wanted 2 numbers"},
		{"three-offsets", raw(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}`, 4), "wanted 2 numbers"},
		// Names and keys.
		{"duplicate-name", raw(`{"a":`+oneF32+`,"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8),
			`duplicate tensor name "a"`},
		{"duplicate-name-same-entry", raw(`{"a":`+oneF32+`,"a":`+oneF32+`}`, 4), `duplicate tensor name "a"`},
		{"duplicate-name-escaped", raw(`{"a":`+oneF32+`,"\u0061":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8),
			`duplicate tensor name "a"`},
		{"duplicate-key", raw(`{"a":{"dtype":"F32","dtype":"I32","shape":[1],"data_offsets":[0,4]}}`, 4),
			`duplicate key "dtype"`},
		{"duplicate-metadata-key", raw(`{"__metadata__":{"a":"1","a":"2"}}`, 0), `duplicate key "a"`},
		{"duplicate-metadata", raw(`{"__metadata__":{},"__metadata__":{}}`, 0), `duplicate tensor name "__metadata__"`},
		{"bad-utf8-name", raw("{\"a\xff\":"+oneF32+"}", 4), "invalid UTF-8"},
		{"lone-surrogate", raw(`{"\ud800":`+oneF32+`}`, 4), "surrogate"},
		{"swapped-surrogates", raw(`{"\udc00\ud800":`+oneF32+`}`, 4), "surrogate"},
		{"surrogate-pair", raw(`{"\ud83d\ude00":`+oneF32+`}`, 4), ""},
		{"control-in-name", raw("{\"a\x01\":"+oneF32+"}", 4), "control character"},
		{"bad-escape", raw(`{"\x":`+oneF32+`}`, 4), "invalid escape"},
		{"unknown-key", raw(`{"a":{"dtype":"F32","extra":[1,{"x":null},"s",-1.5e3,true,false],"shape":[1],"data_offsets":[0,4]}}`, 4), ""},
		{"unknown-key-deep", raw(`{"a":{"dtype":"F32","x":`+strings.Repeat("[", 200)+strings.Repeat("]",
			200)+`,"shape":[1],"data_offsets":[0,4]}}`, 4), "nest deeper"},
		{"unknown-key-125-deep", raw(`{"a":{"dtype":"F32","x":`+strings.Repeat("[", 125)+strings.Repeat("]",
			125)+`,"shape":[1],"data_offsets":[0,4]}}`, 4), ""},
		{"unknown-key-126-deep", raw(`{"a":{"dtype":"F32","x":`+strings.Repeat("[", 126)+strings.Repeat("]",
			126)+`,"shape":[1],"data_offsets":[0,4]}}`, 4), "nest deeper"},
		{"unknown-key-huge-number", raw(`{"a":{"dtype":"F32","x":1e999,"shape":[1],"data_offsets":[0,4]}}`, 4),
			"out of range"},
		{"entry-as-list", raw(`{"a":["F32",[1],[0,4]]}`, 4), "wanted an object"},
		{"dtype-as-object", raw(`{"a":{"dtype":{"F32":null},"shape":[1],"data_offsets":[0,4]}}`, 4), "wanted a string"},
		{"empty-of-2-to-64", raw(`{"a":{"dtype":"F32","shape":[0,18446744073709551615],"data_offsets":[0,0]}}`, 0),
			"overflow"},
		{"unknown-dtype", raw(`{"a":{"dtype":"F128","shape":[1],"data_offsets":[0,16]}}`, 16), `unknown dtype "F128"`},
		{"lower-case-dtype", raw(`{"a":{"dtype":"f32","shape":[1],"data_offsets":[0,4]}}`, 4), `unknown dtype "f32"`},
		{"missing-dtype", raw(`{"a":{"shape":[1],"data_offsets":[0,4]}}`, 4), `missing key "dtype"`},
		{"missing-shape", raw(`{"a":{"dtype":"F32","data_offsets":[0,4]}}`, 4), `missing key "shape"`},
		{"missing-offsets", raw(`{"a":{"dtype":"F32","shape":[1]}}`, 4), `missing key "data_offsets"`},
		{"null-shape", raw(`{"a":{"dtype":"F32","shape":null,"data_offsets":[0,4]}}`, 4), "wanted an array"},
		{"null-entry", raw(`{"a":null}`, 0), "wanted an object"},
		{"metadata-number", raw(`{"__metadata__":{"a":1}}`, 0), "wanted a string"},
		{"metadata-list", raw(`{"__metadata__":[]}`, 0), "wanted an object"},
		{"metadata-as-tensor", raw(`{"__metadata__":`+oneF32+`}`, 4), "wanted a string"},
		// JSON.
		{"null-header", raw(`null`, 0), "wanted an object"},
		{"list-header", raw(`[]`, 0), "wanted an object"},
		{"empty-name", raw(`{"":`+oneF32+`}`, 4), ""},
		{"trailing-nul", raw("{}\x00\x00", 0), "after the header's end"},
		{"trailing-text", raw("{} {}", 0), "after the header's end"},
		{"trailing-comma", raw(`{"a":`+oneF32+`,}`, 4), "wanted a string"},
		{"bom", raw("\ufeff{}", 0), "wanted an object"},
		{"comment", raw(`{/**/}`, 0), "wanted a string"},
		{"unended-string", raw(`{"a`, 0), "does not end"},
	}
}

func TestHeaderCases(t *testing.T) {
	for _, c := range headerCases() {
		_, err := readHeader(bytes.NewReader(c.file), int64(len(c.file)), "f.safetensors")
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: refused: %v", c.name, err)
		case c.want != "" && err == nil:
			t.Errorf("%s: read, want an error with %q", c.name, c.want)
		case c.want != "" && (!strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "f.safetensors: ")):
			t.Errorf("%s: error %q, want one of f.safetensors with %q", c.name, err, c.want)
		case c.want != "" && fault.KindOf(err) != fault.Input:
			t.Errorf("%s: kind %d, want Input", c.name, fault.KindOf(err))
		}
	}
}

const malformedDir = "../fixtures/malformed"

const acceptedDir = "testdata/accepted"

// acceptedFiles are the small cases that are read.
func acceptedFiles() map[string][]byte {
	files := map[string][]byte{}
	for _, c := range headerCases() {
		if c.want == "" && len(c.file) < 4096 {
			files[c.name+suffix] = c.file
		}
	}
	return files
}

// refusedFiles are the small refused cases, and the downloads gone wrong, as files.
func refusedFiles() map[string][]byte {
	files := map[string][]byte{}
	for _, c := range headerCases() {
		if c.want != "" && len(c.file) < 4096 {
			files[c.name+suffix] = c.file
		}
	}
	for name, text := range foreignFiles {
		files[name+suffix] = []byte(text)
	}
	return files
}

// fixtureFiles compares a folder with what the cases say; UPDATE_FIXTURES=1 writes it.
func fixtureFiles(t *testing.T, dir string, want map[string][]byte) []string {
	t.Helper()
	if os.Getenv("UPDATE_FIXTURES") != "" {
		for name, data := range want {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	have, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil {
		t.Fatal(err)
	}
	if len(have) != len(want) {
		t.Errorf("%d files in %s, want %d; UPDATE_FIXTURES=1 writes them", len(have), dir, len(want))
	}
	for _, path := range have {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(data, want[filepath.Base(path)]) {
			t.Errorf("%s differs from its case", path)
		}
	}
	return have
}

// TestMalformedFixtures opens every file of fixtures/malformed; the error must name it.
func TestMalformedFixtures(t *testing.T) {
	have := fixtureFiles(t, malformedDir, refusedFiles())
	for _, path := range have {
		h, err := Open(path)
		if err == nil {
			_ = h.Close()
			t.Errorf("%s: opened", path)
		} else if fault.KindOf(err) != fault.Input || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error of kind %d does not name the file: %v", path, fault.KindOf(err), err)
		}
	}
}

var foreignFiles = map[string]string{
	"zero-length": "",
	"git-lfs-pointer": "version https://git-lfs.github.com/spec/v1\noid " +
		"sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n",
	"html-page":   "<!DOCTYPE html>\n<html><head><title>503</title></head><body>Service unavailable</body></html>\n",
	"html-bare":   "\n<html>\n<h1>404</h1></html>",
	"json-error":  `{"error":"Repository not found"}`,
	"json-pretty": "{\n  \"error\": \"Invalid credentials in Authorization header\"\n}\n",
	"not-found":   "Entry not found",
}

func TestForeignFilesAreNamed(t *testing.T) {
	for name, want := range map[string]string{
		"zero-length": "the file is empty", "git-lfs-pointer": "found a git-lfs pointer",
		"html-page": "found an HTML or XML page",
		"html-bare": "found an HTML or XML page", "json-error": "found JSON text", "json-pretty": "found JSON text",
		"not-found": "found a download error message",
	} {
		path := filepath.Join(t.TempDir(), "model.safetensors")
		if err := os.WriteFile(path, []byte(foreignFiles[name]), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, open := range []string{path, filepath.Dir(path)} {
			if _, err := Open(open); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want one with %q", name, err, want)
			} else if fault.HintOf(err) == "" {
				t.Errorf("%s: no hint", name)
			}
		}
	}
}

// A large header is read without decoding it into maps, and a hostile one does not cost more than its size.
func TestLargeHeaders(t *testing.T) {
	var b bytes.Buffer
	const n = 200_000
	for i := range n {
		fmt.Fprintf(&b, `,"model.layers.%d.mlp.experts.w":{"dtype":"BF16","shape":[2,1],"data_offsets":[%d,%d]}`, i, 4*i,
			4*i+4)
	}
	text := "{" + b.String()[1:] + "}"
	file := raw(text, 4*n)
	h, err := readHeader(bytes.NewReader(file), int64(len(file)), "f")
	if err != nil || len(h.entries) != n {
		t.Fatal(err)
	}
	e := h.entries[n-1]
	if e.name != fmt.Sprintf("model.layers.%d.mlp.experts.w", n-1) || e.begin != 4*(n-1) || len(e.shape) != 2 ||
		e.shape[0] != 2 {
		t.Errorf("last entry %+v", e)
	}
	allocs := testing.AllocsPerRun(1, func() { _, _ = readHeader(bytes.NewReader(file), int64(len(file)), "f") })
	if allocs > 1.5*n { // a name each, the rest in slabs
		t.Errorf("%.0f allocations for %d tensors", allocs, n)
	}
	file = raw(manyOnOneRange(100_000, "[200,200]", 160_000), 160_000)
	if _, err := readHeader(bytes.NewReader(file), int64(len(file)), "f"); err == nil ||
		!strings.Contains(err.Error(), `invalid offset for tensor "w1"`) {
		t.Errorf("100,000 tensors on one range: %v", err)
	}
}

// Shapes share slabs; a rank beyond a slab must not run into its neighbours.
func TestHugeRank(t *testing.T) {
	ones := strings.TrimSuffix(strings.Repeat("1,", 10_000), ",")
	text := `{"a":` + oneF32 + `,"b":{"dtype":"F32","shape":[` + ones + `],"data_offsets":[4,8]},"c":{"dtype":"F32","shape":[1,1],"data_offsets":[8,12]}}`
	file := raw(text, 12)
	h, err := readHeader(bytes.NewReader(file), int64(len(file)), "f")
	if err != nil {
		t.Fatal(err)
	}
	for i, rank := range []int{1, 10_000, 2} {
		if len(h.entries[i].shape) != rank {
			t.Errorf("tensor %d has rank %d, want %d", i, len(h.entries[i].shape), rank)
		}
	}
}

func FuzzHeader(f *testing.F) {
	for _, c := range headerCases() {
		if len(c.file) < 4096 {
			f.Add(c.file)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := readHeader(bytes.NewReader(data), int64(len(data)), "f")
		if err != nil {
			if fault.KindOf(err) != fault.Input {
				t.Fatalf("kind %d: %v", fault.KindOf(err), err)
			}
			return
		}
		var at uint64
		seen := map[string]bool{}
		for _, e := range h.entries {
			info := e.info()
			n, err := info.Bytes()
			if err != nil || uint64(n) != e.end-e.begin || e.begin != at || seen[e.name] {
				t.Fatalf("accepted a bad entry %+v: %v", e, err)
			}
			at, seen[e.name] = e.end, true
		}
		if h.start+int64(at) != int64(len(data)) {
			t.Fatalf("accepted a file of %d bytes that ends at %d", len(data), h.start+int64(at))
		}
	})
}

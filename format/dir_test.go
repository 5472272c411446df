package format

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"famkit/internal/fault"
	"famkit/internal/tensor"
)

// put writes files into a new directory and gives its path.
func put(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
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

// st is a safetensors file with one U8 element for each name.
func st(t *testing.T, names ...string) string {
	t.Helper()
	var list []placed
	for _, n := range names {
		list = append(list, placed{info: tensor.Info{Name: n, DType: tensor.U8, Shape: []int{1}}})
	}
	layout(list)
	b, err := appendHeader(nil, list, map[string]string{"format": "pt"})
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + strings.Repeat("x", len(names))
}

// ix is an index with metadata, of pairs tensor, file.
func ix(pairs ...string) string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	b, _ := json.Marshal(map[string]any{"metadata": map[string]any{"total_size": len(m)}, "weight_map": m})
	return string(b)
}

func openNames(t *testing.T, path string) (names, files, warnings []string) {
	t.Helper()
	h, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	if h.Path() != path {
		t.Errorf("path %s, want %s", h.Path(), path)
	}
	return h.Names(), slices.Sorted(maps.Keys(maps.Collect(h.Files()))), h.Warnings()
}

func TestFileChoice(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		open  string
		want  string // tensors, side files, part of the warning
	}{
		{"single file", map[string]string{"model.safetensors": st(t, "a"), "config.json": "{}"}, "", "[a] [config.json] "},
		{"no config", map[string]string{"model.safetensors": st(t, "a"), "tokenizer.json": "{}"}, "",
			"[a] [tokenizer.json] "},
		{"index", map[string]string{"s1.safetensors": st(t, "b"), "s2.safetensors": st(t, "a"),
			indexFile: ix("a", "s2.safetensors", "b", "s1.safetensors")}, "", "[b a] [] "},
		{"by index name", map[string]string{"s1.safetensors": st(t, "b"), "my.safetensors.index.json": ix("b",
			"s1.safetensors")}, "my.safetensors.index.json", "[b] [] "},
		{"stale file", map[string]string{"model.safetensors": st(t, "old"), "s1.safetensors": st(t, "b"),
			indexFile: ix("b", "s1.safetensors")}, "", "[old] [] stale"},
		{"named by config", map[string]string{"model.safetensors": st(t, "old"), "ema.safetensors": st(t, "e"),
			"config.json": `{"transformers_weights":"ema.safetensors"}`}, "", "[e] [config.json] "},
		{"index named by config", map[string]string{"x/s1.safetensors": st(t, "b"),
			"x/w.safetensors.index.json": ix("b", "s1.safetensors"),
			"config.json":                `{"transformers_weights":"x/w.safetensors.index.json"}`}, "", "[b] [config.json] "},
		{"the model file", map[string]string{"model.safetensors": st(t, "a"), "config.json": "{}"}, "model.safetensors",
			"[a] [config.json] "},
		{"another file", map[string]string{"model.safetensors": st(t, "a"), "other.safetensors": st(t, "o"),
			"config.json": "{}"}, "other.safetensors", "[o] [] "},
		{"lone file", map[string]string{"model.safetensors": st(t, "a"), "tokenizer.json": "{}"}, "model.safetensors",
			"[a] [] "},
		{"one shard", map[string]string{"model-00001-of-00002.safetensors": st(t, "a"), indexFile: ix("a", "x"),
			"config.json": "{}"}, "model-00001-of-00002.safetensors", "[a] [] is one shard"},
		{"no index metadata", map[string]string{"s.safetensors": st(t, "a"),
			indexFile: `{"weight_map":{"a":"s.safetensors"}}`}, "", "[a] [] has no metadata"},
		{"wrong total", map[string]string{"s.safetensors": st(t, "a"),
			indexFile: `{"metadata":{"total_size":7},"weight_map":{"a":"s.safetensors"}}`}, "", "[a] [] total_size is 7"},
	} {
		path := filepath.Join(put(t, c.files), c.open)
		names, files, warnings := openNames(t, path)
		got := fmt.Sprint(names, " ", files, " ")
		want, warning, _ := strings.Cut(c.want, "] [")
		wantFiles, warning, _ := strings.Cut(warning, "] ")
		if got != want+"] ["+wantFiles+"] " || (warning == "") != (len(warnings) == 0) ||
			!strings.Contains(strings.Join(warnings, ";"), warning) {
			t.Errorf("%s: %s, warnings %q, want %s", c.name, got, warnings, c.want)
		}
	}
}

func TestDirectoryRefusals(t *testing.T) {
	s := "s.safetensors"
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"empty":         {map[string]string{}, "found neither"},
		"only pytorch":  {map[string]string{"pytorch_model.bin": "x"}, "found neither"},
		"missing shard": {map[string]string{indexFile: ix("a", s)}, "no such file"},
		"missing tensor": {map[string]string{s: st(t, "a"), indexFile: ix("a", s, "b", s)},
			`names tensor "b", which no shard holds`},
		"tensor not in map": {map[string]string{s: st(t, "a", "c"), indexFile: ix("a", s)}, `holds tensor "c", which`},
		"tensor elsewhere": {map[string]string{s: st(t, "a", "b"), "r.safetensors": st(t, "c"),
			indexFile: ix("a", s, "b", "r.safetensors", "c", "r.safetensors")}, "puts into r.safetensors"},
		"tensor twice": {map[string]string{s: st(t, "a", "b"), "r.safetensors": st(t, "a"),
			indexFile: ix("a", "r.safetensors", "b", s)}, "is in two files"},
		"duplicate in map": {map[string]string{s: st(t, "a"),
			indexFile: `{"metadata":{},"weight_map":{"a":"s.safetensors","a":"s.safetensors"}}`},
			`duplicate key "a" in "weight_map"`},
		"traversal": {map[string]string{indexFile: ix("a", "../s.safetensors")}, "leads out of the checkpoint"},
		"absolute":  {map[string]string{indexFile: ix("a", "/etc/passwd")}, "leads out of the checkpoint"},
		"hidden traversal": {map[string]string{indexFile: ix("a", "x/../../s.safetensors")},
			"leads out of the checkpoint"},
		"backslash":         {map[string]string{indexFile: ix("a", `..\s.safetensors`)}, "leads out of the checkpoint"},
		"shard is a page":   {map[string]string{s: "<html>", indexFile: ix("a", s)}, "HTML"},
		"shard is cut":      {map[string]string{s: st(t, "a")[:96], indexFile: ix("a", s)}, "truncated"},
		"index is a page":   {map[string]string{indexFile: "<html>"}, "not valid JSON"},
		"index is a list":   {map[string]string{indexFile: "[]"}, "wanted an object"},
		"index without map": {map[string]string{indexFile: `{"metadata":{}}`}, "no weight_map"},
		"another case":      {map[string]string{indexFile: `{"Weight_Map":{}}`}, `wanted "weight_map"`},
		"weights case": {map[string]string{"config.json": `{"Transformers_Weights":"s.safetensors"}`},
			`wanted "transformers_weights"`},
		"map of numbers": {map[string]string{indexFile: `{"weight_map":{"a":1}}`}, `wanted a string in "weight_map.a"`},
		"config leads out": {map[string]string{"config.json": `{"transformers_weights":"../x.safetensors"}`},
			"leads out of the checkpoint"},
		"config names a bin": {map[string]string{"x.bin": "", "config.json": `{"transformers_weights":"x.bin"}`},
			"wanted a safetensors file or index"},
		"config names nothing": {map[string]string{"model.safetensors": st(t, "a"),
			"config.json": `{"transformers_weights":"x.safetensors"}`}, "no such file"},
	} {
		dir := put(t, c.files)
		h, err := Open(dir)
		if err == nil {
			_ = h.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) ||
			fault.KindOf(err) != fault.Input {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "absent")); err == nil || fault.KindOf(err) != fault.Input {
		t.Errorf("absent: %v", err)
	}
	if _, err := Open("/dev/null"); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a device: %v", err)
	}
}

func TestLinksThatLeadOut(t *testing.T) {
	secret := filepath.Join(put(t, map[string]string{"secret": st(t, "a")}), "secret")
	for _, name := range []string{"s.safetensors", "tokenizer.json"} {
		dir := put(t, map[string]string{indexFile: ix("a", "s.safetensors")})
		if name != "s.safetensors" {
			if err := os.WriteFile(filepath.Join(dir, "s.safetensors"), []byte(st(t, "a")), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(secret, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "a link that leads out") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHubCache(t *testing.T) {
	dir := filepath.Join(put(t, map[string]string{
		"models--o--n/blobs/w1": st(t, "a"), "models--o--n/blobs/c1": "{}", "models--o--n/refs/main": "abc",
		"models--o--n/snapshots/other/x": "",
	}), "models--o--n")
	snap := filepath.Join(dir, "snapshots", "abc")
	if err := os.MkdirAll(snap, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, blob := range map[string]string{"s.safetensors": "w1", "config.json": "c1"} {
		if err := os.Symlink("../../blobs/"+blob, filepath.Join(snap, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(snap, indexFile), []byte(ix("a", "s.safetensors")), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, snap} {
		names, files, _ := openNames(t, path)
		if fmt.Sprint(names, files) != "[a] [config.json]" {
			t.Errorf("%s: %v %v", path, names, files)
		}
	}
	if err := os.Remove(filepath.Join(dir, "refs", "main")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "there are 2") {
		t.Errorf("two snapshots without a ref: %v", err)
	}
}

func TestSideFilesThatTravel(t *testing.T) {
	files := map[string]string{"model.safetensors": st(t, "a")}
	yes := []string{"LICENSE", "README.md", "added_tokens.json", "chat_template.jinja", "chat_templates/tool.jinja",
		"config.json", "generation_config.json",
		"merges.txt", "plan.json", "proof.json", "special_tokens_map.json", "tokenizer.json", "tokenizer.model",
		"tokenizer_config.json", "vocab.json"}
	no := []string{"optimizer.safetensors", "optimizer.pt", "trainer_state.json", "training_args.bin",
		"model-00001-of-00009.safetensors", "pytorch_model.bin",
		"pytorch_model.bin.index.json", ".gitattributes", "notes/x.json", "log.jsonl", "m.gguf", "rng_state.json"}
	for _, name := range append(slices.Clone(yes), no...) {
		files[name] = name
	}
	_, got, _ := openNames(t, put(t, files))
	if !slices.Equal(got, yes) {
		t.Errorf("side files %v, want %v", got, yes)
	}
}

func TestSideFileTooLarge(t *testing.T) {
	dir := put(t, map[string]string{"model.safetensors": st(t, "a"), "vocab.json": ""})
	if err := os.Truncate(filepath.Join(dir, "vocab.json"), sideFileCap+1); err != nil {
		t.Fatal(err)
	}
	_, files, warnings := openNames(t, dir)
	if len(files) != 0 || len(warnings) != 1 || !strings.Contains(warnings[0], "vocab.json") {
		t.Errorf("side files %v, warnings %v", files, warnings)
	}
}

// A file that is cut after it was opened gives an error, not zeros.
func TestFileCutWhileOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.safetensors")
	h := writeOpen(t, path, sample(1, 4, 1<<16), WriteOptions{})
	if err := os.Truncate(path, 3000); err != nil {
		t.Fatal(err)
	}
	if _, err := Digests(context.Background(), h); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("reading a cut file: %v", err)
	}
}

func TestSectionBounds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.safetensors")
	h := writeOpen(t, path, one("a", 1, 2, 3), WriteOptions{})
	x, err := h.Tensor("a")
	if err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 8)
	if n, err := x.ReadAt(p, 1); n != 2 || err == nil || err.Error() != "EOF" || p[0] != 2 || p[2] != 0 {
		t.Errorf("read %d bytes %v past the end: %v", n, p, err)
	}
	for _, off := range []int64{-1, 4} {
		if _, err := x.ReadAt(p, off); err == nil {
			t.Errorf("offset %d of 3 bytes accepted", off)
		}
	}
	if _, err := h.Tensor("b"); err == nil || fault.KindOf(err) != fault.Input {
		t.Errorf("no tensor: %v", err)
	}
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte(ix("a", "s.safetensors")))
	f.Add([]byte(`{"weight_map":{"a":"../x"}}`))
	f.Add([]byte(`{"weight_map":{"a":"s.safetensors","a":"s"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, _, err := parseIndex(data)
		if err == nil && (len(m) == 0 || !json.Valid(data)) {
			t.Fatalf("accepted %q", data)
		}
	})
}

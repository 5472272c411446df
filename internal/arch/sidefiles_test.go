package arch_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/tensor"
)

// folder writes a small llama as a folder, with other files beside it; config goes through change.
func folder(t *testing.T, o format.WriteOptions, meta map[string]string, change func(*arch.Config),
	files map[string]string) string {
	t.Helper()
	src, err := archtest.Random(3, archtest.Configs["llama"], tensor.F32)
	if err != nil {
		t.Fatal(err)
	}
	c, err := arch.ParseConfig([]byte(archtest.Configs["llama"]))
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(c)
	}
	dir := filepath.Join(t.TempDir(), "m")
	out := format.WithFiles(src, map[string][]byte{"config.json": c.Bytes()})
	if _, err := format.Write(context.Background(), dir, out, o); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if meta != nil { // in the header's room, which ends in blanks
		rewriteMeta(t, filepath.Join(dir, "model.safetensors"), meta)
	}
	return dir
}

func rewriteMeta(t *testing.T, path string, meta map[string]string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	old := []byte(`"format":"pt"`)
	text := fmt.Sprintf(`"format":"%s"`, meta["format"])
	at := strings.Index(string(b), string(old))
	if at < 0 || len(text) != len(old) {
		t.Fatal("no place for the metadata")
	}
	copy(b[at:], text)
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func bound(t *testing.T, dir string) *arch.Checkpoint {
	t.Helper()
	h, err := format.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	ck, err := arch.Bind(h)
	if err != nil {
		t.Fatal(err)
	}
	return ck
}

func fatal(found []arch.Finding) string {
	var says []string
	for _, f := range found {
		if f.Fatal {
			says = append(says, f.Text)
		}
	}
	return strings.Join(says, "\n")
}

// TestSideFilesThatLoadersObey puts files beside a child's weights.
func TestSideFilesThatLoadersObey(t *testing.T) {
	parent := bound(t, folder(t, format.WriteOptions{}, nil, nil, nil))
	float32s := func(c *arch.Config) { c.Set("torch_dtype", "float32") }
	for name, tc := range map[string]struct {
		files  map[string]string
		meta   map[string]string
		change func(*arch.Config)
		want   string // a part of a fatal finding, "" for none
		fact   string // what a fact speaks of
	}{
		"nothing":      {fact: "config.json"},
		"adapter":      {files: map[string]string{"adapter_config.json": "{}"}, want: "where peft is installed"},
		"another case": {files: map[string]string{"Adapter_Config.JSON": "{}"}, want: "where peft is installed"},
		"distributed": {files: map[string]string{"shard-00001-model-00001-of-00001.safetensors": ""},
			want: "distributed checkpoint"},
		"quantised":     {files: map[string]string{"hf_quant_config.json": "{}"}, want: "quantised"},
		"other weights": {files: map[string]string{"pytorch_model.bin": ""}, fact: "pytorch_model.bin"},
		"fp16 variant":  {files: map[string]string{"model.fp16.safetensors": ""}, fact: "model.fp16.safetensors"},
		"own generate":  {files: map[string]string{"custom_generate/generate.py": ""}, want: "transformers 4 unasked"},
		"code unnamed":  {files: map[string]string{"modeling_x.py": ""}, fact: "modeling_x.py"},
		"temperature": {files: map[string]string{"generation_config.json": `{"temperature": 0.5}`},
			fact: "generation_config.json temperature"},
		"quantised cache": {files: map[string]string{"generation_config.json": `{"cache_implementation": "quantized"}`},
			want: "generation_config.json: cache_implementation: wanted null"},
		"unknown setting": {files: map[string]string{"generation_config.json": `{"x": 1}`},
			want: "generation_config.json: x: wanted nothing as in the parent"},
		"broken settings": {files: map[string]string{"generation_config.json": `{`},
			want: "the child's generation_config.json: not valid JSON"},
		"twice": {files: map[string]string{"generation_config.json": `{"top_k":1,"top_k":2}`},
			want: "duplicate key"},
		"tokenizer":    {files: map[string]string{"tokenizer.json": "{}"}, fact: "tokenizer.json"},
		"tensorflow's": {meta: map[string]string{"format": "tf"}, want: `format: wanted pt, found "tf"`},
		"mlx":          {meta: map[string]string{"format": "XX"}, want: `format: wanted pt, found "XX"`},
		"as F32":       {change: float32s, fact: "config.json torch_dtype"},
	} {
		ck := bound(t, folder(t, format.WriteOptions{}, tc.meta, tc.change, tc.files))
		facts, found := arch.CompareLoaded(parent, ck)
		if got := fatal(found); tc.want == "" && got != "" || !strings.Contains(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
		spoken := slices.ContainsFunc(facts, func(f arch.Fact) bool {
			return strings.HasPrefix(strings.TrimSpace(f.File+" "+f.Key), tc.fact) && (tc.fact == "config.json" ||
				f.Differs())
		})
		if tc.fact != "" && !spoken {
			t.Errorf("%s: no fact speaks of %s: %+v", name, tc.fact, facts)
		}
		if _, noted, err := arch.Check(ck.Source); err != nil || (tc.want != "" && !strings.Contains(tc.want,
			"as in the parent")) != (len(noted) > 0 && noted[0].Code == arch.Obeyed) {
			t.Errorf("%s: inspect notes %v, %v", name, noted, err)
		}
	}
}

// TestOwnCode: code that auto_map names must be the parent's, byte for byte.
func TestOwnCode(t *testing.T) {
	named := func(c *arch.Config) {
		o := arch.EmptyConfig()
		o.Set("AutoModelForCausalLM", "modeling_x.X")
		c.Set("auto_map", o)
	}
	with := func(text string) *arch.Checkpoint {
		return bound(t, folder(t, format.WriteOptions{}, nil, named, map[string]string{"modeling_x.py": text}))
	}
	parent := with("pass")
	if _, found := arch.CompareLoaded(parent, with("pass")); fatal(found) != "" {
		t.Errorf("the same code: %s", fatal(found))
	}
	if _, found := arch.CompareLoaded(parent, with("raise")); !strings.Contains(fatal(found),
		"modeling_x.py: wanted the parent's file") {
		t.Errorf("other code: %q", fatal(found))
	}
	_, noted, err := arch.Check(parent.Source)
	if err != nil || len(noted) != 1 || noted[0].Code != arch.OwnCode {
		t.Errorf("inspect notes %v, %v", noted, err)
	}
}

// TestLoadedAs: which types loaders choose; `make interop` asks the loaders themselves.
func TestLoadedAs(t *testing.T) {
	sharded := format.WriteOptions{MaxShard: 2000}
	for name, tc := range map[string]struct {
		o      format.WriteOptions
		dtype  string
		index  string
		want   string
		rounds bool
	}{
		"nothing said":            {want: "F32 F32 F32"},
		"bfloat16":                {dtype: "bfloat16", want: "F32 BF16 BF16", rounds: true},
		"float64":                 {dtype: "float64", want: "F32 F64 F64"},
		"shards":                  {o: sharded, want: "F32 F32 F32"},
		"the index":               {o: sharded, index: `"float16"`, want: "F32 INVALID F16", rounds: true},
		"the config before index": {o: sharded, index: `"float16"`, dtype: "float32", want: "F32 F32 F32"},
		"an index of nonsense":    {o: sharded, index: `7`, want: "F32 INVALID INVALID"},
	} {
		dir := folder(t, tc.o, nil, func(c *arch.Config) {
			if tc.dtype != "" {
				c.Set("dtype", tc.dtype)
			}
		}, nil)
		if tc.index != "" {
			path := filepath.Join(dir, "model.safetensors.index.json")
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			text := strings.Replace(string(b), `"metadata": {`, `"metadata": {"dtype": `+tc.index+`,`, 1)
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		ck := bound(t, dir)
		var types []string
		rounds := false
		for _, l := range ck.LoadedAs() {
			types = append(types, l.Type)
			rounds = rounds || l.Rounds
		}
		if got := strings.Join(types, " "); got != tc.want || rounds != tc.rounds {
			t.Errorf("%s: %s, rounds %v, want %s, %v", name, got, rounds, tc.want, tc.rounds)
		}
		_, found := arch.CompareLoaded(ck, ck)
		if bad := fatal(found); (bad != "") != (tc.index != "" && tc.dtype == "") {
			t.Errorf("%s: %q", name, bad)
		}
	}
}

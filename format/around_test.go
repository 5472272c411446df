package format

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestAround(t *testing.T) {
	dir := put(t, map[string]string{
		"config.json": "{}", "b.safetensors": st(t, "x", "m"), "a.safetensors": st(t, "z", "k"),
		indexFile: `{"metadata":{"dtype":"float16","total_size":16},"weight_map":{"x":"b.safetensors","m":"b.safetensors","z":"a.safetensors","k":"a.safetensors"}}`,
		".hidden": "", "pytorch_model.bin": "", "adapter_config.json": "{}", "optimizer.safetensors": "",
	})
	if err := os.MkdirAll(filepath.Join(dir, "custom_generate"), 0o755); err != nil {
		t.Fatal(err)
	}
	h, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	a, ok := AroundOf(h)
	if !ok || !slices.Equal(a.Weights, []string{"a.safetensors", "b.safetensors"}) || !slices.Equal(a.First,
		[]string{"k", "z"}) {
		t.Errorf("%v %+v", ok, a)
	}
	if string(a.Index["dtype"]) != `"float16"` || len(a.Meta) != 2 {
		t.Errorf("metadata %s %v", a.Index, a.Meta)
	}
	want := []string{".hidden", "custom_generate/", indexFile, "optimizer.safetensors", "pytorch_model.bin"}
	if !slices.Equal(a.Others, want) {
		t.Errorf("others %v, want %v", a.Others, want)
	}
	lone, err := Open(filepath.Join(dir, "b.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lone.Close() }()
	if _, ok := AroundOf(lone); ok {
		t.Error("a file by itself has something around it")
	}
}

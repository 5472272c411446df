package format

import (
	"path/filepath"
	"reflect"
	"testing"

	"famkit/internal/tensor"
)

func TestSummarize(t *testing.T) {
	src := &Memory{}
	src.AddBytes(tensor.Info{Name: "a", DType: tensor.BF16, Shape: []int{2, 3}}, make([]byte, 12))
	src.AddBytes(tensor.Info{Name: "b", DType: tensor.F32, Shape: []int{5}}, make([]byte, 20))
	src.AddBytes(tensor.Info{Name: "c", DType: tensor.F4, Shape: []int{4}}, make([]byte, 2))
	src.AddBytes(tensor.Info{Name: "d", DType: tensor.BF16, Shape: []int{}}, make([]byte, 2))
	src.SetFile("config.json", []byte("{}"))
	dst := filepath.Join(t.TempDir(), "out")
	s, err := Summarize(writeOpen(t, dst, src, WriteOptions{MaxShard: 20}))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Files) != 3 || s.Files[0].Bytes == 0 || s.Container != "safetensors" || s.Path != dst {
		t.Errorf("%+v", s)
	}
	want := []DTypeSummary{{"F32", 1, 5, 20}, {"BF16", 2, 7, 14}, {"F4", 1, 4, 2}}
	if s.Tensors != 4 || s.Parameters != 16 || s.Bytes != 36 || !reflect.DeepEqual(s.DTypes, want) {
		t.Errorf("%+v, want %+v", s, want)
	}
	if len(s.SideFiles) != 1 || len(s.Warnings) != 0 || s.Meta["format"] != "pt" {
		t.Errorf("%+v", s)
	}
}

func TestSummarizeGGUF(t *testing.T) {
	h, err := Open("../fixtures/gguf/types.gguf")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	s, err := Summarize(h)
	if err != nil || s.Container != "gguf" || s.Tensors == 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

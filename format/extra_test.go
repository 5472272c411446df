package format

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"

	"famkit/internal/tensor"
)

func one(name string, data ...byte) *Memory {
	m := &Memory{}
	m.AddBytes(tensor.Info{Name: name, DType: tensor.U8, Shape: []int{len(data)}}, data)
	return m
}

func TestWriteExtra(t *testing.T) {
	dst := filepath.Join(t.TempDir(), "out")
	src := one("w", 1, 2, 3)
	src.SetFile("config.json", []byte("{}"))
	o := WriteOptions{Extra: map[string]Source{"optimizer.safetensors": one("m", 4, 5)}}
	w, err := Write(context.Background(), dst, src, o)
	if err != nil {
		t.Fatal(err)
	}
	if w.Tensors != 1 {
		t.Errorf("%d tensors counted, want 1", w.Tensors)
	}
	for file, want := range map[string]string{".": "w", "optimizer.safetensors": "m"} {
		h, err := Open(filepath.Join(dst, file))
		if err != nil {
			t.Fatal(err)
		}
		if names := h.Names(); len(names) != 1 || names[0] != want {
			t.Errorf("%s: tensors %v, want %s", file, names, want)
		}
		if file != "." {
			x, err := h.Tensor("m")
			if err != nil {
				t.Fatal(err)
			}
			if b, err := ReadAll(x); err != nil || !bytes.Equal(b, []byte{4, 5}) {
				t.Errorf("bytes %v, %v", b, err)
			}
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestWriteExtraRefusals(t *testing.T) {
	for name, dst := range map[string]string{"model-2.safetensors": "out", "../x.safetensors": "out", "x.bin": "out",
		"x.safetensors": "out.safetensors"} {
		o := WriteOptions{Extra: map[string]Source{name: one("m", 4)}}
		if _, err := Write(context.Background(), filepath.Join(t.TempDir(), dst), one("w", 1), o); err == nil {
			t.Errorf("%s beside %s: accepted", name, dst)
		}
	}
}

package format

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"famkit/internal/disk"
	"famkit/internal/fault"
	"famkit/internal/tensor"
)

func TestWriteRefusals(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in")
	writeOpen(t, in, sample(1, 3, 100), WriteOptions{})
	if err := os.Symlink(in, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(dir, "home")
	if err := os.MkdirAll(filepath.Join(home, "documents"), 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		dst  string
		o    WriteOptions
		want string
	}{
		{"in", WriteOptions{}, "exists already"},
		{"file", WriteOptions{}, "exists already"},
		{"file", WriteOptions{Force: true}, "found a file"},
		{"home", WriteOptions{Force: true}, "not replaced"},
		{"link", WriteOptions{Force: true}, "found a symbolic link"},
		{"in", WriteOptions{Force: true, Inputs: []string{in}}, "is the input"},
		{"link", WriteOptions{Force: true, Inputs: []string{in}}, "is the input"},
		{"in/out", WriteOptions{Inputs: []string{in}}, "inside the input"},
		{"link/out", WriteOptions{Inputs: []string{in}}, "inside the input"},
		{"in/../in/a/b", WriteOptions{Inputs: []string{filepath.Join(dir, "link")}}, "inside the input"},
		{"none/out", WriteOptions{}, "the folder"},
		{"file/out", WriteOptions{}, "is no folder"},
		{".", WriteOptions{Force: true, Inputs: []string{in}}, "contains the input"},
		{"in/model.safetensors", WriteOptions{Force: true, Inputs: []string{in + "/model.safetensors"}}, "is the input"},
	} {
		_, err := Write(context.Background(), filepath.Join(dir, c.dst), sample(2, 3, 100), c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) || fault.KindOf(err) != fault.Input {
			t.Errorf("%s with %+v: %v, want %q", c.dst, c.o, err, c.want)
		}
	}
	onlyThese(t, dir, "file", "home", "in", "link")
	h, err := Open(in)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	sameSource(t, h, sample(1, 3, 100))
}

// Admit says what Write would, and leaves nothing behind.
func TestAdmit(t *testing.T) {
	dir := t.TempDir()
	dst := filepath.Join(dir, "out")
	if err := Admit(dst, one("w", 1), WriteOptions{}); err != nil {
		t.Error(err)
	}
	onlyThese(t, dir)
	writeOpen(t, dst, one("w", 1), WriteOptions{})
	for what, err := range map[string]error{
		"exists already": Admit(dst, one("w", 1), WriteOptions{}),
		"is the input":   Admit(dst, one("w", 1), WriteOptions{Force: true, Inputs: []string{dst}}),
		"cannot be":      Admit(filepath.Join(dir, "b"), one(metadataKey, 1), WriteOptions{}),
	} {
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%v, want %q", err, what)
		}
	}
	if err := Admit(dst, one("w", 1), WriteOptions{Force: true}); err != nil {
		t.Error(err)
	}
}

func TestWriteBadTensors(t *testing.T) {
	for what, src := range map[string]Source{
		"reserved":  one(metadataKey, 1),
		"not UTF-8": one("a\xff", 1),
		"whole bytes": FromTensors([]tensor.Tensor{endless{tensor.Info{Name: "w", DType: tensor.F4, Shape: []int{3}},
			new(atomic.Int64)}}, nil, nil),
		"overflow": FromTensors([]tensor.Tensor{endless{tensor.Info{Name: "w", DType: tensor.F32,
			Shape: []int{1 << 40, 1 << 40}}, new(atomic.Int64)}}, nil, nil),
		"no dtype": FromTensors([]tensor.Tensor{endless{tensor.Info{Name: "w", Shape: []int{3}}, new(atomic.Int64)}},
			nil, nil),
		"duplicate":      twice{one("w", 1)},
		"header too lar": wide{},
		"leads out of":   WithFiles(one("w", 1), map[string][]byte{"../x": {}}),
		"is taken":       WithFiles(one("w", 1), map[string][]byte{"model.safetensors": {}}),
	} {
		dir := t.TempDir()
		_, err := Write(context.Background(), filepath.Join(dir, "out"), src, WriteOptions{})
		if err == nil || !strings.Contains(err.Error(), what) || fault.KindOf(err) != fault.Input {
			t.Errorf("%s: %v", what, err)
		}
		onlyThese(t, dir)
	}
}

// twice lists its names twice.
type twice struct{ *Memory }

func (s twice) Names() []string { return append(s.Memory.Names(), s.Memory.Names()...) }

// wide has few tensors with names that no header holds.
type wide struct{ *Memory }

var wideNames = []string{strings.Repeat("a", 60_000_000), strings.Repeat("b", 60_000_000)}

func (s wide) Names() []string         { return wideNames }
func (s wide) Meta() map[string]string { return nil }
func (s wide) Tensor(name string) (tensor.Tensor, error) {
	return endless{tensor.Info{Name: name, DType: tensor.U8, Shape: []int{1}}, new(atomic.Int64)}, nil
}

func TestTooLittleDisk(t *testing.T) {
	defer func() { statDisk = disk.Free }()
	statDisk = func(string) (int64, error) { return 100_000, nil }
	dir := t.TempDir()
	src := sample(1, 5, 1<<20)
	need, err := Measure(filepath.Join(dir, "out"), src, WriteOptions{})
	if err != nil || need.Free != 100_000 || need.Bytes < 200_000 {
		t.Fatalf("%+v, %v", need, err)
	}
	_, err = Write(context.Background(), filepath.Join(dir, "out"), src, WriteOptions{})
	want := fmt.Sprintf("wanted %d bytes, available 100000", need.Bytes)
	if err == nil || !strings.Contains(err.Error(), want) || fault.KindOf(err) != fault.Failed {
		t.Errorf("%v, want %q", err, want)
	}
	onlyThese(t, dir)
}

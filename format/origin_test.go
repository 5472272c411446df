package format

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"

	"famkit/internal/tensor"
)

// reading counts the bytes that are read of a tensor.
type reading struct {
	tensor.Tensor
	n *atomic.Int64
}

func (r reading) ReadAt(p []byte, off int64) (int, error) {
	n, err := r.Tensor.ReadAt(p, off)
	r.n.Add(int64(n))
	return n, err
}

// originCase is an origin of a copied, a changed and an unused tensor, and what is written from it. The copied one is
// written twice.
func originCase(t *testing.T) (parent, child *Memory, of func(string) ([]string, bool), read *atomic.Int64) {
	t.Helper()
	parent, child, read = &Memory{}, &Memory{}, new(atomic.Int64)
	for i, name := range []string{"copied", "changed", "unused", "empty"} {
		data := bytes.Repeat([]byte{byte(i + 1), 7, 9}, 5_000_000/(i+1))
		if name == "empty" {
			data = nil
		}
		m := &Memory{}
		m.AddBytes(tensor.Info{Name: name, DType: tensor.U8, Shape: []int{len(data)}}, data)
		w, err := m.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		parent.Add(reading{w, read})
		switch name {
		case "copied":
			child.AddBytes(tensor.Info{Name: "a", DType: tensor.U8, Shape: []int{len(data)}}, data)
			child.AddBytes(tensor.Info{Name: "b", DType: tensor.U8, Shape: []int{len(data)}}, data)
		case "changed":
			child.AddBytes(tensor.Info{Name: "c", DType: tensor.U8, Shape: []int{3}}, data[:3])
		}
	}
	child.SetFile("plan.json", []byte("no digest"))
	return parent, child, func(name string) ([]string, bool) {
		switch name {
		case "a", "b":
			return []string{"copied"}, true
		case "c":
			return []string{"changed", "copied"}, false
		}
		return nil, false
	}, read
}

// The digest told is Digest of the origin; what is copied as it stands is not read again; the files that come of it
// are there.
func TestWriteOrigin(t *testing.T) {
	for _, workers := range []int{1, 2, 7} {
		parent, child, of, read := originCase(t)
		want, err := Digest(parent)
		if err != nil {
			t.Fatal(err)
		}
		read.Store(0)
		copied, _ := parent.Tensor("copied")
		whole, err := Bytes(parent)
		if err != nil {
			t.Fatal(err)
		}
		told := ""
		dst := filepath.Join(t.TempDir(), "out")
		extra := map[string]Source{"optimizer.safetensors": one("a", 4, 5)} // of a name that the origin knows
		w, err := Write(context.Background(), dst, child, WriteOptions{Workers: workers, NoDigests: true, Extra: extra,
			Origin: &Origin{Source: parent, Of: of, Done: func(digest string) (map[string][]byte, error) {
				told = digest
				return map[string][]byte{"plan.json": []byte(digest)}, nil
			}}})
		if err != nil {
			t.Fatal(err)
		}
		if told != want {
			t.Errorf("%d workers: told %s, want %s", workers, told, want)
		}
		if n := whole - copied.Info().Size(); read.Load() != n {
			t.Errorf("%d bytes of the origin read, want %d", read.Load(), n)
		}
		h, err := Open(dst)
		if err != nil {
			t.Fatal(err)
		}
		sameTensors(t, h, child)
		if got, _ := ReadFile(h, "plan.json"); string(got) != want {
			t.Errorf("plan.json holds %q, want the digest", got)
		}
		if w.Bytes <= int64(len(want)) || w.Digests != nil {
			t.Errorf("written: %+v", w)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
}

func sameTensors(t *testing.T, got, want Source) {
	t.Helper()
	for _, name := range want.Names() {
		a, err := got.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := want.Tensor(name)
		x, errX := ReadAll(a)
		y, errY := ReadAll(b)
		if errX != nil || errY != nil || !bytes.Equal(x, y) {
			t.Errorf("tensor %q: differs: %v, %v", name, errX, errY)
		}
	}
}

// A claim of sameness that does not hold shows: the digest told is another than the origin's.
func TestOriginFalseClaim(t *testing.T) {
	parent, child, _, _ := originCase(t)
	want, err := Digest(parent)
	if err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte{1}, 15_000_000)
	child.AddBytes(tensor.Info{Name: "other", DType: tensor.U8, Shape: []int{len(data)}}, data)
	told := ""
	_, err = Write(context.Background(), filepath.Join(t.TempDir(), "out"), child,
		WriteOptions{Origin: &Origin{Source: parent,
			Of:   func(name string) ([]string, bool) { return []string{"copied"}, name == "other" },
			Done: func(digest string) (map[string][]byte, error) { told = digest; return nil, nil }}})
	if err != nil || told == want || told == "" {
		t.Errorf("told %q, %v; the digest of the origin is %s", told, err, want)
	}
}

// What fails while the digest is told leaves nothing behind.
func TestOriginFails(t *testing.T) {
	broken := errors.New("broken")
	for _, name := range []string{"out", "out.safetensors"} {
		parent, child, of, _ := originCase(t)
		dir := t.TempDir()
		_, err := Write(context.Background(), filepath.Join(dir, name), child,
			WriteOptions{Origin: &Origin{Source: parent, Of: of,
				Done: func(string) (map[string][]byte, error) { return nil, broken }}})
		if !errors.Is(err, broken) {
			t.Errorf("%s: %v, want broken", name, err)
		}
		onlyThese(t, dir)
	}
}

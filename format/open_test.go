package format

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"famkit/internal/fault"
	"famkit/internal/tensor"
)

// FuzzOpen opens arbitrary bytes as a file: an error of kind Input that names the file, or tensors that can be read or
// refused one by one.
func FuzzOpen(f *testing.F) {
	for _, pattern := range []string{malformedDir + "/*", acceptedDir + "/*", "../fixtures/gguf/types.gguf",
		"testdata/crate.safetensors"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			f.Fatal(pattern, paths, err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "x.safetensors")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		h, err := Open(path)
		if err != nil {
			if fault.KindOf(err) != fault.Input || !strings.Contains(err.Error(), path) {
				t.Fatalf("kind %d: %v", fault.KindOf(err), err)
			}
			return
		}
		defer func() { _ = h.Close() }()
		if _, err := Summarize(h); err != nil {
			t.Fatal(err)
		}
		for _, name := range h.Names() {
			x, err := h.Tensor(name)
			if err != nil {
				t.Fatal(err)
			}
			var p [64]byte
			if n := min(x.Info().Size(), int64(len(p))); tensor.Fill(x, p[:n], 0) != nil && ContainerOf(path) == "safetensors" {
				t.Fatalf("tensor %q cannot be read", name)
			}
		}
	})
}

func TestUnknownFiles(t *testing.T) {
	for name, want := range map[string]string{"\x80\x02}q": "pickle", "PK\x03\x04": "zip", "\x89HDF\r\n": "HDF5",
		"%PDF-1.7 and what follows": "begins with"} {
		path := filepath.Join(t.TempDir(), "weights.bin")
		if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestEveryHeaderLength: a header's length may begin with the bytes that other kinds of files begin with.
func TestEveryHeaderLength(t *testing.T) {
	const bare = `{"__metadata__":{"format":"pt"}}`
	lengths := map[int]string{0x280: "pickle", 0x480: "pickle", 0x8b1f: "compressed", 0x7b: "JSON", 0x17b: "JSON",
		0x4b50: "zip", 0x207b: "JSON"}
	for n := len(bare); n < 1200; n++ {
		lengths[n] += " "
	}
	for n, like := range lengths {
		path := filepath.Join(t.TempDir(), "model.safetensors")
		head := binary.LittleEndian.AppendUint64(nil, uint64(n))
		head = append(head, bare...)
		head = append(head, bytes.Repeat([]byte{' '}, n-len(bare))...)
		if err := os.WriteFile(path, head, 0o644); err != nil {
			t.Fatal(err)
		}
		h, err := Open(path)
		if err != nil {
			t.Fatalf("a header of %d bytes, like %q: %v", n, like, err)
		}
		_ = h.Close()
		if c := ContainerOf(path); c != "safetensors" {
			t.Errorf("a header of %d bytes, like %q: taken for %q", n, like, c)
		}
	}
}

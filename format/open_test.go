package format

import (
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
	for _, pattern := range []string{malformedDir + "/*", acceptedDir + "/*", "../fixtures/gguf/types.gguf", "testdata/crate.safetensors"} {
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
	for name, want := range map[string]string{"\x80\x02}q": "pickle", "PK\x03\x04": "zip", "\x89HDF\r\n": "HDF5", "%PDF-1.7 and what follows": "begins with"} {
		path := filepath.Join(t.TempDir(), "weights.bin")
		if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

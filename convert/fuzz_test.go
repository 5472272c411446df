package convert

import (
	"os"
	"path/filepath"
	"testing"

	"famkit/format"
	"famkit/internal/arch"
)

// FuzzFromGGUF: whatever a header says, converting refuses it or gives a model that binds and a tokenizer that is JSON.
func FuzzFromGGUF(f *testing.F) {
	seed, err := os.ReadFile("../fixtures/gguf/tiny.gguf")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed, 0, byte(0))
	f.Add(seed, 60, byte(3))
	f.Fuzz(func(t *testing.T, data []byte, at int, b byte) {
		if len(data) > 0 {
			data = append([]byte(nil), data...)
			data[uint(at)%uint(min(len(data), 1<<15))] = b // the header and the tokenizer lie at the front
		}
		path := filepath.Join(t.TempDir(), "m.gguf")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		h, err := format.Open(path)
		if err != nil {
			return
		}
		defer func() { _ = h.Close() }()
		if _, ok := format.GGUF(h); !ok {
			return
		}
		src, err := FromGGUF(h)
		if err != nil {
			return
		}
		if _, err := arch.Bind(src); err != nil {
			t.Errorf("what was converted does not bind: %v", err)
		}
		for _, name := range src.Names() {
			x, err := src.Tensor(name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := x.ReadAt(make([]byte, 5000), x.Info().Size()/3); err != nil && x.Info().Size() > 10000 {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

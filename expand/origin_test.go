package expand

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/tensor"
)

// bare has the tensors of a source without the prefix of their names, as checkpoints of a bare model do.
func bare(t *testing.T, src format.Source, prefix string) *format.Memory {
	t.Helper()
	out := format.FromTensors(nil, nil, nil)
	for name, data := range src.Files() {
		out.SetFile(name, data)
	}
	for _, name := range src.Names() {
		w, err := src.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		data, err := format.ReadAll(w)
		if err != nil {
			t.Fatal(err)
		}
		info := w.Info()
		info.Name = strings.TrimPrefix(name, prefix)
		out.AddBytes(info, data)
	}
	return out
}

// TestParentDigestOnTheWay: the digest that is taken of the parent while the child is written is the parent's.
func TestParentDigestOnTheWay(t *testing.T) {
	whole := 0
	for name := range archtest.Configs {
		for i, r := range []Request{{Depth: change(t, "2x")}, {Hidden: change(t, "2x"), Seed: 5}, {FFN: change(t, "2x"), Depth: change(t, "+1")}} {
			full := random(t, name, tensor.BF16)
			for _, src := range []format.Source{full.Source, bare(t, full.Source, full.Model.Spec.Prefix)} {
				ck, err := arch.Bind(src)
				if err != nil {
					t.Fatal(err)
				}
				p, err := Compile(ck, r)
				if err != nil {
					continue // refused growths have tests of their own
				}
				out, err := p.Apply(ck)
				if err != nil {
					t.Fatal(err)
				}
				want, err := format.Digest(src)
				if err != nil {
					t.Fatal(err)
				}
				told := ""
				o := format.WriteOptions{Origin: &format.Origin{Source: src, Of: out.From, Done: func(digest string) (map[string][]byte, error) {
					told = digest
					return nil, nil
				}}}
				if _, err := format.Write(context.Background(), filepath.Join(t.TempDir(), "out"), out, o); err != nil {
					t.Fatal(err)
				}
				if told != want {
					t.Errorf("%s, request %d: told %s, want %s", name, i, told, want)
				}
				for _, n := range out.Names() {
					if from, same := out.From(n); same {
						if _, err := src.Tensor(from[0]); err != nil {
							t.Errorf("%s: %q is said to be made from %q: %v", name, n, from[0], err)
						}
						whole++
					}
				}
			}
		}
	}
	if whole == 0 {
		t.Error("no tensor was a copy of its parent's")
	}
}

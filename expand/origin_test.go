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
	out, err := archtest.Redescribe(src, func(info *tensor.Info) { info.Name = strings.TrimPrefix(info.Name, prefix) })
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// layouts are ways in which a checkpoint may be stored.
func layouts(t *testing.T, ck *arch.Checkpoint) []format.Source {
	t.Helper()
	out := []format.Source{ck.Source, bare(t, ck.Source, ck.Model.Spec.Prefix)}
	if ck.Model.MoE == nil {
		return out
	}
	stacked, err := archtest.Stacked(ck)
	if err != nil {
		t.Fatal(err)
	}
	return append(out, stacked)
}

// TestParentDigestOnTheWay: the digest that is taken of the parent while the child is written is the parent's,
// however the parent is stored; the child is the same.
func TestParentDigestOnTheWay(t *testing.T) {
	whole := 0
	for name := range archtest.Configs {
		for i, r := range []Request{{Depth: change(t, "2x")}, {Hidden: change(t, "2x"), Seed: 5},
			{FFN: change(t, "2x"), Depth: change(t, "+1")}} {
			child := ""
			for _, src := range layouts(t, random(t, name, tensor.BF16)) {
				ck, err := arch.Bind(src)
				if err != nil {
					t.Fatal(err)
				}
				p, err := Compile(ck, r)
				if err != nil {
					continue // refused growths have tests of their own
				}
				out := p.Apply()
				want, err := format.Digest(src)
				if err != nil {
					t.Fatal(err)
				}
				if digest, err := format.Digest(out); err != nil || child != "" && digest != child {
					t.Errorf("%s, request %d: the child is %s, of the same stored otherwise %s: %v", name, i, digest, child, err)
				} else {
					child = digest
				}
				told := ""
				o := format.WriteOptions{Origin: &format.Origin{Source: src, Of: out.From,
					Done: func(digest string) (map[string][]byte, error) {
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

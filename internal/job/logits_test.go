package job

import (
	"bytes"
	"io"
	"testing"

	"famkit/internal/engine"
	_ "famkit/internal/engine/cpu"
	_ "famkit/internal/engine/ref"
)

// TestLogitsPieces: the lazy tensor gives the same bytes whatever pieces and groups it is read in.
func TestLogitsPieces(t *testing.T) {
	h, ck, err := OpenModel("../../fixtures/oracle/llama-tied", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	const batch, seq = 5, 3
	var ids []int32
	for i := range batch * seq {
		ids = append(ids, int32(i*7%131))
	}
	var whole []byte
	for _, c := range []struct{ group, piece int }{{5, 1 << 20}, {2, 1000}, {1, 131 * 8}, {3, 8}} {
		e, err := engine.New("ref", engine.Options{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		l, err := newLogits(e, ck, ids, batch, seq)
		if err != nil {
			t.Fatal(err)
		}
		l.group = c.group
		got := make([]byte, l.info.Size())
		for off := 0; off < len(got); off += c.piece {
			end := min(off+c.piece, len(got))
			if n, err := l.ReadAt(got[off:end], int64(off)); n != end-off || err != nil {
				t.Fatalf("%d bytes at %d: %v", n, off, err)
			}
		}
		if n, err := l.ReadAt(make([]byte, 9), int64(len(got))-4); n != 4 || err != io.EOF {
			t.Errorf("reading over the end: %d, %v", n, err)
		}
		if whole == nil {
			whole = got
		} else if !bytes.Equal(got, whole) {
			t.Errorf("groups of %d in pieces of %d bytes: other logits", c.group, c.piece)
		}
		_ = e.Close()
	}
}

func TestChooseEngine(t *testing.T) {
	for _, c := range []struct{ name, precision, want, in, err string }{
		{"auto", "f64", "ref", "f64", ""}, {"ref", "", "ref", "f64", ""}, {"cpu", "f32", "cpu", "f32", ""},
		{"cpu", "", "cpu", "f32", ""},
		{"cpu", "bf16", "cpu", "bf16", ""}, {"cpu", "f64", "", "",
			"engine cpu does not compute in precision f64 (it has f32, bf16)"},
		{"ref", "f8", "", "", "engine ref does not compute in precision f8 (it has f64)"},
		{"x", "f32", "", "", `no engine "x" (there are cpu, ref)`},
		{"auto", "f8", "", "", `no engine computes in precision "f8" (there are bf16, f32, f64)`},
	} {
		got, err := chooseEngine(c.name, c.precision)
		if got.Name != c.want || string(got.Spec.Precision) != c.in || (err == nil) != (c.err == "") || err != nil &&
			err.Error() != c.err {
			t.Errorf("%s, %s: %s in %s, %v", c.name, c.precision, got.Name, got.Spec.Precision, err)
		}
	}
}

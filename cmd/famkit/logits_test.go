package main

import (
	"bytes"
	"encoding/binary"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"famkit/format"
	"famkit/internal/engine"
	"famkit/internal/tensor"
)

const oracleDir = "../../fixtures/oracle"

// bytesTensor is a tensor in memory.
type bytesTensor struct {
	info tensor.Info
	*bytes.Reader
}

func (t bytesTensor) Info() tensor.Info { return t.info }

// idsFile writes input_ids of the given type and shape.
func idsFile(t *testing.T, d tensor.DType, shape []int, ids ...int64) string {
	t.Helper()
	var b []byte
	for _, id := range ids {
		if d == tensor.I32 {
			b = binary.LittleEndian.AppendUint32(b, uint32(id))
		} else {
			b = binary.LittleEndian.AppendUint64(b, uint64(id))
		}
	}
	x := bytesTensor{tensor.Info{Name: "input_ids", DType: d, Shape: shape}, bytes.NewReader(b)}
	path := filepath.Join(t.TempDir(), "ids.safetensors")
	if _, err := format.Write(t.Context(), path, format.FromTensors([]tensor.Tensor{x}, nil, nil),
		format.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return path
}

// readLogits reads a tensor of reals.
func readLogits(t *testing.T, path, name string) ([]float64, tensor.DType) {
	t.Helper()
	h, err := format.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	x, err := h.Tensor(name)
	if err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, x.Info().Size())
	if n, err := x.ReadAt(raw, 0); n < len(raw) {
		t.Fatal(err)
	}
	out := make([]float64, len(raw)*8/x.Info().DType.Bits())
	tensor.Decode(out, raw, x.Info().DType)
	return out, x.Info().DType
}

// TestLogits compares the file that the command writes with what transformers computed, on every engine that runs here.
func TestLogits(t *testing.T) {
	for _, c := range engine.Candidates() {
		if score, why := c.Score(); score == 0 {
			t.Logf("engine %s is not here: %s", c.Name, why)
			continue
		}
		for _, model := range []string{"llama-rope3-v4", "qwen2", "qwen3"} {
			dir, out := filepath.Join(oracleDir, model), filepath.Join(t.TempDir(), "out.safetensors")
			var o, errw bytes.Buffer
			if code := run([]string{"famkit", "logits", dir, "--ids", dir + "/expected.safetensors", "--out", out, "--engine",
				c.Name}, &o, &errw); code != 0 {
				t.Fatalf("exit code %d: %s", code, errw.String())
			}
			key, kind, tol := "logits_f64", tensor.F64, 1e-10
			if c.Exact() != engine.Float64 {
				key, kind, tol = "logits", tensor.F32, 2e-5
			}
			got, d := readLogits(t, out, "logits")
			want, _ := readLogits(t, dir+"/expected.safetensors", key)
			if len(got) != len(want) || d != kind {
				t.Fatalf("%d numbers of %s, want %d of %s", len(got), d, len(want), kind)
			}
			for i := range want {
				if !(math.Abs(got[i]-want[i]) <= tol) {
					t.Fatalf("%s on %s: number %d is %.12g, want %.12g", model, c.Name, i, got[i], want[i])
				}
			}
		}
	}
}

func TestLogitsRefusesIDs(t *testing.T) {
	dir := filepath.Join(oracleDir, "mistral")
	for _, c := range []struct {
		ids, want string
	}{
		{idsFile(t, tensor.I32, []int{2, 2}, 0, 130, 5, 131),
			"row 1, position 1: token id 131 is outside the vocabulary of 131"},
		{idsFile(t, tensor.I64, []int{1, 3}, 0, -1, 2), "row 0, position 1: token id -1"},
		{idsFile(t, tensor.I64, []int{1, 1}, 1<<40), "id 1099511627776 does not fit"},
		{idsFile(t, tensor.I32, []int{3}, 1, 2, 3), "wanted shape [B, T], found [3]"},
		{idsFile(t, tensor.I32, []int{0, 3}), "wanted shape [B, T], found [0 3]"},
		{idsFile(t, tensor.U64, []int{1, 1}, 1), "wanted type I32 or I64, found U64"},
	} {
		var o, errw bytes.Buffer
		out := filepath.Join(t.TempDir(), "out.safetensors")
		code := run([]string{"famkit", "logits", dir, "--ids", c.ids, "--out", out, "--engine", "ref"}, &o, &errw)
		if code != 3 || !strings.Contains(errw.String(), c.want) {
			t.Errorf("exit code %d, %s, want %q", code, errw.String(), c.want)
		}
	}
}

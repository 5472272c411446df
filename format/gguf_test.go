package format

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"famkit/internal/fault"
	"famkit/internal/gguftest"
	"famkit/internal/tensor"
)

func openTest(t *testing.T, path string) Handle {
	t.Helper()
	h, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func writeTest(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.gguf")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestGGUFGolden reads a file that the gguf package wrote and finds the values that it computes, bit for bit.
func TestGGUFGolden(t *testing.T) {
	got := openTest(t, "../fixtures/gguf/types.gguf")
	want := openTest(t, "../fixtures/gguf/types.safetensors")
	if len(got.Names()) != len(want.Names()) || len(got.Names()) != 11 {
		t.Fatalf("%d tensors, wanted %d", len(got.Names()), len(want.Names()))
	}
	for _, name := range want.Names() {
		a, err := got.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := want.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		if a.Info().String() != b.Info().String() {
			t.Errorf("%s, wanted %s", a.Info(), b.Info())
		}
		x, y := mustReadAll(t, a), mustReadAll(t, b)
		width := a.Info().DType.Bits() / 8
		for i := 0; i < len(y); i += width {
			if !bytes.Equal(x[i:i+width], y[i:i+width]) {
				t.Fatalf("%s: element %d: % x, wanted % x", name, i/width, x[i:i+width], y[i:i+width])
			}
		}
	}
}

func mustReadAll(t testing.TB, x tensor.Tensor) []byte {
	t.Helper()
	data, err := ReadAll(x)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestGGUFReadAnywhere reads ranges of every length and offset, by several goroutines at once.
func TestGGUFReadAnywhere(t *testing.T) {
	h := openTest(t, "../fixtures/gguf/types.gguf")
	var wg sync.WaitGroup
	for _, name := range h.Names() {
		x, err := h.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		all := mustReadAll(t, x)
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(1, 2))
			for range 400 {
				off := rng.IntN(len(all) + 2)
				p := make([]byte, rng.IntN(len(all)+300))
				n, err := x.ReadAt(p, int64(off))
				want := all[min(off, len(all)):min(off+len(p), len(all))]
				if !bytes.Equal(p[:n], want) {
					t.Errorf("%s: %d bytes at %d differ", name, len(p), off)
				}
				if short := n < len(p) || len(p) == 0 && off >= len(all); short && err != io.EOF && len(p) > 0 || !short &&
					err != nil && err != io.EOF {
					t.Errorf("%s: %d bytes at %d: %d read, error %v", name, len(p), off, n, err)
				}
			}
			if _, err := x.ReadAt(make([]byte, 1), -1); err == nil {
				t.Errorf("%s: a negative offset was read", name)
			}
		})
	}
	wg.Wait()
}

// TestGGUFLarge crosses the limit of one read of the file.
func TestGGUFLarge(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	data := make([]byte, (2*ggufChunk+7)*18)
	for i := range data {
		data[i] = byte(rng.Uint32())
	}
	for i := 0; i < len(data); i += 18 {
		data[i+1] &= 0x3f // finite scales
	}
	f := gguftest.File{Tensors: []gguftest.Tensor{{Name: "t", Dims: []uint64{32 * (2*ggufChunk + 7)}, Type: 2,
		Data: data}}}
	x, err := openTest(t, writeTest(t, f.Bytes())).Tensor("t")
	if err != nil {
		t.Fatal(err)
	}
	got := mustReadAll(t, x)
	values := make([]float32, len(got)/4)
	tensor.Decode(values, got, tensor.F32)
	for i, v := range values {
		block, j := data[i/32*18:], i%32
		q := block[2+j%16] >> (j / 16 * 4) & 15
		if want := tensor.F16ToF32(uint16(block[0])|uint16(block[1])<<8) * float32(int(q)-8); v != want {
			t.Fatalf("element %d: %v, wanted %v", i, v, want)
		}
	}
	p := make([]byte, 100)
	if _, err := x.ReadAt(p, ggufChunk*128-50); err != nil || !bytes.Equal(p, got[ggufChunk*128-50:ggufChunk*128+50]) {
		t.Errorf("a read across blocks differs: %v", err)
	}
}

func TestGGUFMeta(t *testing.T) {
	h := openTest(t, "../fixtures/gguf/types.gguf")
	m, ok := GGUF(h)
	if !ok || m.Version() != 3 || len(h.Warnings()) != 0 {
		t.Fatalf("ok %t, version %d, warnings %v", ok, m.Version(), h.Warnings())
	}
	if n, err := m.Int("test.uint32"); n != 4000000000 || err != nil {
		t.Error(n, err)
	}
	if n, err := m.Int("test.int64"); n != -5 || err != nil {
		t.Error(n, err)
	}
	if v, single, err := m.Float("test.eps"); v != float64(float32(1e-5)) || !single || err != nil {
		t.Error(v, single, err)
	}
	if v, single, err := m.Float("test.pi"); v != 3.141592653589793 || single || err != nil {
		t.Error(v, single, err)
	}
	if v, err := m.Bool("test.yes"); !v || err != nil {
		t.Error(v, err)
	}
	if v, err := m.Strs("test.strings"); !slices.Equal(v, []string{"a", "", "ü"}) || err != nil {
		t.Error(v, err)
	}
	if v, err := m.Ints("test.ints"); !slices.Equal(v, []int64{1, -2, 3}) || err != nil {
		t.Error(v, err)
	}
	for key, want := range map[string]string{"test.uint32": "4000000000", "test.eps": "1e-05", "test.yes": "true",
		"test.strings":         "an array of 3 string",
		"general.architecture": "test", "none": ""} {
		if got := h.Meta()[key]; got != want {
			t.Errorf("%s: %q, wanted %q", key, got, want)
		}
	}
	if !slices.Contains(m.Keys(), "test.pi") || m.Has("test.none") || !m.Has("test.pi") {
		t.Error("keys", m.Keys())
	}
	if m.Tensors()[0].Type.String() != "Q8_0" || m.Tensors()[0].Bytes != 6*9*34 {
		t.Error(m.Tensors()[0])
	}
}

// TestGGUFMetaRefusals asks for values of other types than the file has.
func TestGGUFMetaRefusals(t *testing.T) {
	f := gguftest.File{Pairs: []gguftest.Pair{gguftest.KV("huge", uint64(1<<63)), gguftest.KV("s", "text"),
		gguftest.KV("list", []int32{1}), gguftest.KV("f", float32(1)), gguftest.KV("u8", uint8(7)),
		gguftest.KV("i16", int16(-7))}}
	m, _ := GGUF(openTest(t, writeTest(t, f.Bytes())))
	for _, c := range []struct {
		ask  func() error
		want string
	}{
		{func() error { _, err := m.Int("none"); return err }, `metadata key "none" is missing, wanted an integer`},
		{func() error { _, err := m.Int("huge"); return err }, "wanted an integer below 2^63, found 9223372036854775808"},
		{func() error { _, err := m.Int("s"); return err }, "wanted an integer, found string"},
		{func() error { _, err := m.Int("f"); return err }, "wanted an integer, found float32"},
		{func() error { _, err := m.Int("list"); return err }, "wanted an integer, found an array of 1 int32"},
		{func() error { _, err := m.Ints("s"); return err }, "wanted an array of integers, found string"},
		{func() error { _, _, err := m.Float("s"); return err }, "wanted a float, found string"},
		{func() error { _, err := m.Floats("list"); return err }, "wanted an array of floats, found an array of 1 int32"},
		{func() error { _, err := m.Strs("s"); return err }, "wanted an array of strings, found string"},
		{func() error { _, err := m.Str("f"); return err }, "wanted a string, found float32"},
		{func() error { _, err := m.Bool("f"); return err }, "wanted a bool, found float32"},
	} {
		if err := c.ask(); err == nil || !strings.Contains(err.Error(), c.want) || fault.KindOf(err) != fault.Input {
			t.Errorf("%v, wanted %s", err, c.want)
		}
	}
	if n, err := m.Int("u8"); n != 7 || err != nil {
		t.Error(n, err)
	}
	if n, err := m.Int("i16"); n != -7 || err != nil {
		t.Error(n, err)
	}
}

// TestGGUFUnreadable lists tensors of types without a dequantiser and refuses to read them.
func TestGGUFUnreadable(t *testing.T) {
	f := gguftest.File{Tensors: []gguftest.Tensor{
		{Name: "k", Dims: []uint64{256, 2}, Type: 12, Data: make([]byte, 288)},
		{Name: "plain", Dims: []uint64{2}, Type: 0, Data: gguftest.Floats(1, 2)},
	}}
	path := writeTest(t, f.Bytes())
	h := openTest(t, path)
	x, err := h.Tensor("k")
	if err != nil {
		t.Fatal(err)
	}
	if got := x.Info().String(); got != "k F32 [2 256]" {
		t.Error(got)
	}
	_, err = x.ReadAt(make([]byte, 4), 0)
	if err == nil || err.Error() != path+`: tensor "k": wanted F32, F16, BF16, Q8_0, Q4_0 or Q4_1, found Q4_K` ||
		fault.KindOf(err) != fault.Input || fault.HintOf(err) == "" {
		t.Error(err)
	}
	if x, err = h.Tensor("plain"); err != nil || !bytes.Equal(mustReadAll(t, x), gguftest.Floats(1, 2)) {
		t.Error("the tensor after it cannot be read", err)
	}
	if _, err := h.Tensor("none"); err == nil || !strings.Contains(err.Error(), `no tensor "none"`) {
		t.Error(err)
	}
}

func TestGGUFVersion2AndAlignment(t *testing.T) {
	f := gguftest.File{Version: 2, Align: 64, Pairs: []gguftest.Pair{gguftest.KV("general.alignment", uint32(64))},
		Tensors: []gguftest.Tensor{
			{Name: "a", Dims: []uint64{3, 1}, Type: 0, Data: gguftest.Floats(1, 2, 3)},
			{Name: "b", Dims: []uint64{}, Type: 0, Data: gguftest.Floats(4)},
			{Name: "empty", Dims: []uint64{0, 1 << 60}, Type: 0},
		}}
	h := openTest(t, writeTest(t, f.Bytes()))
	for name, want := range map[string]string{"a": "a F32 [1 3]", "b": "b F32 []",
		"empty": "empty F32 [1152921504606846976 0]"} {
		x, err := h.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := x.Info().String(); got != want {
			t.Errorf("%q, wanted %q", got, want)
		}
	}
	b, _ := h.Tensor("b")
	if !bytes.Equal(mustReadAll(t, b), gguftest.Floats(4)) {
		t.Error("the second tensor's data differ")
	}
}

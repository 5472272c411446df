package format

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"famkit/internal/fault"
	"famkit/internal/tensor"
)

// writeOpen writes src and opens what was written.
func writeOpen(t *testing.T, dst string, src Source, o WriteOptions) Handle {
	t.Helper()
	if _, err := Write(context.Background(), dst, src, o); err != nil {
		t.Fatal(err)
	}
	h, err := Open(dst)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// sameSource compares tensors byte for byte, whatever their order, and side files.
func sameSource(t *testing.T, got, want Source) {
	t.Helper()
	a, b := slices.Sorted(slices.Values(got.Names())), slices.Sorted(slices.Values(want.Names()))
	if !slices.Equal(a, b) {
		t.Fatalf("tensors %v, want %v", a, b)
	}
	for _, name := range b {
		x, err := got.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		y, err := want.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		if x.Info().String() != y.Info().String() {
			t.Errorf("%v, want %v", x.Info(), y.Info())
		}
		p, err := ReadAll(x)
		if err != nil {
			t.Fatal(err)
		}
		q, err := ReadAll(y)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(p, q) {
			t.Errorf("tensor %q: bytes differ", name)
		}
	}
}

// sample is a source with n random tensors of up to most bytes each and two side files.
func sample(seed uint64, n, most int) *Memory {
	rng := rand.New(rand.NewPCG(seed, 1))
	types := []tensor.DType{tensor.F32, tensor.BF16, tensor.U8, tensor.I64, tensor.F8E4M3}
	m := &Memory{}
	for i := range n {
		d := types[rng.IntN(len(types))]
		elems := rng.IntN(most*8/d.Bits() + 1)
		info := tensor.Info{Name: fmt.Sprintf("t.%d", i), DType: d, Shape: []int{elems}}
		data := make([]byte, info.Size())
		for k := 0; k+8 <= len(data); k += 8 {
			binary.LittleEndian.PutUint64(data[k:], rng.Uint64())
		}
		m.AddBytes(info, data)
	}
	m.SetFile("config.json", []byte(`{"cap": 30.0}`))
	m.SetFile("chat_templates/tool.jinja", []byte("{{ x }}"))
	return m
}

func TestWriteRoundTrip(t *testing.T) {
	for seed, o := range []WriteOptions{{}, {Workers: 1}, {Workers: 7}, {MaxShard: 3 << 20}, {NoDigests: true}} {
		src := sample(uint64(seed), 5, 6<<20) // more than a chunk
		src.SetMeta("note", "a<b>")
		dst := filepath.Join(t.TempDir(), "out")
		w, err := Write(context.Background(), dst, src, o)
		if err != nil {
			t.Fatal(err)
		}
		h, err := Open(dst)
		if err != nil {
			t.Fatal(err)
		}
		sameSource(t, h, src)
		if got, want := maps.Collect(h.Files()), maps.Collect(src.Files()); !maps.EqualFunc(got, want, bytes.Equal) {
			t.Errorf("side files %v, want %v", got, want)
		}
		if !maps.Equal(h.Meta(), map[string]string{"format": "pt", "note": "a<b>"}) {
			t.Errorf("metadata %v", h.Meta())
		}
		if len(h.Warnings()) > 0 {
			t.Errorf("warnings %v", h.Warnings())
		}
		checkWritten(t, w, src, o)
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
}

func checkWritten(t *testing.T, w *Written, src Source, o WriteOptions) {
	t.Helper()
	var total int64
	for _, f := range w.Files {
		st, err := os.Stat(filepath.Join(w.Path, f))
		if err != nil {
			t.Fatal(err)
		}
		total += st.Size()
	}
	if total != w.Bytes || w.Tensors != len(src.Names()) {
		t.Errorf("written %d bytes in %d tensors, on disk %d in %d", w.Bytes, w.Tensors, total, len(src.Names()))
	}
	if o.NoDigests != (w.Digests == nil) {
		t.Errorf("digests %v", w.Digests)
	}
	for name, sum := range w.Digests {
		x, _ := src.Tensor(name)
		data, err := ReadAll(x)
		if err != nil {
			t.Fatal(err)
		}
		if want := sha256.Sum256(data); sum != hex.EncodeToString(want[:]) {
			t.Errorf("digest of %q is %s, want %x", name, sum, want)
		}
	}
}

func TestDigestIgnoresLayout(t *testing.T) {
	src := sample(3, 9, 1<<20)
	want, err := Digest(src)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, o := range map[string]WriteOptions{"one": {}, "shards": {MaxShard: 1 << 20}, "lone.safetensors": {}} {
		h := writeOpen(t, filepath.Join(dir, name), src, o)
		if got, err := Digest(h); err != nil || got != want {
			t.Errorf("%s: digest %s, %v, want %s", name, got, err, want)
		}
	}
	for what, other := range map[string]*Memory{"a byte": sample(4, 9, 1<<20), "a name": one("u", 1), "a shape": {}} {
		if what == "a shape" {
			other.AddBytes(tensor.Info{Name: "w", DType: tensor.U8, Shape: []int{1, 1}}, []byte{1})
		}
		base := want
		if what != "a byte" {
			base, _ = Digest(one("w", 1))
		}
		if got, err := Digest(other); err != nil || got == base {
			t.Errorf("a change of %s leaves the digest", what)
		}
	}
}

// The split is huggingface_hub's: greedy in order, a tensor above the limit alone in its own shard, the open shard
// stays open.
func TestSplit(t *testing.T) {
	for _, c := range []struct {
		sizes []int
		most  int64
		want  string
	}{
		{[]int{1, 2, 3}, 10, "[1 2 3]"},
		{[]int{4, 4, 4}, 8, "[4 4] [4]"},
		{[]int{4, 20, 4}, 8, "[20] [4 4]"},
		{[]int{6, 6, 6}, 8, "[6] [6] [6]"},
		{[]int{8, 8}, 8, "[8] [8]"},
		{[]int{20, 30}, 8, "[20] [30]"},
		{nil, 8, "[]"},
	} {
		var list []placed
		for i, n := range c.sizes {
			list = append(list, placed{info: tensor.Info{Name: fmt.Sprint(i), DType: tensor.U8, Shape: []int{n}}})
		}
		var got []string
		for _, s := range split(list, c.most) {
			var sizes []int64
			for _, p := range s {
				sizes = append(sizes, p.info.Size())
			}
			got = append(got, fmt.Sprint(sizes))
		}
		if g := strings.Join(got, " "); g != c.want {
			t.Errorf("%v at %d: %s, want %s", c.sizes, c.most, g, c.want)
		}
	}
}

func TestIndexIsTransformers(t *testing.T) {
	src := &Memory{}
	src.AddBytes(tensor.Info{Name: "b", DType: tensor.F32, Shape: []int{2}}, make([]byte, 8))
	src.AddBytes(tensor.Info{Name: "a", DType: tensor.BF16, Shape: []int{4}}, make([]byte, 8))
	dst := filepath.Join(t.TempDir(), "out")
	writeOpen(t, dst, src, WriteOptions{MaxShard: 8})
	got, err := os.ReadFile(filepath.Join(dst, indexFile))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
  "metadata": {
    "total_parameters": 6,
    "total_size": 16
  },
  "weight_map": {
    "a": "model-00002-of-00002.safetensors",
    "b": "model-00001-of-00002.safetensors"
  }
}
`
	if string(got) != want || !json.Valid(got) {
		t.Errorf("index\n%s\nwant\n%s", got, want)
	}
}

// endless is a tensor of any size that costs no memory, and counts the bytes that are asked for at once.
type endless struct {
	info tensor.Info
	most *atomic.Int64
}

func (e endless) Info() tensor.Info { return e.info }
func (e endless) ReadAt(p []byte, off int64) (int, error) {
	for n := int64(len(p)); n > e.most.Load(); {
		e.most.Store(n)
	}
	return len(p), nil
}

func TestWriteAsksForChunks(t *testing.T) {
	var most atomic.Int64
	src := FromTensors([]tensor.Tensor{endless{tensor.Info{Name: "w", DType: tensor.BF16, Shape: []int{40 << 20}},
		&most}}, nil, nil)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := Write(context.Background(), filepath.Join(t.TempDir(), "w.safetensors"), src,
		WriteOptions{Workers: 4}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if most.Load() > chunkBytes {
		t.Errorf("%d bytes of a tensor asked for at once, want at most %d", most.Load(), chunkBytes)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
		t.Errorf("%d bytes allocated while writing 80 MiB", n)
	}
	for _, workers := range []int{1, 2, 16, 64, 1000} {
		n, size := (&pump{workers: workers}).pool()
		if int64(n)*size > 64<<20 || size%8 != 0 || n < 1 || size < 4096 {
			t.Errorf("%d workers: %d buffers of %d bytes", workers, n, size)
		}
	}
}

// failing gives an error, or calls a function, when its middle is read.
type failing struct {
	endless
	do func() error
}

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off > 10<<20 {
		if err := f.do(); err != nil {
			return 0, err
		}
	}
	return f.endless.ReadAt(p, off)
}

func failingSource(do func() error) Source {
	var most atomic.Int64
	src := sample(1, 3, 100)
	src.Add(failing{endless{tensor.Info{Name: "bad", DType: tensor.U8, Shape: []int{64 << 20}}, &most}, do})
	return src
}

func TestWriteFailsCleanly(t *testing.T) {
	broken := errors.New("broken")
	ctx, cancel := context.WithCancel(context.Background())
	for what, do := range map[string]func() error{
		"error":  func() error { return fault.Inputf("the tensor is %w", broken) },
		"cancel": func() error { cancel(); return nil },
		"short":  func() error { return io.EOF },
	} {
		dir := t.TempDir()
		for _, name := range []string{"out", "out.safetensors"} {
			c := context.Background()
			if what == "cancel" {
				c = ctx
			}
			_, err := Write(c, filepath.Join(dir, name), failingSource(do), WriteOptions{Workers: 3})
			switch {
			case what == "cancel" && !errors.Is(err, context.Canceled):
				t.Errorf("cancelled: %v", err)
			case what == "error" && (!errors.Is(err, broken) || fault.KindOf(err) != fault.Input ||
				!strings.Contains(err.Error(), `"bad"`)):
				t.Errorf("failed: %v", err)
			case what == "short" && !errors.Is(err, io.ErrUnexpectedEOF):
				t.Errorf("short: %v", err)
			}
		}
		onlyThese(t, dir)
	}
}

// onlyThese checks the names in a directory.
func onlyThese(t *testing.T, dir string, want ...string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, de := range list {
		got = append(got, de.Name())
	}
	if !slices.Equal(got, append([]string{}, want...)) {
		t.Errorf("%s holds %v, want %v", dir, got, want)
	}
}

func TestWriteProgress(t *testing.T) {
	src := sample(5, 6, 5<<20)
	total, err := Bytes(src)
	if err != nil {
		t.Fatal(err)
	}
	var last int64
	o := WriteOptions{Progress: func(done int64) { last = max(last, done) }}
	writeOpen(t, filepath.Join(t.TempDir(), "out"), src, o)
	if last != total {
		t.Errorf("progress ended at %d of %d", last, total)
	}
}

func TestWriteForce(t *testing.T) {
	for _, name := range []string{"out", "out.safetensors"} {
		dir := t.TempDir()
		dst := filepath.Join(dir, name)
		writeOpen(t, dst, sample(1, 5, 100), WriteOptions{MaxShard: 100})
		want := sample(2, 3, 100)
		sameSource(t, writeOpen(t, dst, want, WriteOptions{Force: true}), want)
		onlyThese(t, dir, name)
		if name == "out" {
			onlyThese(t, dst, "chat_templates", "config.json", "model.safetensors") // no shard or index of the old one
		}
	}
}

// TestUsualNames: weights that transformers_weights named are written under the usual name, and config.json says no
// other.
func TestUsualNames(t *testing.T) {
	text := "{\n  \"a\": 30.0,\n  \"transformers_weights\": \"x.safetensors\"\n}\n"
	dir := put(t, map[string]string{"x.safetensors": st(t, "w"), "config.json": text})
	h, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	out := filepath.Join(t.TempDir(), "out")
	if _, err := Write(context.Background(), out, h, WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(out, "config.json"))
	if err != nil || string(got) != "{\n  \"a\": 30.0\n}\n" {
		t.Errorf("config.json is %q, %v", got, err)
	}
	again, err := Open(out)
	if err != nil {
		t.Fatal(err)
	}
	_ = again.Close()
}

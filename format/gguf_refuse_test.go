package format

import (
	"encoding/binary"
	"math"
	"os"
	"strings"
	"testing"

	"famkit/internal/fault"
	"famkit/internal/gguftest"
)

// soundGGUF is a file with a pair of most kinds and three tensors.
func soundGGUF() *gguftest.File {
	return &gguftest.File{
		Pairs: []gguftest.Pair{
			gguftest.KV("general.architecture", "llama"), gguftest.KV("n", uint32(7)), gguftest.KV("b", true),
			gguftest.KV("e", float32(1e-5)),
			gguftest.KV("list", []int32{1, 2, 3}), gguftest.KV("words", []string{"one", "two"}), gguftest.KV("big", uint64(1)),
			gguftest.KV("d", 2.5),
		},
		Tensors: []gguftest.Tensor{
			{Name: "a", Dims: []uint64{2, 3}, Type: 0, Data: gguftest.Floats(1, 2, 3, 4, 5, 6)},
			{Name: "q", Dims: []uint64{64, 2}, Type: 8, Data: make([]byte, 4*34)},
			{Name: "h", Dims: []uint64{5}, Type: 1, Data: make([]byte, 10)},
		},
	}
}

func ptr[T any](v T) *T { return &v }

// TestGGUFRefusals breaks a sound file in one place each: the cases of llama.cpp's own test of its reader, and more.
func TestGGUFRefusals(t *testing.T) {
	long := strings.Repeat("n", 64)
	array := func(kind uint32, n uint64) []byte {
		return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint32(nil, kind), n)
	}
	for _, c := range []struct {
		name, want string
		breaks     func(f *gguftest.File)
	}{
		{"version 1", "wanted version 2 or 3, found 1", func(f *gguftest.File) { f.Version = 1 }},
		{"future version", "wanted version 2 or 3, found 4", func(f *gguftest.File) { f.Version = 4 }},
		{"big-endian", "found a big-endian one of version 3", func(f *gguftest.File) { f.Version = 3 << 24 }},
		{"too many tensors", "promises 9223372036854775807 tensors",
			func(f *gguftest.File) { f.NTensors = ptr[uint64](math.MaxInt64) }},
		{"too many pairs", "promises 18446744073709551615 metadata pairs",
			func(f *gguftest.File) { f.NPairs = ptr[uint64](math.MaxUint64) }},
		{"one pair too few", "tensor", func(f *gguftest.File) { f.NPairs = ptr[uint64](7) }},
		{"key of the whole address space", "wanted a string of at most 1073741824 bytes",
			func(f *gguftest.File) { f.Pairs[1].KeyLen = ptr[uint64](math.MaxUint64) }},
		{"key past the end", "file ends inside metadata key 1: wanted 1000000 bytes",
			func(f *gguftest.File) { f.Pairs[1].KeyLen = ptr[uint64](1000000) }},
		{"empty key", "wanted 1 to 65535 bytes, found 0", func(f *gguftest.File) { f.Pairs[1].Key = "" }},
		{"long key", "wanted 1 to 65535 bytes, found 65536",
			func(f *gguftest.File) { f.Pairs[1].Key = strings.Repeat("k", 65536) }},
		{"key not UTF-8", "wanted UTF-8", func(f *gguftest.File) { f.Pairs[1].Key = "\xff" }},
		{"duplicate key", `duplicate metadata key "b"`, func(f *gguftest.File) { f.Pairs[1].Key = "b" }},
		{"unknown kind", `metadata key "n": unknown value type 13`, func(f *gguftest.File) { f.Pairs[1].Kind = 13 }},
		{"unknown element kind", "unknown value type 99", func(f *gguftest.File) { f.Pairs[4].Payload = array(99, 1) }},
		{"array of arrays", "found an array of arrays", func(f *gguftest.File) {
			f.Pairs[4].Payload = array(gguftest.Array,
				1)
		}},
		{"array too long", "wanted an array of at most 1073741824 elements, found 1073741825",
			func(f *gguftest.File) { f.Pairs[4].Payload = array(gguftest.U8, 1<<30+1) }},
		{"array past the end", "file ends inside metadata key list: wanted 8589934592 bytes",
			func(f *gguftest.File) { f.Pairs[4].Payload = array(gguftest.U64, 1<<30) }},
		{"strings past the end", "file ends inside metadata key list: wanted 8589934592 bytes",
			func(f *gguftest.File) { f.Pairs[4].Payload = array(gguftest.String, 1<<30) }},
		{"bool of 2", "wanted a bool of 0 or 1, found 2", func(f *gguftest.File) { f.Pairs[2].Payload = []byte{2} }},
		{"alignment 0", "wanted a power of two, found 0",
			func(f *gguftest.File) { f.Pairs[1] = gguftest.KV("general.alignment", uint32(0)) }},
		{"alignment 13", "wanted a power of two, found 13",
			func(f *gguftest.File) { f.Pairs[1] = gguftest.KV("general.alignment", uint32(13)) }},
		{"alignment as text", "wanted uint32, found string",
			func(f *gguftest.File) { f.Pairs[1] = gguftest.KV("general.alignment", "32") }},
		{"split", "found part 0 of 3", func(f *gguftest.File) {
			f.Pairs = append(f.Pairs, gguftest.KV("split.no", uint16(0)), gguftest.KV("split.count", uint16(3)))
		}},
		{"name of 64", "the name of tensor 1: wanted 1 to 63 bytes of UTF-8, found 64",
			func(f *gguftest.File) { f.Tensors[1].Name = long }},
		{"no name", "wanted 1 to 63 bytes of UTF-8, found 0", func(f *gguftest.File) { f.Tensors[1].Name = "" }},
		{"name past the end", "file ends inside the name of tensor 1",
			func(f *gguftest.File) { f.Tensors[1].NameLen = ptr[uint64](1 << 20) }},
		{"5 dimensions", `tensor "q": wanted at most 4 dimensions, found 5`,
			func(f *gguftest.File) { f.Tensors[1].NDims = ptr[uint32](5) }},
		{"4 G dimensions", "found 4294967295", func(f *gguftest.File) { f.Tensors[1].NDims = ptr[uint32](math.MaxUint32) }},
		{"negative dimension", "wanted a dimension below 2^63",
			func(f *gguftest.File) { f.Tensors[0].Dims = []uint64{math.MaxUint64, 3} }},
		{"overflow", "overflows", func(f *gguftest.File) { f.Tensors[0].Dims = []uint64{1 << 40, 1 << 40} }},
		{"overflow in bytes", "overflows", func(f *gguftest.File) { f.Tensors[0].Dims = []uint64{1 << 61} }},
		{"overflow beside an empty dimension", "overflows",
			func(f *gguftest.File) { f.Tensors[0].Dims = []uint64{0, 1 << 62, 1 << 62} }},
		{"more than the file", `tensor "a": wanted 8589934592 bytes of data`,
			func(f *gguftest.File) { f.Tensors[0].Dims = []uint64{1 << 31} }},
		{"unknown type", `tensor "a": unknown type 1000`, func(f *gguftest.File) { f.Tensors[0].Type = 1000 }},
		{"removed type", `tensor "a": unknown type 4`, func(f *gguftest.File) { f.Tensors[0].Type = 4 }},
		{"cut block", `tensor "q" of shape [2 48]: wanted rows of a multiple of 32 elements for Q8_0, found 48`,
			func(f *gguftest.File) { f.Tensors[1].Dims = []uint64{48, 2} }},
		{"scalar block", "wanted rows of a multiple of 32 elements for Q8_0, found 1",
			func(f *gguftest.File) { f.Tensors[1].Dims = nil }},
		{"offset not aligned", "wanted a data offset that is a multiple of 32, found 33",
			func(f *gguftest.File) { f.Tensors[1].Offset = ptr[uint64](33) }},
		{"gap", `tensor "q": wanted data offset 32, right after the tensor before, found 64`,
			func(f *gguftest.File) { f.Tensors[1].Offset = ptr[uint64](64) }},
		{"overlap", `tensor "q": wanted data offset 32, right after the tensor before, found 0`,
			func(f *gguftest.File) { f.Tensors[1].Offset = ptr[uint64](0) }},
		{"huge offset", "wanted a data offset below 2^63",
			func(f *gguftest.File) { f.Tensors[1].Offset = ptr[uint64](math.MaxUint64) }},
		{"other alignment than written", "wanted a data offset that is a multiple of 64, found 32",
			func(f *gguftest.File) { f.Pairs = append(f.Pairs, gguftest.KV("general.alignment", uint32(64))) }},
		{"duplicate tensor", `duplicate tensor name "a"`, func(f *gguftest.File) { f.Tensors[1].Name = "a" }},
		{"data cut short", `tensor "h": wanted 20000 bytes of data`,
			func(f *gguftest.File) { f.Tensors[2].Dims = []uint64{10000} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := soundGGUF()
			c.breaks(f)
			path := writeTest(t, f.Bytes())
			_, err := Open(path)
			if err == nil {
				t.Fatal("was accepted")
			}
			if !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), path+": ") ||
				fault.KindOf(err) != fault.Input {
				t.Errorf("%v, wanted %s", err, c.want)
			}
		})
	}
	if _, err := Open(writeTest(t, soundGGUF().Bytes())); err != nil {
		t.Errorf("the sound file is refused: %v", err)
	}
	if _, err := Open(writeTest(t, (&gguftest.File{}).Bytes())); err != nil {
		t.Errorf("a file without tensors is refused: %v", err)
	}
}

// TestGGUFTruncated cuts a sound file at every length: no cut before the last byte of data is accepted.
func TestGGUFTruncated(t *testing.T) {
	whole := soundGGUF().Bytes()
	end := len(whole) - 22 // the last tensor has 10 bytes, the rest is padding
	path := writeTest(t, whole)
	for n := len(whole); n >= 4; n-- {
		if err := os.Truncate(path, int64(n)); err != nil {
			t.Fatal(err)
		}
		h, err := Open(path)
		if (err == nil) != (n >= end) {
			t.Fatalf("%d of %d bytes: error %v", n, len(whole), err)
		}
		if h != nil {
			_ = h.Close()
		}
		if err != nil && fault.KindOf(err) != fault.Input {
			t.Fatalf("%d bytes: kind %d: %v", n, fault.KindOf(err), err)
		}
	}
}

// FuzzGGUF lets nothing crash the reader, take more memory than the file can justify, or read past a tensor's end.
func FuzzGGUF(f *testing.F) {
	f.Add(soundGGUF().Bytes())
	f.Add((&gguftest.File{}).Bytes())
	if golden, err := os.ReadFile("../fixtures/gguf/types.gguf"); err == nil {
		f.Add(golden)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := openGGUF(writeTest(t, data))
		if err != nil {
			return
		}
		defer func() { _ = h.Close() }()
		m, _ := GGUF(h)
		for _, k := range m.Keys() {
			_ = m.Show(k)
			_, _ = m.Ints(k)
			_, _ = m.Floats(k)
		}
		for _, name := range h.Names() {
			x, err := h.Tensor(name)
			if err != nil {
				t.Fatal(err)
			}
			n := x.Info().Size()
			p := make([]byte, 300)
			for _, off := range []int64{0, n / 2, max(0, n-5), n} {
				if k, err := x.ReadAt(p, off); int64(k) > max(0, n-off) || k > 0 && k < len(p) && err == nil {
					t.Errorf("%s: %d of %d bytes at %d, error %v", name, k, n, off, err)
				}
			}
		}
	})
}

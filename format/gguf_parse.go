package format

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/bits"
	"unicode/utf8"

	"famkit/internal/fault"
	"famkit/internal/tensor"
)

// Limits of the GGUF reader; llama.cpp has the same.
const (
	ggufMaxKey      = 65535
	ggufMaxName     = 63
	ggufMaxDims     = 4
	ggufMaxElements = 1 << 30 // of a string or an array
	ggufAlignment   = 32      // where general.alignment is absent
	ggufMinPair     = 8 + 1 + 4 + 1
	ggufMinTensor   = 8 + 1 + 4 + 4 + 8
)

// ggufReader walks the header. Every length is held against what is left of the file before memory is taken for it.
type ggufReader struct {
	path      string
	r         *bufio.Reader
	pos, size int64
}

func (g *ggufReader) fail(format string, a ...any) error {
	return fault.Inputf("%s: gguf: "+format, append([]any{g.path}, a...)...)
}

// need checks that n more bytes are there for what.
func (g *ggufReader) need(n int64, what string) error {
	if left := g.size - g.pos; n > left {
		return g.fail("file ends inside %s: wanted %d bytes at offset %d, found %d", what, n, g.pos, left)
	}
	return nil
}

func (g *ggufReader) bytes(n int64, what string) ([]byte, error) {
	if err := g.need(n, what); err != nil {
		return nil, err
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(g.r, b); err != nil {
		return nil, fault.Unread(err, "%s: reading %s at offset %d", g.path, what, g.pos)
	}
	g.pos += n
	return b, nil
}

func (g *ggufReader) u32(what string) (uint32, error) {
	b, err := g.bytes(4, what)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

func (g *ggufReader) u64(what string) (uint64, error) {
	b, err := g.bytes(8, what)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

func (g *ggufReader) str(what string) (string, error) {
	n, err := g.u64("the length of " + what)
	if err != nil {
		return "", err
	}
	if n > ggufMaxElements {
		return "", g.fail("%s: wanted a string of at most %d bytes, found length %d", what, ggufMaxElements, n)
	}
	b, err := g.bytes(int64(n), what)
	return string(b), err
}

// count reads a number of entries that take at least least bytes each.
func (g *ggufReader) count(what string, least int64) (int, error) {
	n, err := g.u64("the number of " + what)
	if err != nil {
		return 0, err
	}
	if left := g.size - g.pos; n > uint64(left/least) {
		return 0, g.fail("header promises %d %s, but the %d bytes left hold at most %d", n, what, left, left/least)
	}
	return int(n), nil
}

// parseGGUF reads the header of a file of the given size and returns what it says and where the data section begins.
func parseGGUF(path string, r io.Reader, size int64) (m *GGUFMeta, data int64, err error) {
	g := &ggufReader{path: path, r: bufio.NewReaderSize(r, 1<<16), size: size}
	m = &GGUFMeta{path: path, values: map[string]*ggufValue{}}
	if err := g.preamble(m); err != nil {
		return nil, 0, err
	}
	nTensors, err := g.u64("the number of tensors")
	if err != nil {
		return nil, 0, err
	}
	nPairs, err := g.count("metadata pairs", ggufMinPair)
	if err != nil {
		return nil, 0, err
	}
	if left := size - g.pos; nTensors > uint64(left/ggufMinTensor) {
		return nil, 0, g.fail("header promises %d tensors, but the %d bytes left hold at most %d", nTensors, left,
			left/ggufMinTensor)
	}
	for range nPairs {
		if err := g.pair(m); err != nil {
			return nil, 0, err
		}
	}
	align, err := m.alignment()
	if err != nil {
		return nil, 0, err
	}
	if err := m.refuseSplit(); err != nil {
		return nil, 0, err
	}
	if err := g.tensors(m, int(nTensors)); err != nil {
		return nil, 0, err
	}
	data, ok := padTo(g.pos, align)
	if !ok {
		return nil, 0, g.fail("data section: wanted an offset below 2^63, found overflow at alignment %d", align)
	}
	return m, data, m.checkData(data, size, align)
}

func (g *ggufReader) preamble(m *GGUFMeta) error {
	magic, err := g.bytes(4, "the magic")
	if err != nil {
		return err
	}
	if string(magic) != "GGUF" {
		return g.fail("wanted magic \"GGUF\", found %q", magic)
	}
	if m.version, err = g.u32("the version"); err != nil {
		return err
	}
	switch v := m.version; {
	case v == 2 || v == 3:
		return nil
	case v&0xffff == 0 && v != 0:
		return g.fail("wanted a little-endian file, found a big-endian one of version %d", bits.ReverseBytes32(v))
	default:
		return g.fail("wanted version 2 or 3, found %d", v)
	}
}

func (g *ggufReader) pair(m *GGUFMeta) error {
	what := fmt.Sprintf("metadata key %d", len(m.keys))
	key, err := g.str(what)
	if err != nil {
		return err
	}
	switch {
	case key == "" || len(key) > ggufMaxKey:
		return g.fail("%s: wanted 1 to %d bytes, found %d", what, ggufMaxKey, len(key))
	case !utf8.ValidString(key):
		return g.fail("%s: wanted UTF-8, found %q", what, key)
	case m.values[key] != nil:
		return g.fail("duplicate metadata key %q", key)
	}
	kind, err := g.u32("the type of metadata key " + key)
	if err != nil {
		return err
	}
	v := &ggufValue{kind: ggufKind(kind), n: 1}
	if v.kind == ggufArray {
		if err := g.arrayHead(v, key); err != nil {
			return err
		}
	}
	if err := g.payload(v, key); err != nil {
		return err
	}
	m.keys = append(m.keys, key)
	m.values[key] = v
	return nil
}

func (g *ggufReader) arrayHead(v *ggufValue, key string) error {
	kind, err := g.u32("the element type of metadata key " + key)
	if err != nil {
		return err
	}
	n, err := g.u64("the length of metadata key " + key)
	if err != nil {
		return err
	}
	v.kind, v.array = ggufKind(kind), true
	if v.kind == ggufArray {
		return g.fail("metadata key %q: wanted an array of plain values, found an array of arrays", key)
	}
	if n > ggufMaxElements {
		return g.fail("metadata key %q: wanted an array of at most %d elements, found %d", key, ggufMaxElements, n)
	}
	v.n = int(n)
	return nil
}

func (g *ggufReader) payload(v *ggufValue, key string) (err error) {
	if int(v.kind) >= len(ggufKindSizes) {
		return g.fail("metadata key %q: unknown value type %d", key, uint32(v.kind))
	}
	what := "metadata key " + key
	if v.kind == ggufString {
		if err := g.need(8*int64(v.n), what); err != nil {
			return err
		}
		v.text = make([]string, v.n)
		for i := range v.text {
			if v.text[i], err = g.str(what); err != nil {
				return err
			}
		}
		return nil
	}
	if v.raw, err = g.bytes(int64(v.n)*ggufKindSizes[v.kind], what); err != nil {
		return err
	}
	if v.kind == ggufBool {
		for _, b := range v.raw {
			if b > 1 {
				return g.fail("metadata key %q: wanted a bool of 0 or 1, found %d", key, b)
			}
		}
	}
	return nil
}

func (g *ggufReader) tensors(m *GGUFMeta, n int) error {
	seen := make(map[string]bool)
	for i := range n {
		t, err := g.tensor(i)
		if err != nil {
			return err
		}
		if seen[t.Name] {
			return g.fail("duplicate tensor name %q", t.Name)
		}
		seen[t.Name] = true
		m.tensors = append(m.tensors, t)
	}
	return nil
}

func (g *ggufReader) tensor(i int) (t GGUFTensor, err error) {
	what := fmt.Sprintf("the name of tensor %d", i)
	if t.Name, err = g.str(what); err != nil {
		return t, err
	}
	if t.Name == "" || len(t.Name) > ggufMaxName || !utf8.ValidString(t.Name) {
		return t, g.fail("%s: wanted 1 to %d bytes of UTF-8, found %d: %.80q", what, ggufMaxName, len(t.Name), t.Name)
	}
	what = "tensor " + t.Name
	dims, err := g.u32(what)
	if err != nil {
		return t, err
	}
	if dims > ggufMaxDims {
		return t, g.fail("tensor %q: wanted at most %d dimensions, found %d", t.Name, ggufMaxDims, dims)
	}
	t.Shape = make([]int, dims)
	for d := range t.Shape { // innermost first in the file
		ne, err := g.u64(what)
		if err != nil {
			return t, err
		}
		if ne > math.MaxInt64 {
			return t, g.fail("tensor %q: wanted a dimension below 2^63, found %d", t.Name, ne)
		}
		t.Shape[int(dims)-1-d] = int(ne)
	}
	kind, err := g.u32(what)
	if err != nil {
		return t, err
	}
	t.Type = GGMLType(kind)
	offset, err := g.u64(what)
	if err != nil {
		return t, err
	}
	if offset > math.MaxInt64 {
		return t, g.fail("tensor %q: wanted a data offset below 2^63, found %d", t.Name, offset)
	}
	t.Offset = int64(offset)
	t.Bytes, err = g.dataBytes(t)
	return t, err
}

// dataBytes is the size of a tensor's data.
func (g *ggufReader) dataBytes(t GGUFTensor) (int64, error) {
	f, ok := ggmlFacts[t.Type]
	if !ok {
		return 0, g.fail("tensor %q: unknown type %d", t.Name, uint32(t.Type))
	}
	row := int64(1)
	if len(t.Shape) > 0 {
		row = int64(t.Shape[len(t.Shape)-1])
	}
	if row%f.block != 0 {
		return 0, g.fail("tensor %q of shape %v: wanted rows of a multiple of %d elements for %s, found %d", t.Name, t.Shape,
			f.block, f.name, row)
	}
	// Eight bytes an element are more than any type takes, stored or dequantised.
	widest := tensor.Info{Name: t.Name, DType: tensor.F64, Shape: t.Shape}
	if _, err := widest.Bytes(); err != nil {
		return 0, g.fail("%w", err)
	}
	n, err := widest.Elems()
	if err != nil {
		return 0, g.fail("%w", err)
	}
	return int64(n) / f.block * f.size, nil
}

func (m *GGUFMeta) alignment() (int64, error) {
	const key = "general.alignment"
	if !m.Has(key) {
		return ggufAlignment, nil
	}
	v := m.values[key]
	if v.array || v.kind != ggufU32 {
		return 0, fault.Inputf("%s: metadata key %q: wanted uint32, found %s", m.path, key, v.describe())
	}
	n, _ := v.integer(0)
	if n == 0 || n&(n-1) != 0 {
		return 0, fault.Inputf("%s: metadata key %q: wanted a power of two, found %d", m.path, key, n)
	}
	return n, nil
}

func (m *GGUFMeta) refuseSplit() error {
	if !m.Has("split.count") {
		return nil
	}
	n, err := m.Int("split.count")
	if err != nil || n <= 1 {
		return err
	}
	no := m.Show("split.no")
	err = fault.Inputf("%s: wanted a whole GGUF file, found part %s of %d (split.no, split.count)", m.path, no, n)
	return fault.Hint(err, "merge the parts first: llama-gguf-split --merge FIRST-PART OUT.gguf")
}

// checkData holds the offsets against the rule that tensors follow each other in order, each padded to the alignment,
// and against the file's size.
func (m *GGUFMeta) checkData(data, size, align int64) error {
	next := int64(0)
	for _, t := range m.tensors {
		if t.Offset%align != 0 {
			return fault.Inputf("%s: gguf: tensor %q: wanted a data offset that is a multiple of %d, found %d", m.path, t.Name,
				align, t.Offset)
		}
		if t.Offset != next {
			return fault.Inputf("%s: gguf: tensor %q: wanted data offset %d, right after the tensor before, found %d", m.path,
				t.Name, next, t.Offset)
		}
		if left := size - data - t.Offset; t.Bytes > left {
			return fault.Inputf("%s: gguf: tensor %q: wanted %d bytes of data at offset %d, found %d before the end of the "+
				"file: cut short",
				m.path, t.Name, t.Bytes, data+t.Offset, max(left, 0))
		}
		end, ok := padTo(t.Offset+t.Bytes, align)
		if !ok {
			return fault.Inputf("%s: gguf: tensor %q: data offset overflows", m.path, t.Name)
		}
		next = end
	}
	return nil
}

// padTo rounds n up to a multiple of align, a power of two.
func padTo(n, align int64) (int64, bool) {
	if n > math.MaxInt64-align {
		return 0, false
	}
	return (n + align - 1) &^ (align - 1), true
}

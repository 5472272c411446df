package format

import (
	"bytes"
	"io"
	"iter"
	"maps"
	"sync"

	"famkit/internal/disk"
	"famkit/internal/fault"
	"famkit/internal/infile"
	"famkit/internal/tensor"
)

// looksLikeGGUF tells a GGUF file by its magic.
func looksLikeGGUF(head []byte) bool { return bytes.HasPrefix(head, []byte("GGUF")) }

// ggufHandle is an open GGUF file. Names, shapes and values are those of the file (llama.cpp's names, rows of q and k
// as llama.cpp orders them); package convert gives them their Hugging Face form.
type ggufHandle struct {
	meta *GGUFMeta
	file *disk.File
	data int64
	byID map[string]*GGUFTensor
}

// openGGUF reads the header of a GGUF file of version 2 or 3.
func openGGUF(path string) (Handle, error) {
	f, err := infile.Open(path)
	if err != nil {
		return nil, err
	}
	h, err := newGGUFHandle(path, f)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return h, nil
}

func newGGUFHandle(path string, f *disk.File) (*ggufHandle, error) {
	size, err := f.Size()
	if err != nil {
		return nil, fault.OS(err)
	}
	m, data, err := parseGGUF(path, f, size)
	if err != nil {
		return nil, err
	}
	h := &ggufHandle{meta: m, file: f, data: data, byID: make(map[string]*GGUFTensor, len(m.tensors))}
	for i := range m.tensors {
		h.byID[m.tensors[i].Name] = &m.tensors[i]
	}
	return h, nil
}

// GGUF gives the metadata of a handle that is a GGUF file; ok is false for any other.
func GGUF(h Handle) (m *GGUFMeta, ok bool) {
	g, ok := h.(*ggufHandle)
	if !ok {
		return nil, false
	}
	return g.meta, true
}

func (h *ggufHandle) Path() string       { return h.meta.path }
func (h *ggufHandle) Warnings() []string { return nil }
func (h *ggufHandle) Close() error       { return h.file.Close() }

// Names lists the tensors in the file's order.
func (h *ggufHandle) Names() []string {
	names := make([]string, len(h.meta.tensors))
	for i, t := range h.meta.tensors {
		names[i] = t.Name
	}
	return names
}

// Meta shows the metadata as text, arrays as their type and length.
func (h *ggufHandle) Meta() map[string]string {
	text := make(map[string]string, len(h.meta.keys))
	for _, k := range h.meta.keys {
		text[k] = h.meta.Show(k)
	}
	return text
}

// Files is empty: a GGUF file carries everything in its metadata.
func (h *ggufHandle) Files() iter.Seq2[string, []byte] { return maps.All(map[string][]byte(nil)) }

// Tensor gives a tensor's values: plain types as they are, Q8_0, Q4_0 and Q4_1 dequantised to F32. Tensors of other
// quantised types are described as F32, and reading them is refused.
func (h *ggufHandle) Tensor(name string) (tensor.Tensor, error) {
	t, ok := h.byID[name]
	if !ok {
		return nil, fault.Inputf("%s: no tensor %q", h.meta.path, name)
	}
	fact := ggmlFacts[t.Type]
	info := tensor.Info{Name: name, DType: fact.read, Shape: t.Shape}
	data := io.NewSectionReader(h.file, h.data+t.Offset, t.Bytes)
	switch {
	case fact.read == tensor.Invalid:
		info.DType = tensor.F32
		return &ggufUnreadable{info, h.meta.path, t.Type}, nil
	case fact.dequant != nil:
		return &ggufQuantised{info, h.meta.path, fact, data}, nil
	}
	return &ggufPlain{info, data}, nil
}

// ggufPlain is a tensor of plain elements.
type ggufPlain struct {
	info tensor.Info
	*io.SectionReader
}

func (t *ggufPlain) Info() tensor.Info { return t.info }

// ggufUnreadable is a tensor of a quantised type that has no dequantiser.
type ggufUnreadable struct {
	info tensor.Info
	path string
	kind GGMLType
}

func (t *ggufUnreadable) Info() tensor.Info { return t.info }

func (t *ggufUnreadable) ReadAt([]byte, int64) (int, error) {
	return 0, UnreadableGGUF(t.path, t.info.Name, t.kind)
}

// UnreadableGGUF is the refusal of a tensor whose quantised type cannot be read.
func UnreadableGGUF(path, name string, kind GGMLType) error {
	err := fault.Inputf("%s: tensor %q: wanted F32, F16, BF16, Q8_0, Q4_0 or Q4_1, found %s", path, name, kind)
	return fault.Hint(err, "convert the file with llama-quantize to one of these types first")
}

// ggufQuantised gives the float32 bytes of a tensor of blocks of 32 elements, dequantising just the blocks that a
// read touches.
type ggufQuantised struct {
	info tensor.Info
	path string
	fact ggmlFact
	data *io.SectionReader
}

// ggufChunk is the number of blocks that one read of the file takes: 2048 blocks are 256 KiB of float32.
const ggufChunk = 2048

// ggufBuffers hold the stored bytes of a chunk, of any quantised type.
var ggufBuffers = sync.Pool{New: func() any { return new([ggufChunk * 34]byte) }}

func (t *ggufQuantised) Info() tensor.Info { return t.info }

// ReadAt implements io.ReaderAt over the dequantised bytes.
func (t *ggufQuantised) ReadAt(p []byte, off int64) (int, error) {
	blockOut := 4 * t.fact.block
	size := t.data.Size() / t.fact.size * blockOut
	if off < 0 {
		return 0, fault.Failedf("%s: tensor %q: read at offset %d", t.path, t.info.Name, off)
	}
	buf := ggufBuffers.Get().(*[ggufChunk * 34]byte)
	defer ggufBuffers.Put(buf)
	return tensor.ReadPieces(p, off, size, func(p []byte, off int64) (int, error) { return t.readChunk(p, off, buf[:]) })
}

// readChunk fills the beginning of p: a run of whole blocks, or the part of one block that off or p cuts.
func (t *ggufQuantised) readChunk(p []byte, off int64, buf []byte) (int, error) {
	blockOut := 4 * t.fact.block
	first, skip := off/blockOut, off%blockOut
	blocks := min(int64(len(p))/blockOut, ggufChunk)
	partial := skip != 0 || blocks == 0
	if partial {
		blocks = 1
	}
	src := buf[:blocks*t.fact.size]
	if err := tensor.Fill(t.data, src, first*t.fact.size); err != nil {
		return 0, fault.Unread(err, "%s: tensor %q: reading %d bytes", t.path, t.info.Name, len(src))
	}
	if partial {
		var block [4 * 32]byte
		t.fact.dequant(block[:], src)
		return copy(p, block[skip:]), nil
	}
	t.fact.dequant(p[:blocks*blockOut], src)
	return int(blocks * blockOut), nil
}

package format

import (
	"encoding/binary"
	"io"
	"math"
	"math/bits"
	"slices"
	"unicode/utf8"

	"famkit/internal/fault"
	"famkit/internal/tensor"
)

// suffix of the container's file names.
const suffix = ".safetensors"

// headerCap is the largest header that a reader of the format accepts, the Rust crate's own limit.
const headerCap = 100_000_000

// metadataKey is the one header key that is not a tensor.
const metadataKey = "__metadata__"

// entry is one tensor of a header. begin and end count from the start of the data.
type entry struct {
	name       string
	dtype      tensor.DType
	shape      []uint64
	begin, end uint64
}

// header is what stands before the data of a safetensors file.
type header struct {
	entries []entry // in the order of their data
	meta    map[string]string
	start   int64 // offset of the data in the file
}

func (e *entry) info() tensor.Info {
	shape := make([]int, len(e.shape))
	for i, d := range e.shape {
		shape[i] = int(d)
	}
	return tensor.Info{Name: e.name, DType: e.dtype, Shape: shape}
}

// readHeader reads and checks the header of a file of size bytes: the checks of the Rust crate, in its order. The
// length prefix is compared with the file's size before anything is allocated by it. path is for messages only.
func readHeader(r io.ReaderAt, size int64, path string) (*header, error) {
	var prefix [8]byte
	if size < 8 {
		return nil, truncatedHint(fault.Inputf("%s: header too small: wanted at least 8 bytes, found %d", path, size))
	}
	if err := tensor.Fill(r, prefix[:], 0); err != nil {
		return nil, fault.Unread(err, "%s: reading the header length", path)
	}
	n := binary.LittleEndian.Uint64(prefix[:])
	if n > headerCap {
		return nil, fault.Inputf("%s: header too large: wanted at most %d bytes, found a length of %d", path, headerCap, n)
	}
	if int64(n) > size-8 {
		return nil, truncatedHint(fault.Inputf("%s: invalid header length: wanted %d bytes of header, found %d bytes "+
			"after the length", path, n, size-8))
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(io.NewSectionReader(r, 8, int64(n)), text); err != nil {
		return nil, fault.Unread(err, "%s: reading the header", path)
	}
	if !utf8.Valid(text) {
		return nil, fault.Inputf("%s: invalid UTF-8 in header at byte %d", path, 8+firstInvalid(text))
	}
	h, err := parseHeader(text)
	if err != nil {
		return nil, fault.Inputf("%s: invalid header: %w", path, err)
	}
	h.start = 8 + int64(n)
	if err := h.check(size, path); err != nil {
		return nil, err
	}
	return h, nil
}

func firstInvalid(text []byte) int {
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(text)
}

// check walks the entries in the order of their data: no hole, no overlap, sizes that fit shape and dtype, and an end
// that is the end of the file. The first entry that is wrong decides the message.
func (h *header) check(size int64, path string) error {
	byOffset := func(a, b entry) int {
		switch {
		case a.begin != b.begin:
			return cmpUint(a.begin, b.begin)
		default:
			return cmpUint(a.end, b.end)
		}
	}
	if !slices.IsSortedFunc(h.entries, byOffset) {
		slices.SortStableFunc(h.entries, byOffset)
	}
	var at uint64
	for i := range h.entries {
		e := &h.entries[i]
		if e.begin != at || e.end < e.begin {
			return fault.Inputf("%s: invalid offset for tensor %q: wanted a beginning at %d, found data_offsets [%d,%d]", path,
				e.name, at, e.begin, e.end)
		}
		want, err := e.bytes()
		if err != nil {
			return fault.Inputf("%s: tensor %q: %w", path, e.name, err)
		}
		if e.end-e.begin != want {
			return fault.Inputf("%s: tensor %q: invalid shape, dtype or offsets: %s %v wants %d bytes, found data_offsets "+
				"[%d,%d] of %d bytes",
				path, e.name, e.dtype, e.shape, want, e.begin, e.end, e.end-e.begin)
		}
		at = e.end
	}
	have := uint64(size - h.start)
	switch {
	case at > have:
		return truncatedHint(fault.Inputf("%s: truncated: the header describes %d bytes of data, found %d", path, at, have))
	case at < have:
		return fault.Inputf("%s: file not fully covered: the header describes %d bytes of data, found %d", path, at, have)
	}
	return nil
}

func cmpUint(a, b uint64) int {
	if a < b {
		return -1
	}
	if a > b {
		return 1
	}
	return 0
}

// bytes is the size that shape and dtype ask for.
func (e *entry) bytes() (uint64, error) {
	n := uint64(1)
	for _, d := range e.shape {
		hi, lo := bits.Mul64(n, d)
		if hi != 0 || d > math.MaxInt64 {
			return 0, fault.Inputf("overflow computing the size of %s %v", e.dtype, e.shape)
		}
		n = lo
	}
	hi, lo := bits.Mul64(n, uint64(e.dtype.Bits()))
	if hi != 0 || lo > math.MaxInt64 {
		return 0, fault.Inputf("overflow computing the size of %s %v", e.dtype, e.shape)
	}
	if lo%8 != 0 {
		return 0, fault.Inputf("misaligned: %d elements of %s do not fill whole bytes", n, e.dtype)
	}
	return lo / 8, nil
}

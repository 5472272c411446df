package corpus

import (
	"encoding/binary"
	"slices"

	"famkit/format"
	"famkit/internal/fault"
	"famkit/internal/infile"
	"famkit/internal/tensor"
)

// The headers of llm.c's token files: 256 int32 words, of which the first three are used.
const (
	llmcHeader = 1024
	llmcGPT2   = 20240520 // version 1, uint16 ids
	llmcLlama3 = 20240801 // version 7, uint32 ids
)

// TokensTensor is the tensor of recorded batches, ids [steps, batch, seq+1].
const TokensTensor = "tokens"

// addTokenFile appends the ids of a raw file of little-endian dtype ("uint16", "uint32") or of an llm.c file, which
// names its own type.
func (s *ids) addTokenFile(path, dtype string, most int64) error {
	b, err := infile.ReadUpTo(path, most)
	if err != nil {
		return err
	}
	size := map[string]int{"uint16": 2, "uint32": 4}[dtype]
	if n, known, err := llmcFile(path, b); err != nil {
		return err
	} else if known {
		b, size = b[llmcHeader:], n
	}
	if size == 0 {
		return fault.Hint(fault.Inputf("%s: the type of its token ids is unknown", path), "%v or uint32",
			fault.Arg("token-dtype", "uint16"))
	}
	if len(b) == 0 || len(b)%size != 0 {
		return fault.Inputf("%s: %d bytes are not a positive number of %d-byte ids", path, len(b), size)
	}
	list := make([]int32, 0, 1<<16)
	for pos := 0; pos < len(b)/size; pos += len(list) {
		list = list[:0]
		for i := pos; i < len(b)/size && len(list) < cap(list); i++ {
			if size == 2 {
				list = append(list, int32(binary.LittleEndian.Uint16(b[2*i:])))
			} else {
				list = append(list, int32(min(binary.LittleEndian.Uint32(b[4*i:]), 1<<31-1)))
			}
		}
		if err := s.add(list, path, pos); err != nil {
			return err
		}
	}
	return nil
}

// llmcFile recognises an llm.c header and gives the size of an id.
func llmcFile(path string, b []byte) (size int, known bool, err error) {
	if len(b) < 12 {
		return 0, false, nil
	}
	magic, version := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
	switch {
	case magic == llmcGPT2 && version == 1:
		size = 2
	case magic == llmcLlama3 && version == 7:
		size = 4
	default:
		return 0, false, nil
	}
	n := int64(binary.LittleEndian.Uint32(b[8:]))
	if want := llmcHeader + n*int64(size); int64(len(b)) != want {
		return 0, true, fault.Inputf("%s: its header names %d tokens, %d bytes in all, found %d", path, n, want, len(b))
	}
	return size, true, nil
}

// RecordedShape reads the shape [steps, batch, seq+1] of a recorded file's tensor without its data.
func RecordedShape(path string) ([]int, error) {
	h, t, err := openRecorded(path)
	if err != nil {
		return nil, err
	}
	return t.Info().Shape, h.Close()
}

func openRecorded(path string) (format.Handle, tensor.Tensor, error) {
	h, err := format.Open(path)
	if err != nil {
		return nil, nil, err
	}
	if !slices.Contains(h.Names(), TokensTensor) {
		_ = h.Close()
		return nil, nil, fault.Inputf("%s: no tensor %q; recorded batches are [steps, batch, seq+1] ids of that name", path,
			TokensTensor)
	}
	t, err := h.Tensor(TokensTensor)
	if err != nil {
		_ = h.Close()
		return nil, nil, err
	}
	in := t.Info()
	if len(in.Shape) != 3 || slices.Min(in.Shape) < 1 || in.Shape[2] < 2 || in.DType != tensor.I32 &&
		in.DType != tensor.I64 {
		_ = h.Close()
		return nil, nil, fault.Inputf("%s: tensor %q is %s %v, wanted I32 or I64 [steps, batch, seq+1]", path, TokensTensor,
			in.DType, in.Shape)
	}
	return h, t, nil
}

// addRecorded appends the ids of a recorded file, row by row.
func (s *ids) addRecorded(path string) error {
	h, t, err := openRecorded(path)
	if err != nil {
		return err
	}
	defer func() { _ = h.Close() }()
	in := t.Info()
	size := in.DType.Bits() / 8
	b := make([]byte, in.Size())
	if err := tensor.Fill(t, b, 0); err != nil {
		return fault.Unread(err, "%s: tensor %q", path, TokensTensor)
	}
	list := make([]int32, len(b)/size)
	for i := range list {
		if size == 4 {
			list[i] = int32(binary.LittleEndian.Uint32(b[4*i:]))
		} else {
			list[i] = int32(max(min(int64(binary.LittleEndian.Uint64(b[8*i:])), 1<<31-1), -1))
		}
	}
	return s.add(list, path, 0)
}

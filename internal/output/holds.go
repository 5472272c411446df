package output

import (
	"bytes"
	"errors"
	"io"

	"famkit/internal/disk"
)

// ErrOther is the cause of a write that was reported as done and was not: the file holds something else.
var ErrOther = errors.New("the file does not hold what was written")

// holds reads a file back and compares it with what it should hold.
func holds(f *disk.File, data []byte) error {
	size, err := f.Size()
	if err != nil {
		return err
	}
	if size != int64(len(data)) {
		return ErrOther
	}
	buf := make([]byte, min(len(data), 1<<20))
	for off := 0; off < len(data); off += len(buf) {
		part := buf[:min(len(buf), len(data)-off)]
		n, err := f.ReadAt(part, int64(off))
		switch {
		case n == len(part):
		case err == nil || err == io.EOF:
			return ErrOther
		default:
			return err
		}
		if !bytes.Equal(part, data[off:off+len(part)]) {
			return ErrOther
		}
	}
	return nil
}

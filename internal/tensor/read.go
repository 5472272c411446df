package tensor

import (
	"fmt"
	"io"

	"famkit/internal/fault"
)

// ReadFull fills p from byte off of t, or says of which tensor and where it could not.
func ReadFull(t Tensor, p []byte, off int64) error {
	if err := Fill(t, p, off); err != nil {
		if fault.IsUnread(err) { // it names the file and the tensor there
			return err
		}
		return fmt.Errorf("reading tensor %q at byte %d: %w", t.Info().Name, off, err)
	}
	return nil
}

// Fill fills p from offset off of r. It is the one way in which tensors are read: what ReadAt reports besides its
// count is never passed over. Only an io.EOF that comes with the last byte is no error.
func Fill(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	switch {
	case err != nil && err != io.EOF:
		return err
	case n < len(p):
		return io.ErrUnexpectedEOF
	}
	return nil
}

// ReadPieces is ReadAt of a tensor of size bytes whose bytes are made piece by piece: piece fills the beginning of p
// and says how much of it. off is not negative.
func ReadPieces(p []byte, off, size int64, piece func(p []byte, off int64) (int, error)) (int, error) {
	if off >= size {
		return 0, io.EOF
	}
	short := int64(len(p)) > size-off
	if short {
		p = p[:size-off]
	}
	done := 0
	for done < len(p) {
		n, err := piece(p[done:], off+int64(done))
		done += n
		if err != nil {
			return done, err
		}
	}
	if short {
		return done, io.EOF
	}
	return done, nil
}

package archtest

import (
	"errors"
	"sync/atomic"

	"famkit/format"
	"famkit/internal/tensor"
)

// ErrDisk is what a read of a Failing source fails with.
var ErrDisk = errors.New("the disk fails")

// Faults counts the reads of a Failing source and says which one fails, and how.
type Faults struct {
	// Nth is the read that fails, counted from 1; 0 means none.
	Nth int64
	// Short, where it is set, makes the failing read end early without an error, as a file does that was cut off.
	Short bool
	// Reads is how many reads there were.
	Reads atomic.Int64
}

// Failing is src on a disk that fails at one read. A test reads everything once to count, and then once for each
// read: a result that comes out without an error is silent corruption.
func Failing(src format.Source, f *Faults) (*format.Memory, error) {
	files := map[string][]byte{}
	for name, data := range src.Files() {
		files[name] = data
	}
	out := format.FromTensors(nil, src.Meta(), files)
	for _, name := range src.Names() {
		t, err := src.Tensor(name)
		if err != nil {
			return nil, err
		}
		out.Add(failing{t, f})
	}
	return out, nil
}

type failing struct {
	tensor.Tensor
	f *Faults
}

// ReadAt leaves p as it was when it fails, like a disk: a caller that passes the error over has zeros or old bytes.
func (t failing) ReadAt(p []byte, off int64) (int, error) {
	if t.f.Reads.Add(1) != t.f.Nth {
		return t.Tensor.ReadAt(p, off)
	}
	if t.f.Short {
		n := len(p) / 2
		return t.Tensor.ReadAt(p[:n], off)
	}
	return 0, ErrDisk
}

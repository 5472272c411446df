//go:build !linux

package disk

import (
	"math"
	"os"
)

// TryLock knows no lock here: err makes the caller leave leftovers alone, since their owner may live.
func (f *File) TryLock() (busy bool, err error) { return false, os.ErrInvalid }

// MoveNew renames without replacing; another process can slip in between.
func MoveNew(from, to string) error {
	if err := ask(Rename, from); err != nil {
		return err
	}
	if _, err := os.Lstat(to); err == nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: os.ErrExist}
	}
	return os.Rename(from, to)
}

// Exchange is not known here.
func Exchange(string, string) (ok bool, err error) { return false, nil }

// Reserve sets the length.
func (f *File) Reserve(size int64) error { return f.Truncate(size) }

// StartWriteback leaves the time of writing to the system.
func (f *File) StartWriteback(int64, int64) {}

// Free is not known here; a full disk is found while writing.
func Free(string) (int64, error) { return math.MaxInt64, nil }

// Map reads the file; maps are used on Linux only.
func (f *File) Map() (data []byte, unmap func(), err error) {
	if err := ask(Map, f.Name()); err != nil {
		return nil, nil, err
	}
	data, err = ReadFile(f.Name())
	return data[:len(data):len(data)], func() {}, err
}

// Descriptor knows none here: devices are opened by their paths.
func Descriptor(string) (fd int, ok bool) { return 0, false }

// OpenDescriptor is not used here.
func OpenDescriptor(_ int, name string) (*File, error) { return OpenFile(name, os.O_WRONLY, 0) }

//go:build !linux

package format

import (
	"math"
	"os"
)

// tryLock knows no lock here: err makes the caller leave leftovers alone, since their owner may live.
func tryLock(*os.File) (busy bool, err error) { return false, os.ErrInvalid }

// renameNew renames without replacing; another process can slip in between.
func renameNew(from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: os.ErrExist}
	}
	return os.Rename(from, to)
}

// exchange is not known here.
func exchange(string, string) (ok bool, err error) { return false, nil }

// reserve sets the length.
func reserve(f *os.File, size int64) error { return f.Truncate(size) }

// startWriteback leaves the time of writing to the system.
func startWriteback(*os.File, int64, int64) {}

// freeDisk is not known here; a full disk is found while writing.
func freeDisk(string) (int64, error) { return math.MaxInt64, nil }

// mapFile reads the file; maps are used on Linux only.
func mapFile(f *os.File) (data []byte, unmap func(), err error) {
	data, err = os.ReadFile(f.Name())
	return data[:len(data):len(data)], func() {}, err
}

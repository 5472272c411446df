//go:build !linux

package mem

import "unsafe"

func reserve(size int) ([]byte, error) {
	b := make([]byte, size+Align)
	off := (Align - int(uintptr(unsafe.Pointer(&b[0]))%Align)) % Align
	return b[off : off+size], nil
}

func unreserve([]byte) error { return nil }

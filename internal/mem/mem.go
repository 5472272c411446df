// Package mem hands out large zeroed blocks outside the Go heap, on huge pages where the system has
// them, and tells how much memory there is. First touch of 4 KiB pages costs seconds per GiB; huge pages cost a tenth.
package mem

import (
	"fmt"
	"sync"
)

const (
	// Align is the alignment of every allocation in bytes: one cache line, one AVX-512 register.
	Align = 64
	// Page is the huge page size that blocks are rounded to.
	Page = 2 << 20
)

// Arena allocates blocks that live until Release. It is safe for use by several goroutines.
type Arena struct {
	mu     sync.Mutex
	blocks [][]byte
	free   []byte // rest of the newest block of small allocations
	used   int64
}

// Alloc returns n zeroed bytes aligned to Align, or an error that says how much was wanted and available.
func (a *Arena) Alloc(n int) ([]byte, error) {
	if n < 0 {
		return nil, fmt.Errorf("negative allocation of %d bytes", n)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	size := (n + Align - 1) &^ (Align - 1)
	if size > len(a.free) {
		b, err := a.block(size)
		if err != nil {
			return nil, err
		}
		if size >= Page/2 { // a large block is its own: what is left of it is less than a page
			a.used += int64(size)
			return b[:n:n], nil
		}
		a.free = b
	}
	out := a.free[:n:n]
	a.free = a.free[size:]
	a.used += int64(size)
	return out, nil
}

func (a *Arena) block(size int) ([]byte, error) {
	want := (size + Page - 1) &^ (Page - 1)
	if av := Available(); av > 0 && int64(want) > av {
		return nil, fmt.Errorf("out of memory: %d bytes wanted, %d available", size, av)
	}
	b, err := reserve(want)
	if err != nil {
		return nil, fmt.Errorf("out of memory: %d bytes wanted: %w", size, err)
	}
	a.blocks = append(a.blocks, b)
	return b, nil
}

// Used is the bytes handed out and not released.
func (a *Arena) Used() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.used
}

// Release gives everything back; what was handed out must not be touched after it.
func (a *Arena) Release() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var first error
	for _, b := range a.blocks {
		if err := unreserve(b); err != nil && first == nil {
			first = err
		}
	}
	a.blocks, a.free, a.used = nil, nil, 0
	return first
}

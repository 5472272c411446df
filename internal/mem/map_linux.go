package mem

import "syscall"

const populateWrite = 23 // MADV_POPULATE_WRITE, Linux 5.14

// reserve maps size bytes, a multiple of Page, aligned to Page so that every part can be a huge page, and touches
// them, so that memory which was granted is really there and the first step is not slower than the others.
func reserve(size int) ([]byte, error) {
	b, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil, err
	}
	_ = syscall.Madvise(b, syscall.MADV_HUGEPAGE) // both are advice: an old kernel refuses and nothing is lost
	_ = syscall.Madvise(b, populateWrite)
	return b, nil
}

func unreserve(b []byte) error { return syscall.Munmap(b) }

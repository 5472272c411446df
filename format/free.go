package format

import "famkit/internal/fault"

// Free is the disk space in bytes below a path, which need not exist yet.
func Free(path string) (int64, error) {
	n, err := statDisk(existing(path))
	if err != nil {
		return 0, fault.Failedf("measuring free disk space: %w", err)
	}
	return n, nil
}

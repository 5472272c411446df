package format

import "famkit/internal/output"

// Free is the disk space in bytes below a path, which need not exist yet.
func Free(path string) (int64, error) {
	head, err := existing(path)
	free := int64(0)
	if err == nil {
		free, err = statDisk(head)
	}
	if err != nil {
		return 0, output.Failed(path, "measuring free disk space", err)
	}
	return free, nil
}

// Package output is the one way in which famkit writes a file. Its rules, for every file of every command:
//
//   - "-" is standard output; devices, pipes and sockets are written through and never replaced;
//   - a link is followed: what it points to is written, the link stays; what is not there yet is made there;
//   - what exists is refused, unless it may be replaced or goes on where it ends;
//   - no folder is made in silence: one that is missing is refused;
//   - a file appears whole and on disk, under its name, or not at all; files that belong together appear together.
//
// To read: target.go (where a path leads), file.go (whole files and rows), temporary.go (what stands beside a
// destination while it is written), group.go (several files at once).
package output

import (
	"path/filepath"

	"famkit/internal/disk"
	"famkit/internal/fault"
)

// Stdout is the path that means standard output.
const Stdout = "-"

// Failed is the error of a call that the system refused: path, what was done, and why, each said once.
func Failed(path, doing string, err error) error {
	return fault.Failedf("%s: %s: %w", path, doing, fault.Cause(err))
}

// Parent refuses a path whose folder is not there.
func Parent(path string) error {
	dir := filepath.Dir(path)
	st, err := disk.StatOf(dir)
	switch {
	case disk.Absent(err):
		return fault.Hint(fault.Inputf("%s: the folder %s is not there", path, dir), "mkdir -p %s makes it", dir)
	case err != nil:
		return Failed(path, "looking at its folder", err)
	case !st.IsDir():
		return fault.Inputf("%s: %s is no folder", path, dir)
	}
	return nil
}

package output

import (
	"io/fs"
	"os"
	"path/filepath"

	"famkit/internal/disk"
	"famkit/internal/fault"
)

// Meaning says what happens to a file that exists.
type Meaning int

// The meanings.
const (
	// Keep refuses a file that exists.
	Keep Meaning = iota
	// Replace puts the new file in its place.
	Replace
	// Append goes on at its end.
	Append
)

// Target is where a path leads.
type Target struct {
	// Path is as it was given.
	Path string
	// Through is set for what is written through: standard output, devices, pipes, sockets, open descriptors.
	Through bool
	// Exists says that a regular file is there.
	Exists bool
	// Size of a regular file that is there.
	Size int64

	real string // the file itself, links followed
	fd   int    // of an open descriptor, -1 for none
	mode fs.FileMode
}

// File is the path of the file itself, links followed.
func (t Target) File() string { return t.real }

// Find follows path and refuses what cannot be written, or may not. Nothing is opened or made.
func Find(path string, m Meaning) (Target, error) {
	t := Target{Path: path, fd: -1}
	if path == Stdout {
		t.Through, t.fd = true, int(os.Stdout.Fd())
		return t, nil
	}
	if fd, ok := disk.Descriptor(path); ok {
		t.Through, t.fd = true, fd
		return t, nil
	}
	if err := t.follow(); err != nil {
		return t, err
	}
	if t.Exists && m == Keep {
		return t, fault.Hint(fault.Inputf("%s: exists already", path), "choose another name, or replace it with %v",
			fault.Arg("force"))
	}
	return t, nil
}

// follow finds what stands at the path.
func (t *Target) follow() error {
	st, err := disk.StatOf(t.Path)
	if disk.Absent(err) {
		return t.vacant()
	}
	if err != nil {
		return Failed(t.Path, "looking at it", err)
	}
	switch {
	case st.IsDir():
		return fault.Inputf("%s: is a folder, wanted a file to write", t.Path)
	case !st.Mode().IsRegular():
		t.Through, t.real = true, t.Path
		return nil
	}
	t.Exists, t.Size, t.mode = true, st.Size(), st.Mode().Perm()
	if t.real, err = disk.Real(t.Path); err != nil {
		return Failed(t.Path, "following the link", err)
	}
	return nil
}

// vacant follows the links of a path that leads to nothing yet, and refuses it where it leads into no folder.
func (t *Target) vacant() error {
	t.real = t.Path
	for range 40 {
		if err := Parent(t.real); err != nil {
			return err
		}
		to, err := os.Readlink(t.real)
		if err != nil {
			return nil // nothing is there
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(t.real), to)
		}
		t.real = to
	}
	return fault.Inputf("%s: is a link that leads to itself", t.Path)
}

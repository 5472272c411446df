// Package infile opens what famkit reads, whatever stands at its path: only a regular file is opened, so that a pipe
// does not make it wait and a device does not fill the memory. What is read as a whole has a bound. All inputs are
// opened here.
package infile

import (
	"io"
	"io/fs"
	"path/filepath"

	"famkit/internal/disk"
	"famkit/internal/fault"
)

// Small bounds files that are small by their nature, such as config.json. The largest tokenizer.json in use is about
// half of it.
const Small = 64 << 20

// Open opens a regular file for reading. What is not there, or is something else, is a refused input; errors.Is knows
// fs.ErrNotExist.
func Open(path string) (*disk.File, error) {
	f, _, err := open(path)
	return f, err
}

func open(path string) (*disk.File, fs.FileInfo, error) {
	st, err := disk.StatOf(path) // before it is opened: some devices act on that
	if err != nil {
		return nil, nil, fault.OS(err)
	}
	if err := regular(path, st); err != nil {
		return nil, nil, err
	}
	f, err := disk.OpenRead(path) // a pipe may have come in between, and would wait
	if err != nil {
		return nil, nil, fault.OS(err)
	}
	if st, err = f.Stat(); err != nil {
		err = fault.OS(err)
	} else {
		err = regular(path, st)
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, st, nil
}

// regular refuses what is no regular file.
func regular(path string, st fs.FileInfo) error {
	what := ""
	switch m := st.Mode(); {
	case m.IsRegular():
		return nil
	case m.IsDir():
		what = "a folder"
	case m&fs.ModeNamedPipe != 0:
		what = "a pipe"
	case m&fs.ModeSocket != 0:
		what = "a socket"
	case m&fs.ModeDevice != 0:
		what = "a device"
	default:
		what = "no regular file"
	}
	return fault.Inputf("%s: is %s, wanted a regular file", path, what)
}

// At is the path of a file that is named by itself or by the folder that holds it under name.
func At(path, name string) (string, error) {
	st, err := disk.StatOf(path)
	switch {
	case disk.Absent(err):
		return path, nil // reading it says so
	case err != nil:
		return "", fault.OS(err)
	case st.IsDir():
		return filepath.Join(path, name), nil
	}
	return path, nil
}

// Read reads a regular file of at most Small bytes. The errors are those of Open.
func Read(path string) ([]byte, error) { return ReadUpTo(path, Small) }

// ReadUpTo reads a regular file of at most most bytes; a larger one is a refused input.
func ReadUpTo(path string, most int64) ([]byte, error) {
	f, st, err := open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if st.Size() > most {
		return nil, fault.Inputf("%s: %d bytes, wanted at most %d", path, st.Size(), most)
	}
	b := make([]byte, 0, st.Size()+1)
	for { // a file may grow while it is read, and those of /proc say that they are empty
		n, err := f.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case int64(len(b)) > most:
			return nil, fault.Inputf("%s: more than %d bytes", path, most)
		case err == io.EOF && int64(len(b)) < st.Size(): // an end that comes too early is not the end
			return nil, fault.Inputf("%s: ended after %d of %d bytes", path, len(b), st.Size())
		case err == io.EOF:
			return b, nil
		case err != nil:
			return nil, fault.OS(err)
		case len(b) == cap(b):
			b = append(b, 0)[:len(b)]
		}
	}
}

// Package smallfile reads files that are small by their nature, such as config.json, whatever stands at their path: a
// pipe does not make it wait, and a device or a file of many gigabytes does not fill the memory.
package smallfile

import (
	"io"
	"os"
	"syscall"

	"famkit/internal/fault"
)

// Most is the size above which a file is refused. The largest tokenizer.json in use is about half of it.
const Most = 64 << 20

// Read reads a regular file of at most Most bytes. What is not there, or is something else, is a refused input;
// errors.Is knows fs.ErrNotExist.
func Read(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // opening a pipe would wait for its writer
	if err != nil {
		return nil, fault.OS(err)
	}
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	switch {
	case err != nil:
		return nil, fault.OS(err)
	case st.IsDir():
		return nil, fault.Inputf("%s: is a folder, wanted a file", path)
	case !st.Mode().IsRegular():
		return nil, fault.Inputf("%s: is no regular file", path)
	case st.Size() > Most:
		return nil, fault.Inputf("%s: %d bytes, wanted at most %d", path, st.Size(), Most)
	}
	b, err := io.ReadAll(io.LimitReader(f, Most+1))
	switch {
	case err != nil:
		return nil, fault.OS(err)
	case len(b) > Most:
		return nil, fault.Inputf("%s: more than %d bytes", path, Most)
	}
	return b, nil
}

package fault

import (
	"errors"
	"io/fs"
	"syscall"
)

// OS gives an error of opening or reading a file its kind. A path that is not there, may not be read or names something
// else is a refused input; a disk that fails or too many open files are the machine's and end in Failed.
func OS(err error) error {
	if err == nil {
		return nil
	}
	for _, input := range []error{fs.ErrNotExist, fs.ErrPermission, fs.ErrInvalid, syscall.EISDIR, syscall.ENOTDIR,
		syscall.ELOOP, syscall.ENAMETOOLONG} {
		if errors.Is(err, input) {
			return Inputf("%w", err)
		}
	}
	return Failedf("%w", err)
}

// Unread is the error of contents that could not be read as a whole: the machine's where the operating system failed, and
// otherwise the input's, which then is shorter or other than it says.
func Unread(err error, format string, a ...any) error {
	kind := Input
	var errno syscall.Errno
	if errors.As(err, &errno) {
		kind = KindOf(OS(err))
	}
	return newError(kind, format+": %w", append(a, err))
}

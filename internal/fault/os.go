package fault

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"syscall"
)

// machines are the errors that say nothing about an input: the disk fails or is full, something may not be read or
// written, too much is open, there is no memory.
var machines = []syscall.Errno{syscall.EIO, syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EMFILE,
	syscall.ENFILE,
	syscall.ENOMEM, syscall.EROFS, syscall.EACCES, syscall.EPERM, syscall.EBUSY, syscall.ETXTBSY, syscall.EINTR,
	syscall.EAGAIN,
	syscall.ESTALE, syscall.EPIPE, syscall.ENODEV, syscall.ENXIO, syscall.EBADF}

// Machines reports whether the cause of err is the machine's: whatever was being done, nothing is known of the input.
func Machines(err error) bool {
	var errno syscall.Errno
	return errors.As(err, &errno) && slices.Contains(machines, errno)
}

// OS gives an error of opening or reading a file its kind. A path that is not there or names something else is a
// refused input; what is the machine's ends in Failed.
func OS(err error) error {
	if err == nil {
		return nil
	}
	for _, input := range []error{fs.ErrNotExist, fs.ErrInvalid, syscall.EISDIR, syscall.ENOTDIR,
		syscall.ELOOP, syscall.ENAMETOOLONG, syscall.EINVAL} {
		if errors.Is(err, input) {
			return Inputf("%w", err)
		}
	}
	return Failedf("%w", err)
}

// Unread is the error of contents that could not be read as a whole: the machine's where the operating system failed,
// and otherwise the input's, which then is shorter or other than it says.
func Unread(err error, format string, a ...any) error {
	if IsUnread(err) { // it says already what could not be read
		return err
	}
	kind := Input
	var errno syscall.Errno
	if errors.As(err, &errno) {
		kind = KindOf(OS(err))
	}
	return &unread{newError(kind, format+": %w", append(a, Cause(err)))}
}

// unread marks an error of Unread.
type unread struct{ error }

func (e *unread) Unwrap() error { return e.error }

// IsUnread reports whether err comes from Unread: it says what could not be read, and needs no more words on the way
// up.
func IsUnread(err error) bool {
	var e *unread
	return errors.As(err, &e)
}

// Cause is err without the call and the path that package os puts before it, for messages that name the path already.
func Cause(err error) error {
	switch e := err.(type) {
	case *fs.PathError:
		return e.Err
	case *os.LinkError:
		return e.Err
	case *os.SyscallError:
		return e.Err
	}
	return err
}

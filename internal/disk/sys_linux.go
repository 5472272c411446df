package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// TryLock takes an exclusive lock that ends with the process. busy: somebody else holds it.
func (f *File) TryLock() (busy bool, err error) {
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	return errors.Is(err, unix.EWOULDBLOCK), err
}

// MoveNew renames without replacing: fs.ErrExist when something stands at to.
func MoveNew(from, to string) error {
	if err := ask(Rename, from); err != nil {
		return err
	}
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if unsupported(err) {
		if _, statErr := os.Lstat(to); statErr == nil {
			return &os.LinkError{Op: "rename", Old: from, New: to, Err: os.ErrExist}
		}
		return os.Rename(from, to)
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// Exchange swaps two paths in one step. ok is false where the file system cannot.
func Exchange(a, b string) (ok bool, err error) {
	if err := ask(Rename, a); err != nil {
		return true, err
	}
	err = unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
	if unsupported(err) {
		return false, nil
	}
	if err != nil {
		return true, &os.LinkError{Op: "exchange", Old: a, New: b, Err: err}
	}
	return true, nil
}

func unsupported(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EOPNOTSUPP)
}

// Reserve takes space for a file up front where the file system can, so that a full disk is found early.
func (f *File) Reserve(size int64) error {
	if err := ask(Allocate, f.Name()); err != nil {
		return err
	}
	err := unix.Fallocate(int(f.Fd()), 0, 0, size)
	if err == nil || unsupported(err) {
		return nil
	}
	return &os.PathError{Op: "fallocate", Path: f.Name(), Err: err}
}

// StartWriteback asks for a part of a file to be written to disk without waiting for it: a final sync then has less to
// do.
func (f *File) StartWriteback(off, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), off, n, unix.SYNC_FILE_RANGE_WRITE) // the sync at the end reports what fails
}

// Free is the number of bytes that may still be written below dir.
func Free(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return int64(st.Bavail) * st.Bsize, nil
}

// Map maps a file for reading.
func (f *File) Map() (data []byte, unmap func(), err error) {
	if err := ask(Map, f.Name()); err != nil {
		return nil, nil, err
	}
	size, err := f.Size()
	if err != nil {
		return nil, nil, err
	}
	if data, err = unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED); err != nil {
		return nil, nil, &os.PathError{Op: "mmap", Path: f.Name(), Err: err}
	}
	return data, func() { _ = unix.Munmap(data) }, nil
}

// Descriptor reports whether path is one of this process's open descriptors (/dev/stdout, /dev/fd/3), links followed up
// to there.
func Descriptor(path string) (fd int, ok bool) {
	own := fmt.Sprintf("/proc/%d/fd", os.Getpid())
	for range 40 {
		dir, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err != nil {
			return 0, false
		}
		if dir == own {
			n, err := strconv.Atoi(filepath.Base(path))
			return n, err == nil
		}
		to, err := os.Readlink(path)
		if err != nil {
			return 0, false
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(dir, to)
		}
		path = to
	}
	return 0, false
}

// OpenDescriptor opens a descriptor of this process a second time, at the same place in its file.
func OpenDescriptor(fd int, name string) (*File, error) {
	if err := ask(Open, name); err != nil {
		return nil, err
	}
	n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return &File{os.NewFile(uintptr(n), name)}, nil
}

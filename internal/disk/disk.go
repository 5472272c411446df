// Package disk is where famkit meets the file system. Every file of every command is opened, read, written, renamed and
// removed here, so that one test can let each of these calls fail and see what becomes of it. It knows no rules: what
// may be replaced, and how, is said in package output.
//
// Errors are those of package os: they hold the path once and the cause.
package disk

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
)

// Op is one kind of call, under the name that the system gives it.
type Op string

// The calls.
const (
	Open     Op = "open" // also of what is made
	Read     Op = "read"
	ReadAt   Op = "pread"
	Write    Op = "write"
	WriteAt  Op = "pwrite"
	Sync     Op = "fsync"
	Close    Op = "close"
	Rename   Op = "rename" // also exchanging
	Remove   Op = "unlink" // also of folders
	Mkdir    Op = "mkdir"
	Link     Op = "link"
	Stat     Op = "stat"
	ReadDir  Op = "readdir"
	Map      Op = "mmap"
	Allocate Op = "fallocate"
	Truncate Op = "truncate"
)

// Ops lists the calls.
var Ops = []Op{Open, Read, ReadAt, Write, WriteAt, Sync, Close, Rename, Remove, Mkdir, Link, Stat, ReadDir, Map,
	Allocate,
	Truncate}

// ErrLie is the error by which an Injector has a write reported as done that was not.
var ErrLie = errors.New("reported as done")

// An Injector decides the fate of a call: an error that is not nil takes the place of the call, which is not made.
type Injector func(op Op, path string) error

var (
	injector atomic.Pointer[Injector]
	asking   sync.Mutex // an Injector is asked by one goroutine at a time
)

// Inject lets f decide the fate of every call until restore is called. Only tests do that, one at a time.
func Inject(f Injector) (restore func()) {
	old := injector.Swap(&f)
	return func() { injector.Store(old) }
}

// ask gives the error that a test wants of a call.
func ask(op Op, path string) error {
	f := injector.Load()
	if f == nil {
		return nil
	}
	asking.Lock()
	err := (*f)(op, path)
	asking.Unlock()
	if err == nil || err == io.EOF || err == ErrLie {
		return err
	}
	return &fs.PathError{Op: string(op), Path: path, Err: err}
}

// OpenFile is os.OpenFile.
func OpenFile(path string, flag int, perm fs.FileMode) (*File, error) {
	if err := ask(Open, path); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, flag, perm)
	if err != nil {
		return nil, err
	}
	return &File{f}, nil
}

// OpenRead opens a file or a folder for reading. A pipe is opened without waiting for its writer.
func OpenRead(path string) (*File, error) { return OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) }

// ReadFile reads a whole file, whatever stands at path. A regular file that gives fewer bytes than it has is an error:
// an end that comes too early is not the end.
func ReadFile(path string) ([]byte, error) {
	f, err := OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return f.ReadAll(-1)
}

// ReadAll reads what is left of a file from its beginning on, at most one byte more than most where most is not
// negative. A regular file that gives fewer bytes than it has is an error.
func (f *File) ReadAll(most int64) ([]byte, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	size := int64(0)
	if st.Mode().IsRegular() {
		size = st.Size()
	}
	r := io.Reader(f)
	if most >= 0 {
		r = io.LimitReader(f, most+1)
		size = min(size, most+1)
	}
	b := make([]byte, 0, min(size, 1<<30)+512)
	for {
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
	}
	if int64(len(b)) < size {
		return nil, &fs.PathError{Op: "read", Path: f.Name(), Err: io.ErrUnexpectedEOF}
	}
	return b, nil
}

// Exists reports whether something stands at path, links followed. What cannot be told is an error, never a no.
func Exists(path string) (bool, error) {
	_, err := StatOf(path)
	if err == nil {
		return true, nil
	}
	if Absent(err) {
		return false, nil
	}
	return false, err
}

// Absent reports whether an error says that nothing stands at a path.
func Absent(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) }

// StatOf is os.Stat.
func StatOf(path string) (fs.FileInfo, error) {
	if err := ask(Stat, path); err != nil {
		return nil, err
	}
	return os.Stat(path)
}

// LstatOf is os.Lstat.
func LstatOf(path string) (fs.FileInfo, error) {
	if err := ask(Stat, path); err != nil {
		return nil, err
	}
	return os.Lstat(path)
}

// Abs is filepath.Abs, which asks the system for the current folder.
func Abs(path string) (string, error) {
	if !filepath.IsAbs(path) {
		if err := ask(Stat, "."); err != nil {
			return "", err
		}
	}
	return filepath.Abs(path)
}

// Real is filepath.EvalSymlinks.
func Real(path string) (string, error) {
	if err := ask(Stat, path); err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

// Walk is filepath.WalkDir.
func Walk(root string, f fs.WalkDirFunc) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = ask(ReadDir, path)
		}
		return f(path, d, err)
	})
}

// List is os.ReadDir.
func List(path string) ([]fs.DirEntry, error) {
	if err := ask(ReadDir, path); err != nil {
		return nil, err
	}
	return os.ReadDir(path)
}

// MakeDir makes one folder.
func MakeDir(path string) error {
	if err := ask(Mkdir, path); err != nil {
		return err
	}
	return os.Mkdir(path, 0o755)
}

// Move renames, in place of what stands at to.
func Move(from, to string) error {
	if err := ask(Rename, from); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// HardLink gives a file a second name, which must be free.
func HardLink(old, name string) error {
	if err := ask(Link, old); err != nil {
		return err
	}
	return os.Link(old, name)
}

// SoftLink makes a symbolic link. The name must be free.
func SoftLink(to, name string) error {
	if err := ask(Link, name); err != nil {
		return err
	}
	return os.Symlink(to, name)
}

// Delete removes a file or an empty folder.
func Delete(path string) error {
	if err := ask(Remove, path); err != nil {
		return err
	}
	return os.Remove(path)
}

// DeleteAll removes a file, or a folder with what is in it. What is not there is no error. Links are not followed.
func DeleteAll(path string) error {
	st, err := os.Lstat(path)
	switch {
	case Absent(err):
		return nil
	case err != nil:
		return err
	case !st.IsDir():
		return gone(Delete(path))
	}
	list, err := List(path)
	if err != nil {
		return gone(err)
	}
	var all error
	for _, de := range list {
		if err := DeleteAll(filepath.Join(path, de.Name())); err != nil && all == nil {
			all = err
		}
	}
	if all != nil {
		return all
	}
	return gone(Delete(path))
}

func gone(err error) error {
	if Absent(err) {
		return nil
	}
	return err
}

// SyncDir makes the names in a folder durable.
func SyncDir(path string) error {
	d, err := OpenRead(path)
	if err != nil {
		return err
	}
	err = d.Sync()
	if closed := d.Close(); err == nil {
		err = closed
	}
	return err
}

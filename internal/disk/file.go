package disk

import (
	"io/fs"
	"os"
)

// File is an open file or folder. It serves any goroutine, as an os.File does.
type File struct{ f *os.File }

// Name is the path under which the file was opened.
func (f *File) Name() string { return f.f.Name() }

// Fd is the descriptor, for calls that package os does not have.
func (f *File) Fd() uintptr { return f.f.Fd() }

// Stat is os.File.Stat.
func (f *File) Stat() (fs.FileInfo, error) {
	if err := ask(Stat, f.Name()); err != nil {
		return nil, err
	}
	return f.f.Stat()
}

// Size is the length of the file in bytes.
func (f *File) Size() (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

// Read implements io.Reader.
func (f *File) Read(p []byte) (int, error) {
	if err := ask(Read, f.Name()); err != nil {
		return 0, err
	}
	return f.f.Read(p)
}

// ReadAt implements io.ReaderAt.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	if err := ask(ReadAt, f.Name()); err != nil {
		return 0, err
	}
	return f.f.ReadAt(p, off)
}

// Write implements io.Writer.
func (f *File) Write(p []byte) (int, error) {
	if err := ask(Write, f.Name()); err == ErrLie {
		return len(p), nil
	} else if err != nil {
		return 0, err
	}
	return f.f.Write(p)
}

// WriteAt implements io.WriterAt.
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	if err := ask(WriteAt, f.Name()); err == ErrLie {
		return len(p), nil
	} else if err != nil {
		return 0, err
	}
	return f.f.WriteAt(p, off)
}

// Sync puts what was written on the disk.
func (f *File) Sync() error {
	if err := ask(Sync, f.Name()); err != nil {
		return err
	}
	return f.f.Sync()
}

// Truncate sets the length.
func (f *File) Truncate(size int64) error {
	if err := ask(Truncate, f.Name()); err != nil {
		return err
	}
	return f.f.Truncate(size)
}

// Chmod sets the permissions.
func (f *File) Chmod(mode fs.FileMode) error { return f.f.Chmod(mode) }

// Close closes the file, also where it reports an error.
func (f *File) Close() error {
	err := ask(Close, f.Name())
	if done := f.f.Close(); err == nil {
		err = done
	}
	return err
}

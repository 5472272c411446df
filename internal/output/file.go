package output

import (
	"errors"
	"os"
	"syscall"

	"famkit/internal/disk"
	"famkit/internal/fault"
)

// Write writes a whole file: after a crash, path holds what it held or data.
func Write(path string, data []byte, m Meaning) error {
	t, err := Find(path, m)
	if err != nil {
		return err
	}
	return t.Write(data)
}

// Write writes a whole file at a target that was found before.
func (t Target) Write(data []byte) error {
	if t.Through {
		f, err := t.through()
		if err != nil {
			return err
		}
		_, err = f.Write(data)
		if closed := f.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return Failed(t.Path, "writing", err)
		}
		return nil
	}
	if err := Sweep(t.real); err != nil {
		return err
	}
	tmp, err := NewFile(t.real)
	if err != nil {
		return err
	}
	if err := tmp.fill(data, t.mode); err != nil {
		tmp.Discard()
		return err
	}
	return tmp.Commit(t.Exists)
}

// through opens what is written through. Opening a pipe waits for its reader.
func (t Target) through() (f *disk.File, err error) {
	if t.fd >= 0 {
		f, err = disk.OpenDescriptor(t.fd, t.Path)
	} else {
		f, err = disk.OpenFile(t.Path, os.O_WRONLY|os.O_APPEND, 0)
	}
	switch {
	case err == nil:
		return f, nil
	case errors.Is(err, syscall.ENXIO):
		return nil, fault.Inputf("%s: is a socket, which cannot be opened as a file", t.Path)
	}
	return nil, Failed(t.Path, "opening", err)
}

// Rows is a file that gets rows one by one, such as a log.
type Rows struct {
	t Target
	f *disk.File
}

// Open opens a target for rows. A file that is there goes on at its end where m is Append, and begins anew otherwise.
func (t Target) Open(m Meaning) (*Rows, error) {
	if t.Through {
		f, err := t.through()
		return &Rows{t, f}, err
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_APPEND
	switch m {
	case Keep:
		flags |= os.O_EXCL // where somebody was faster, theirs stays
	case Replace:
		flags |= os.O_TRUNC
	}
	f, err := disk.OpenFile(t.real, flags, 0o644)
	if err != nil {
		return nil, Failed(t.Path, "opening", err)
	}
	return &Rows{t, f}, nil
}

// Write appends a row; the operating system has it when Write returns.
func (r *Rows) Write(row []byte) (int, error) {
	n, err := r.f.Write(row)
	if err != nil {
		return n, Failed(r.t.Path, "writing", err)
	}
	return n, nil
}

// Close ends the rows and puts them on disk.
func (r *Rows) Close() error {
	var err error
	if !r.t.Through {
		err = r.f.Sync()
	}
	if closed := r.f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return Failed(r.t.Path, "writing", err)
	}
	return nil
}

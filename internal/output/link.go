package output

import (
	"io"
	"path/filepath"

	"famkit/internal/disk"
	"famkit/internal/fault"
)

// LinkAll makes a folder of the regular files of another one, each under a second name: the bytes are there once.
// Where the file system has no links they are copied. A folder at dst is replaced whole.
func LinkAll(dst, src string) error {
	list, err := disk.List(src)
	if err != nil {
		return fault.OS(err)
	}
	t, err := NewDir(dst)
	if err != nil {
		return err
	}
	defer t.Discard()
	for _, de := range list {
		if !de.Type().IsRegular() {
			continue
		}
		from := filepath.Join(src, de.Name())
		if disk.HardLink(from, filepath.Join(t.Path(), de.Name())) == nil {
			continue
		}
		if err := copyInto(t, de.Name(), from); err != nil {
			return Failed(dst, "copying "+from, err)
		}
	}
	if err := t.SyncDirs(); err != nil {
		return Failed(dst, "writing", err)
	}
	return t.Commit(true)
}

func copyInto(t *Temporary, name, from string) error {
	in, err := disk.OpenRead(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := t.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Sync()
	}
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	return err
}

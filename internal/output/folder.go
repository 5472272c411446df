package output

import (
	"io/fs"
	"path/filepath"
	"slices"

	"famkit/internal/disk"
	"famkit/internal/fault"
)

// WriteAll writes files below dir, all of them or none. Names are relative to dir, which is made where it is not
// there, as are folders in names. Links in the files' places are refused. Without replace files that exist are
// refused.
func WriteAll(dir string, files map[string][]byte, replace bool) error {
	dir = filepath.Clean(dir)
	there, err := disk.Exists(dir)
	if err != nil {
		return Failed(dir, "looking at it", err)
	}
	if !there {
		return writeFolder(dir, files)
	}
	if err := MayWriteAll(dir, files, replace); err != nil {
		return err
	}
	if err := Sweep(filepath.Join(dir, "x")); err != nil {
		return err
	}
	var list []*Temporary
	drop := func(err error) error {
		for _, t := range list {
			t.Discard()
		}
		return err
	}
	for _, name := range sorted(files) {
		if err := makeDirs(dir, filepath.Dir(name)); err != nil {
			return drop(Failed(filepath.Join(dir, name), "making its folder", err))
		}
		t, err := newTemporary(dir, filepath.Join(dir, name), false)
		if err != nil {
			return drop(err)
		}
		list = append(list, t)
		if err := t.fill(files[name], 0); err != nil {
			return drop(err)
		}
	}
	return CommitAll(dir, replace, list...)
}

// writeFolder writes files as a new folder.
func writeFolder(dir string, files map[string][]byte) error {
	if err := Parent(dir); err != nil {
		return err
	}
	if err := Sweep(dir); err != nil {
		return err
	}
	t, err := NewDir(dir)
	if err != nil {
		return err
	}
	for _, name := range sorted(files) {
		if err == nil {
			err = t.WriteIn(name, files[name])
		}
	}
	if err == nil {
		err = t.SyncDirs()
	}
	if err != nil {
		t.Discard()
		return err
	}
	return t.Commit(false)
}

// MayWriteAll refuses what WriteAll would refuse.
func MayWriteAll(dir string, files map[string][]byte, replace bool) error {
	st, err := disk.StatOf(dir)
	switch {
	case disk.Absent(err):
		return Parent(dir)
	case err != nil:
		return Failed(dir, "looking at it", err)
	case !st.IsDir():
		return fault.Inputf("%s: is a file, wanted a folder to write into", dir)
	}
	for _, name := range sorted(files) {
		path := filepath.Join(dir, name)
		st, err := disk.LstatOf(path)
		switch {
		case disk.Absent(err):
		case err != nil:
			return Failed(path, "looking at it", err)
		case !st.Mode().IsRegular():
			return fault.Inputf("%s: wanted a file to replace, found a %s", path, KindOf(st))
		case !replace:
			return fault.Hint(fault.Inputf("%s: is there already", path), "%v replaces it", fault.Arg("force"))
		}
	}
	return nil
}

// KindOf says what stands at a path.
func KindOf(st fs.FileInfo) string {
	switch m := st.Mode(); {
	case m.IsDir():
		return "folder"
	case m&fs.ModeSymlink != 0:
		return "symbolic link"
	case m&fs.ModeNamedPipe != 0:
		return "pipe"
	case m&fs.ModeSocket != 0:
		return "socket"
	case m&fs.ModeDevice != 0:
		return "device"
	}
	return "file"
}

func sorted(files map[string][]byte) []string {
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

package output

import (
	"path/filepath"

	"famkit/internal/disk"
)

// Name makes link a symbolic link to what lies at to, seen from the link's folder, in place of a link that is there.
func Name(to, link string) error {
	tmp := filepath.Join(filepath.Dir(link), "."+filepath.Base(link)+".new")
	err := disk.DeleteAll(tmp) // of a killed run
	if err == nil {
		err = disk.SoftLink(to, tmp)
	}
	if err == nil {
		err = disk.Move(tmp, link)
	}
	if err == nil {
		err = disk.SyncDir(filepath.Dir(link))
	}
	if err != nil {
		return Failed(link, "naming", err)
	}
	return nil
}

// Drop removes a file or a folder with what is in it. A folder goes under another name first, so that one which is half
// removed is never taken for whole. What is not there is no error.
func Drop(path string) error {
	old := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".old")
	err := disk.DeleteAll(old) // of a killed run
	if err == nil {
		err = disk.Move(path, old)
	}
	if err == nil || disk.Absent(err) {
		err = disk.DeleteAll(old)
	}
	if err != nil {
		return Failed(path, "removing", err)
	}
	return nil
}

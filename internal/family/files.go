package family

import (
	"errors"
	"io/fs"
	"path/filepath"

	"famkit/internal/disk"
	"famkit/internal/output"
)

// folders of a family.
const (
	stagesDir  = "stages"
	logsDir    = "logs"
	membersDir = "members"
	recipesDir = "recipes"
	configsDir = "configs"
)

// makeFolders makes a family's folder, whose own folder must be there, and those in it.
func makeFolders(dir string) error {
	if err := output.Parent(dir); err != nil {
		return err
	}
	for _, path := range []string{dir, filepath.Join(dir, stagesDir), filepath.Join(dir, logsDir),
		filepath.Join(dir, membersDir),
		filepath.Join(dir, recipesDir), filepath.Join(dir, configsDir)} {
		if err := disk.MakeDir(path); err != nil && !errors.Is(err, fs.ErrExist) {
			return output.Failed(path, "making the folder", err)
		}
	}
	return nil
}

// there tells whether something stands at a path.
func there(path string) (bool, error) {
	ok, err := disk.Exists(path)
	if err != nil {
		return false, output.Failed(path, "looking for it", err)
	}
	return ok, nil
}

// sizeOf adds up the files of an output; a folder that cannot be read counts as nothing.
func sizeOf(dir string) (n int64) {
	list, err := disk.List(dir)
	if err != nil {
		return 0
	}
	for _, e := range list {
		if st, err := e.Info(); err == nil && st.Mode().IsRegular() {
			n += st.Size()
		}
	}
	return n
}

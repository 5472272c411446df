package output

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"famkit/internal/disk"
)

// Sweep clears what killed runs left in the folder of dst, whatever they wrote there, finishes groups of files that
// were cut off, and brings back what stood aside when its writer was killed. What belongs to a writer that lives stays.
// Only what keeps dst from being whole is an error: other leftovers may be somebody else's, and wait for the next run.
func Sweep(dst string) error {
	dir := filepath.Dir(dst)
	list, err := disk.List(dir)
	if disk.Absent(err) || errors.Is(err, fs.ErrPermission) { // one may write into a folder that one may not list
		return nil
	}
	if err != nil {
		return Failed(dir, "looking for leftovers", err)
	}
	s := sweeper{dir: dir, dst: filepath.Base(dst), claimed: map[string]bool{}}
	for _, clear := range []func(base string) error{s.finishGroup, s.settle, s.remove} {
		for _, de := range list {
			if err := clear(de.Name()); err != nil {
				return Failed(filepath.Join(dir, de.Name()), "clearing a leftover", err)
			}
		}
	}
	return nil
}

// sweeper is one Sweep.
type sweeper struct {
	dir, dst string
	claimed  map[string]bool // leftovers of groups that are not finished
}

// leftover splits the name of a leftover: .NAME.famkit-tmp-PID-RANDOM with its mark gives NAME and PID-RANDOM.
func leftover(base, mark string) (name, tag string, ok bool) {
	at := strings.LastIndex(base, mark)
	if at < 2 || base[0] != '.' {
		return "", "", false
	}
	tag = base[at+len(mark):]
	pid, random, two := strings.Cut(tag, "-")
	if !two || pid == "" || len(random) != 12 || strings.Trim(pid, "0123456789") != "" ||
		strings.Trim(random, "0123456789abcdef") != "" {
		return "", "", false
	}
	return base[1:at], tag, true
}

// settle ends a replacement that was cut off: the new one is in place, or the old one comes back.
func (s *sweeper) settle(base string) error {
	name, _, ok := leftover(base, oldMark)
	if !ok {
		return nil
	}
	path := filepath.Join(s.dir, base)
	f, err := disk.OpenRead(path)
	if err == nil {
		defer func() { _ = f.Close() }()
		if busy, _ := f.TryLock(); busy {
			return nil
		}
		if err = disk.MoveNew(path, filepath.Join(s.dir, name)); errors.Is(err, fs.ErrExist) {
			err = disk.DeleteAll(path)
		}
	}
	if disk.Absent(err) || name != s.dst {
		return nil
	}
	return err
}

// remove removes a temporary unless its owner lives or cannot be told, and what a group kept of its files.
func (s *sweeper) remove(base string) error {
	path := filepath.Join(s.dir, base)
	if s.claimed[base] {
		return nil
	}
	if _, _, ok := leftover(base, wasMark); ok {
		_ = disk.Delete(path)
		return nil
	}
	if _, _, ok := leftover(base, tmpMark); !ok {
		return nil
	}
	f, err := disk.OpenRead(path)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	if _, err := f.TryLock(); err == nil {
		_ = disk.DeleteAll(path)
	}
	return nil
}

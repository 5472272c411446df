package format

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"famkit/internal/fault"
)

// A destination DIR/NAME is written as DIR/.NAME.famkit-tmp-PID-RANDOM and renamed when complete. The writer holds a lock on
// it for as long as it lives. A leftover without a lock belongs to a run that was killed; the next run for the same
// destination removes it. Where two paths cannot be swapped in one step, what is replaced stands aside as
// .NAME.famkit-old-PID-RANDOM for a moment, and the next run puts it back if its writer was killed in between.
const (
	tmpMark = ".famkit-tmp-"
	oldMark = ".famkit-old-"
)

// temporary is a file or directory beside its destination.
type temporary struct {
	path string
	dst  string
	lock *os.File // the directory or file itself, open and locked
}

func beside(dst, mark string) string {
	var r [6]byte
	_, _ = rand.Read(r[:]) // never fails
	return filepath.Join(filepath.Dir(dst), fmt.Sprintf(".%s%s%d-%s", filepath.Base(dst), mark, os.Getpid(), hex.EncodeToString(r[:])))
}

// newTemporary makes the temporary of dst, a directory or an empty file, and locks it.
func newTemporary(dst string, dir bool) (*temporary, error) {
	for {
		t := &temporary{path: beside(dst, tmpMark), dst: dst}
		err := t.create(dir)
		switch {
		case errors.Is(err, fs.ErrExist):
			continue
		case err != nil:
			return nil, fault.Failedf("making a temporary: %w", err)
		}
		busy, _ := tryLock(t.lock) // without locks leftovers are never removed
		if !busy && t.inPlace() {
			return t, nil
		}
		t.discard() // a sweeper got between creation and lock
	}
}

func (t *temporary) create(dir bool) (err error) {
	if !dir {
		t.lock, err = os.OpenFile(t.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
		return err
	}
	if err := os.Mkdir(t.path, 0o755); err != nil {
		return err
	}
	t.lock, err = os.Open(t.path)
	return err
}

// inPlace reports whether the path still names what is locked.
func (t *temporary) inPlace() bool {
	a, err := t.lock.Stat()
	if err != nil {
		return false
	}
	b, err := os.Lstat(t.path)
	return err == nil && os.SameFile(a, b)
}

// discard removes the temporary, or what stands at its path after an exchange.
func (t *temporary) discard() {
	_ = os.RemoveAll(t.path)
	_ = t.lock.Close()
}

// commit puts the temporary in its destination's place. Its contents must be synced.
func (t *temporary) commit(force bool) error {
	err := t.rename(force)
	if err == nil {
		err = syncDir(filepath.Dir(t.dst))
	}
	t.discard()
	if err != nil {
		return fault.Failedf("putting %s in place: %w", t.dst, err)
	}
	return nil
}

func (t *temporary) rename(force bool) error {
	err := renameNew(t.path, t.dst)
	if err == nil || !force || !errors.Is(err, fs.ErrExist) {
		return err
	}
	if ok, err := exchange(t.path, t.dst); ok {
		return err
	}
	return t.stepAside()
}

// stepAside replaces in three steps; sweep repairs what a kill between them leaves.
func (t *temporary) stepAside() error {
	old := beside(t.dst, oldMark)
	if err := os.Rename(t.dst, old); err != nil {
		return err
	}
	if err := os.Rename(t.path, t.dst); err != nil {
		return errors.Join(err, os.Rename(old, t.dst))
	}
	return os.RemoveAll(old)
}

// sweep clears what killed runs left beside dst and brings dst back if one was killed while replacing it.
func sweep(dst string) error {
	dir, base := filepath.Split(dst)
	if dir == "" {
		dir = "."
	}
	list, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fault.Failedf("looking for leftovers: %w", err)
	}
	for _, de := range list {
		path := filepath.Join(dir, de.Name())
		switch {
		case strings.HasPrefix(de.Name(), "."+base+oldMark):
			err = settle(path, dst)
		case strings.HasPrefix(de.Name(), "."+base+tmpMark):
			err = removeDead(path)
		}
		if err != nil {
			return fault.Failedf("clearing a leftover: %w", err)
		}
	}
	return nil
}

// settle ends a replacement that was cut off: the new one is in place, or the old one comes back.
func settle(old, dst string) error {
	err := renameNew(old, dst)
	if errors.Is(err, fs.ErrExist) {
		return os.RemoveAll(old)
	}
	return err
}

// removeDead removes a temporary unless its owner lives or cannot be told.
func removeDead(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if _, err := tryLock(f); err != nil {
		return nil
	}
	return os.RemoveAll(path)
}

// syncDir makes the names in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}

// WriteFileAtomic writes a small file so that path holds either what it held or data, also after a crash.
func WriteFileAtomic(path string, data []byte) error {
	if err := sweep(path); err != nil {
		return err
	}
	t, err := newTemporary(path, false)
	if err != nil {
		return err
	}
	_, err = t.lock.Write(data)
	if err == nil {
		err = t.lock.Sync()
	}
	if err == nil {
		err = os.Rename(t.path, path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	t.discard()
	if err != nil {
		return fault.Failedf("writing %s: %w", path, err)
	}
	return nil
}

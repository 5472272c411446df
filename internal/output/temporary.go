package output

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"famkit/internal/disk"
	"famkit/internal/fault"
)

// A destination DIR/NAME is written as DIR/.NAME.famkit-tmp-PID-RANDOM and renamed when it is complete. The writer
// holds a lock on it for as long as it lives. A leftover without a lock belongs to a run that was killed, and the
// next run that writes into DIR removes it. Where two paths cannot be swapped in one step, what is replaced stands
// aside as .NAME.famkit-old-PID-RANDOM for a moment, and the next run puts it back if its writer was killed in
// between.
const (
	tmpMark = ".famkit-tmp-"
	oldMark = ".famkit-old-"
)

// Temporary is a file or folder beside its destination.
type Temporary struct {
	path string
	dst  string
	dir  bool
	lock *disk.File // the folder or file itself, open and locked
}

// Path is where the temporary stands.
func (t *Temporary) Path() string { return t.path }

// File is the open file; the folder, where it is one.
func (t *Temporary) File() *disk.File { return t.lock }

func beside(dst, mark string) string { return hidden(filepath.Dir(dst), dst, mark, newTag()) }

// hidden is a name in dir for what becomes dst, or was it.
func hidden(dir, dst, mark, tag string) string {
	return filepath.Join(dir, "."+filepath.Base(dst)+mark+tag)
}

// newTag is PID-RANDOM.
func newTag() string {
	var r [6]byte
	_, _ = rand.Read(r[:]) // never fails
	return fmt.Sprintf("%d-%s", os.Getpid(), hex.EncodeToString(r[:]))
}

// NewFile makes an empty file beside dst, and locks it.
func NewFile(dst string) (*Temporary, error) { return newTemporary(filepath.Dir(dst), dst, false) }

// NewDir makes an empty folder beside dst, and locks it.
func NewDir(dst string) (*Temporary, error) { return newTemporary(filepath.Dir(dst), dst, true) }

func newTemporary(in, dst string, dir bool) (*Temporary, error) {
	for range 100 {
		t := &Temporary{path: hidden(in, dst, tmpMark, newTag()), dst: dst, dir: dir}
		err := t.create()
		if errors.Is(err, fs.ErrExist) || errors.Is(err, errSwept) {
			continue
		}
		if err == nil {
			busy, _ := t.lock.TryLock() // without locks leftovers are never removed
			var there bool
			if there, err = t.inPlace(); there && !busy {
				return t, nil
			}
			t.Discard() // a sweeper got between creation and lock, or nobody can tell
		}
		if err != nil {
			return nil, Failed(dst, "making a temporary beside it", err)
		}
	}
	return nil, fault.Failedf("%s: making a temporary beside it: somebody removes each one", dst)
}

func (t *Temporary) create() (err error) {
	if !t.dir {
		t.lock, err = disk.OpenFile(t.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
		return err
	}
	if err := disk.MakeDir(t.path); err != nil {
		return err
	}
	t.lock, err = disk.OpenRead(t.path)
	if disk.Absent(err) {
		return errSwept
	}
	if err != nil {
		_ = disk.Delete(t.path) // what stays is swept by the next run
	}
	return err
}

// errSwept: another run that writes into the same folder took the new temporary for a leftover, since it was not locked
// yet.
var errSwept = errors.New("swept by another run")

// inPlace reports whether the path still names what is locked.
func (t *Temporary) inPlace() (bool, error) {
	a, err := t.lock.Stat()
	if err != nil {
		return false, err
	}
	b, err := disk.LstatOf(t.path)
	if disk.Absent(err) {
		return false, nil
	}
	return err == nil && os.SameFile(a, b), err
}

// Discard removes the temporary, or what stands at its path after an exchange. What cannot be removed is swept by the
// next run.
func (t *Temporary) Discard() {
	_ = disk.DeleteAll(t.path)
	_ = t.lock.Close()
}

// Create makes a file in a temporary folder.
func (t *Temporary) Create(name string) (*disk.File, error) {
	return disk.OpenFile(filepath.Join(t.path, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
}

// Fill writes a whole file and puts it on disk.
func (t *Temporary) Fill(data []byte) error { return t.fill(data, 0) }

// fill writes data to a file and puts it on disk. mode is that of the file that is replaced, 0 for none.
func (t *Temporary) fill(data []byte, mode fs.FileMode) error {
	_, err := t.lock.Write(data)
	if err == nil && mode != 0 {
		err = t.lock.Chmod(mode)
	}
	if err == nil {
		err = t.lock.Sync()
	}
	if err == nil {
		err = holds(t.lock, data)
	}
	if err != nil {
		return Failed(t.dst, "writing", err)
	}
	return nil
}

// WriteIn writes a file into a temporary folder and puts it on disk. Folders in name are made.
func (t *Temporary) WriteIn(name string, data []byte) error {
	path := filepath.Join(t.path, name)
	err := makeDirs(t.path, filepath.Dir(name))
	if err == nil {
		err = writeNew(path, data)
	}
	if err != nil {
		return Failed(filepath.Join(t.dst, name), "writing", err)
	}
	return nil
}

// makeDirs makes the folders of name below dir.
func makeDirs(dir, name string) error {
	if name == "." {
		return nil
	}
	if err := makeDirs(dir, filepath.Dir(name)); err != nil {
		return err
	}
	err := disk.MakeDir(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// writeNew writes a file that is not there yet, puts it on disk and looks whether it holds what it should.
func writeNew(path string, data []byte) error {
	f, err := disk.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = holds(f, data)
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// SyncDirs makes the names in a temporary folder durable, and those in the folders below it.
func (t *Temporary) SyncDirs() error {
	if err := syncTree(t.path); err != nil {
		return Failed(t.dst, "syncing", err)
	}
	return nil
}

func syncTree(dir string) error {
	list, err := disk.List(dir)
	if err != nil {
		return err
	}
	for _, de := range list {
		if de.IsDir() {
			if err := syncTree(filepath.Join(dir, de.Name())); err != nil {
				return err
			}
		}
	}
	return disk.SyncDir(dir)
}

// Commit puts the temporary in its destination's place. Its contents must be synced. Without replace a destination that
// appeared in the meantime is refused.
func (t *Temporary) Commit(replace bool) error {
	err := t.rename(replace)
	if err == nil {
		err = disk.SyncDir(filepath.Dir(t.dst))
	}
	t.Discard()
	if err != nil {
		return notPlaced(t.dst, err)
	}
	return nil
}

// notPlaced is the error of a rename.
func notPlaced(dst string, err error) error {
	if errors.Is(err, fs.ErrExist) {
		return fault.Inputf("%s: exists already: somebody made it in the meantime", dst)
	}
	return Failed(dst, "putting it in place", err)
}

func (t *Temporary) rename(replace bool) error {
	if replace && !t.dir {
		return disk.Move(t.path, t.dst)
	}
	err := disk.MoveNew(t.path, t.dst)
	if err == nil || !replace || !errors.Is(err, fs.ErrExist) {
		return err
	}
	if ok, err := disk.Exchange(t.path, t.dst); ok {
		return err
	}
	return t.stepAside()
}

// stepAside replaces in three steps; Sweep repairs what a kill between them leaves. The lock keeps it from doing so
// while the writer lives.
func (t *Temporary) stepAside() error {
	old := beside(t.dst, oldMark)
	lock, err := disk.OpenRead(t.dst)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	_, _ = lock.TryLock()
	if err := disk.Move(t.dst, old); err != nil {
		return err
	}
	if err := disk.Move(t.path, t.dst); err != nil {
		_ = disk.Move(old, t.dst) // where that fails too, the next run does it
		return err
	}
	_ = disk.DeleteAll(old) // likewise
	return nil
}

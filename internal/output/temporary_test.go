package output

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"famkit/internal/disk"
	"famkit/internal/fault"
)

// The temporary of a writer that lives is left alone by others in the same folder; one without a writer goes, whatever
// it was for.
func TestLiveWriterIsLeftAlone(t *testing.T) {
	for _, dir := range []bool{true, false} {
		dst := filepath.Join(t.TempDir(), "out")
		live, err := newTemporary(filepath.Dir(dst), dst, dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := Sweep(filepath.Join(filepath.Dir(dst), "other")); err != nil {
			t.Fatal(err)
		}
		if there, err := live.inPlace(); !there || err != nil {
			t.Error("a live writer's temporary was removed")
		}
		_ = live.lock.Close() // as its death would
		if err := Sweep(filepath.Join(filepath.Dir(dst), "other")); err != nil {
			t.Fatal(err)
		}
		onlyThese(t, filepath.Dir(dst))
	}
}

// Only names that the writer makes are leftovers.
func TestSweepKnowsItsOwn(t *testing.T) {
	dir := t.TempDir()
	mine := []string{".a.famkit-tmp-12-0123456789ab", ".a.b.famkit-was-12-0123456789ab"}
	others := []string{"a.famkit-tmp-12-0123456789ab", ".famkit-tmp-12-0123456789ab", ".a.famkit-tmp-12-0123456789",
		".a.famkit-tmp-x-0123456789ab", ".a.famkit-tmp--0123456789ab", ".a.famkit-tmp-12-0123456789ab.txt",
		".a.famkit-group-12-0123456789ab"}
	for _, name := range append(mine, others...) {
		put(t, filepath.Join(dir, name), "x")
	}
	if err := Sweep(filepath.Join(dir, "z")); err != nil {
		t.Fatal(err)
	}
	left := map[string]bool{}
	for _, name := range names(t, dir) {
		left[name] = true
	}
	for _, name := range mine {
		if left[name] {
			t.Errorf("%s stayed", name)
		}
	}
	for _, name := range others {
		if !left[name] {
			t.Errorf("%s went", name)
		}
	}
}

func TestStepAside(t *testing.T) {
	dir := t.TempDir()
	dst := filepath.Join(dir, "out")
	if err := os.Mkdir(dst, 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dst, "old"), "")
	tmp, err := NewDir(dst)
	if err != nil {
		t.Fatal(err)
	}
	if err := tmp.WriteIn("new", nil); err != nil {
		t.Fatal(err)
	}
	if err := tmp.stepAside(); err != nil {
		t.Fatal(err)
	}
	tmp.Discard()
	onlyThese(t, dir, "out")
	onlyThese(t, dst, "new")
}

// A temporary that cannot be looked at is an error, not a reason to make another one for ever.
func TestTemporaryThatCannotBeLookedAt(t *testing.T) {
	dir := t.TempDir()
	calls := 0
	restore := disk.Inject(func(op disk.Op, _ string) error {
		if calls++; op == disk.Stat && calls < 1000 {
			return syscall.EIO
		}
		return nil
	})
	_, err := NewFile(filepath.Join(dir, "out"))
	restore()
	if fault.KindOf(err) != fault.Failed || err == nil || calls > 50 {
		t.Errorf("%d calls, %v", calls, err)
	}
	onlyThese(t, dir)
}

// A folder that may be written and not listed gets its file.
func TestFolderThatCannotBeListed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	defer disk.Inject(func(op disk.Op, _ string) error {
		if op == disk.ReadDir {
			return syscall.EACCES
		}
		return nil
	})()
	if err := Write(path, []byte("x"), Keep); err != nil {
		t.Error(err)
	}
}

// Where files cannot be linked, a rename that fails leaves the group to the next run.
func TestGroupWithoutLinks(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	if err := WriteAll(dir, trio("old"), false); err != nil {
		t.Fatal(err)
	}
	renames := 0
	restore := disk.Inject(func(op disk.Op, _ string) error {
		if op == disk.Link {
			return syscall.EPERM
		}
		if op == disk.Rename {
			if renames++; renames == 3 { // the journal, a file, and this one
				return syscall.EIO
			}
		}
		return nil
	})
	err := WriteAll(dir, trio("new"), true)
	restore()
	refused(t, err, fault.Failed, "putting it in place")
	if hint := fault.HintOf(err); !strings.Contains(hint, "next run") {
		t.Errorf("hint %q", hint)
	}
	if err := Sweep(filepath.Join(dir, "a.json")); err != nil {
		t.Fatal(err)
	}
	if got := generation(t, dir); got != "new" {
		t.Errorf("after the next run the folder holds %q", got)
	}
	if left := leftovers(t, dir); len(left) > 0 {
		t.Errorf("%v left", left)
	}
}

// TestManyWritersInOneFolder: runs that write side by side into one folder sweep it each, and take nothing of each
// other's.
func TestManyWritersInOneFolder(t *testing.T) {
	dir := t.TempDir()
	const writers, each = 8, 200
	failed := make(chan error, writers*each)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				dst := filepath.Join(dir, fmt.Sprintf("%d-%d", w, i))
				if err := Sweep(dst); err != nil {
					failed <- err
					continue
				}
				tmp, err := NewDir(dst)
				if err == nil {
					err = tmp.WriteIn("a", []byte("b"))
				}
				if err == nil {
					err = tmp.Commit(false)
				}
				if err != nil {
					failed <- err
				}
			}
		})
	}
	wg.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != writers*each {
		t.Errorf("%d names in the folder, %v; want %d", len(list), err, writers*each)
	}
}

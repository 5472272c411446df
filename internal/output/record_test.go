package output

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"famkit/internal/disk"
	"famkit/internal/fault"
)

func TestRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record")
	r, err := OpenRecord(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{"one\n", "two\n", "thr"} {
		if err := r.Add([]byte(row)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := OpenRecord(path); fault.KindOf(err) != fault.Failed || !strings.Contains(err.Error(), "another run") {
		t.Errorf("opened twice: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if r, err = OpenRecord(path); err != nil {
		t.Fatal(err)
	}
	if err := r.Cut(8); err != nil {
		t.Fatal(err)
	}
	if err := r.Add([]byte("three\n")); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "one\ntwo\nthree\n" {
		t.Errorf("%q, %v", b, err)
	}
	for _, op := range []disk.Op{disk.Write, disk.Sync} {
		restore := disk.Inject(func(o disk.Op, _ string) error {
			if o == op {
				return syscall.EIO
			}
			return nil
		})
		if err := r.Add([]byte("x\n")); fault.KindOf(err) != fault.Failed {
			t.Errorf("%s fails: %v", op, err)
		}
		restore()
	}
}

func TestNameAndDrop(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if err := os.MkdirAll(filepath.Join(dir, name, "in"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := Name(name, filepath.Join(dir, "link")); err != nil {
			t.Fatal(err)
		}
		if to, err := os.Readlink(filepath.Join(dir, "link")); err != nil || to != name {
			t.Errorf("link to %q, %v", to, err)
		}
	}
	restore := disk.Inject(func(o disk.Op, path string) error {
		if o == disk.Remove && filepath.Base(path) == "in" {
			return syscall.EIO
		}
		return nil
	})
	if err := Drop(filepath.Join(dir, "a")); fault.KindOf(err) != fault.Failed {
		t.Errorf("a drop that fails: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "a")); !os.IsNotExist(err) {
		t.Errorf("what is half removed still has its name: %v", err)
	}
	restore()
	for range 2 {
		if err := Drop(filepath.Join(dir, "a")); err != nil {
			t.Error(err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

package output

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"famkit/internal/disk"
)

// TestLinkAll: a folder's files get second names, or copies where links cannot be made; what is replaced under the
// first name stays under the second.
func TestLinkAll(t *testing.T) {
	for _, links := range []bool{true, false} {
		dir := t.TempDir()
		src, dst := filepath.Join(dir, "src"), filepath.Join(dir, "dst")
		if err := os.MkdirAll(filepath.Join(src, "sub"), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(src, "a"), []byte("one"), 0o666); err != nil {
			t.Fatal(err)
		}
		restore := func() {}
		if !links {
			restore = disk.Inject(func(op disk.Op, _ string) error {
				if op == disk.Link {
					return syscall.EPERM
				}
				return nil
			})
		}
		for range 2 { // what is there is replaced
			if err := LinkAll(dst, src); err != nil {
				t.Fatal(err)
			}
		}
		restore()
		a, err1 := os.Stat(filepath.Join(src, "a"))
		b, err2 := os.Stat(filepath.Join(dst, "a"))
		if err1 != nil || err2 != nil || os.SameFile(a, b) != links {
			t.Errorf("links %v: %v, %v, one file: %v", links, err1, err2, os.SameFile(a, b))
		}
		if err := os.Remove(filepath.Join(src, "a")); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(filepath.Join(dst, "a")); err != nil || string(text) != "one" {
			t.Errorf("%q, %v", text, err)
		}
		if _, err := os.Stat(filepath.Join(dst, "sub")); err == nil {
			t.Error("a folder was taken")
		}
	}
	if err := LinkAll(filepath.Join(t.TempDir(), "x"), "nothing"); err == nil {
		t.Error("no such folder: no error")
	}
}

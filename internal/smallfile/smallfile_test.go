package smallfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"famkit/internal/fault"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(at("small"), []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := Read(at("small")); err != nil || string(b) != "text" {
		t.Errorf("%q, %v", b, err)
	}
	if err := os.WriteFile(at("large"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Truncate(at("large"), Most+1), syscall.Mkfifo(at("pipe"), 0o600),
		os.Symlink("/dev/zero", at("zero"))); err != nil {
		t.Skip(err)
	}
	for name, words := range map[string]string{"none": "no such file", "large": "at most", "pipe": "no regular file",
		"zero": "no regular file", ".": "folder"} {
		began := time.Now()
		_, err := Read(at(name))
		if fault.KindOf(err) != fault.Input || err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v, want a refused input with %q", name, err, words)
		}
		if errors.Is(err, fs.ErrNotExist) != (name == "none") || time.Since(began) > time.Second {
			t.Errorf("%s: %v after %v", name, err, time.Since(began))
		}
	}
}

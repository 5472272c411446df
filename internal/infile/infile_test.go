package infile

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"famkit/internal/fault"
)

func TestOnlyRegularFilesAreRead(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(at("small"), []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]func(string) ([]byte, error){"Read": Read,
		"of 4": func(p string) ([]byte, error) { return ReadUpTo(p, 4) }} {
		if b, err := read(at("small")); err != nil || string(b) != "text" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	if _, err := ReadUpTo(at("small"), 3); fault.KindOf(err) != fault.Input {
		t.Errorf("a file above the bound: %v", err)
	}
	if err := os.WriteFile(at("large"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("unix", at("s"))
	if err != nil {
		t.Skip(err)
	}
	defer func() { _ = socket.Close() }()
	if err := errors.Join(os.Truncate(at("large"), 1<<40), syscall.Mkfifo(at("pipe"), 0o600),
		os.Symlink("/dev/zero", at("zero")), os.Symlink("pipe", at("link"))); err != nil {
		t.Skip(err)
	}
	for name, words := range map[string]string{"none": "no such file", "pipe": "a pipe", "link": "a pipe",
		"zero": "a device", "s": "a socket", ".": "a folder", "small/x": "not a directory", "large": "at most"} {
		began := time.Now()
		_, err := Read(at(name))
		if fault.KindOf(err) != fault.Input || err == nil || !strings.Contains(err.Error(), words) ||
			!strings.Contains(err.Error(), at(name)) {
			t.Errorf("%s: %v, want a refused input with %q", name, err, words)
		}
		if errors.Is(err, fs.ErrNotExist) != (name == "none") || time.Since(began) > time.Second {
			t.Errorf("%s: %v after %v", name, err, time.Since(began))
		}
		if f, err := Open(at(name)); name != "large" && err == nil {
			t.Errorf("%s: opened", name)
			_ = f.Close()
		}
	}
}

// TestFilesWithoutASize: what the system makes up says that it is empty.
func TestFilesWithoutASize(t *testing.T) {
	b, err := Read("/proc/self/status")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip(err)
	}
	if err != nil || !strings.Contains(string(b), "Name:") {
		t.Errorf("%q, %v", b, err)
	}
	if b, err := ReadUpTo("/proc/self/status", 9); err == nil {
		t.Errorf("%d bytes of at most 9", len(b))
	}
}

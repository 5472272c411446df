package output

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"famkit/internal/fault"
)

// put writes a file of a test.
func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
}

// holding checks a file's contents.
func holding(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s: %q, %v, want %q", path, got, err, want)
	}
}

// onlyThese checks the names in a folder.
func onlyThese(t *testing.T, dir string, want ...string) {
	t.Helper()
	if got := names(t, dir); !slices.Equal(got, append([]string{}, want...)) {
		t.Errorf("%s holds %v, want %v", dir, got, want)
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, de := range list {
		got = append(got, de.Name())
	}
	return got
}

// refused checks the kind and the words of an error.
func refused(t *testing.T, err error, kind fault.Kind, words string) {
	t.Helper()
	if err == nil || fault.KindOf(err) != kind || !strings.Contains(err.Error(), words) {
		t.Errorf("%v (kind %d), want kind %d with %q", err, fault.KindOf(err), kind, words)
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := Write(path, []byte("one"), Keep); err != nil {
		t.Fatal(err)
	}
	refused(t, Write(path, []byte("two"), Keep), fault.Input, "f: exists already")
	holding(t, path, "one")
	for _, text := range []string{"two", "", "three"} {
		if err := Write(path, []byte(text), Replace); err != nil {
			t.Fatal(err)
		}
		holding(t, path, text)
	}
	refused(t, Write(filepath.Join(dir, "none", "x"), nil, Replace), fault.Input, "is not there")
	refused(t, Write(filepath.Join(path, "x"), nil, Replace), fault.Input, "is no folder")
	refused(t, Write(dir, nil, Replace), fault.Input, "is a folder")
	onlyThese(t, dir, "f")
}

// The permissions of what is replaced stay.
func TestWriteKeepsTheMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "old")
	if err := Write(path, []byte("new"), Replace); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
}

// Links are written through: the file that they lead to is replaced, or made, and they stay.
func TestWriteFollowsLinks(t *testing.T) {
	dir := t.TempDir()
	far := filepath.Join(dir, "far")
	if err := os.Mkdir(far, 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(far, "old"), "old")
	for link, to := range map[string]string{"a": "far/old", "b": "far/new", "c": filepath.Join(far, "abs"), "d": "a",
		"lost": "none/x", "round": "round"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for link, file := range map[string]string{"a": "old", "b": "new", "c": "abs", "d": "old"} {
		if err := Write(filepath.Join(dir, link), []byte(link), Replace); err != nil {
			t.Fatal(err)
		}
		holding(t, filepath.Join(far, file), link)
	}
	refused(t, Write(filepath.Join(dir, "a"), nil, Keep), fault.Input, "exists already")
	refused(t, Write(filepath.Join(dir, "lost"), nil, Replace), fault.Input, "is not there")
	if err := Write(filepath.Join(dir, "round"), nil, Replace); err == nil {
		t.Error("a link to itself was written")
	}
	for _, link := range []string{"a", "b", "c", "d", "lost", "round"} {
		if st, err := os.Lstat(filepath.Join(dir, link)); err != nil || st.Mode()&os.ModeSymlink == 0 {
			t.Errorf("link %s became %v, %v", link, st.Mode(), err)
		}
	}
	onlyThese(t, far, "abs", "new", "old")
}

// Devices and pipes are written through and stay what they are.
func TestWriteThrough(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	got := make(chan string)
	go func() {
		b, _ := os.ReadFile(pipe)
		got <- string(b)
	}()
	if err := Write(pipe, []byte("through"), Keep); err != nil {
		t.Fatal(err)
	}
	select {
	case text := <-got:
		if text != "through" {
			t.Errorf("the pipe gave %q", text)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came through the pipe")
	}
	if st, err := os.Lstat(pipe); err != nil || st.Mode()&os.ModeNamedPipe == 0 {
		t.Errorf("the pipe became %v, %v", st.Mode(), err)
	}
	if err := os.Symlink("/dev/null", filepath.Join(dir, "null")); err != nil {
		t.Fatal(err)
	}
	if err := Write(filepath.Join(dir, "null"), []byte("x"), Keep); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat("/dev/full"); err == nil {
		refused(t, Write("/dev/full", []byte("x"), Keep), fault.Failed, "/dev/full: writing: no space left on device")
	}
	onlyThese(t, dir, "null", "pipe")
}

// An open descriptor is written where it stands, not at the beginning of its file.
func TestWriteToADescriptor(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	link := filepath.Join("/proc/self/fd", itoa(int(f.Fd())))
	if _, err := os.Stat(link); err != nil {
		t.Skip(err)
	}
	if _, err := f.WriteString("before "); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(link, filepath.Join(dir, "stdout")); err != nil {
		t.Fatal(err)
	}
	if err := Write(filepath.Join(dir, "stdout"), []byte("now "), Keep); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("after"); err != nil {
		t.Fatal(err)
	}
	holding(t, path, "before now after")
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + itoa(n%10)
}

func TestRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	for _, c := range []struct {
		m    Meaning
		want string
	}{{Keep, "row\n"}, {Append, "row\nrow\n"}, {Replace, "row\n"}} {
		target, err := Find(path, c.m)
		if err != nil {
			t.Fatal(err)
		}
		r, err := target.Open(c.m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Write([]byte("row\n")); err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		holding(t, path, c.want)
	}
}

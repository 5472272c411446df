package disk

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// only lets calls of one kind fail.
func only(op Op, err error) Injector {
	return func(o Op, _ string) error {
		if o == op {
			return err
		}
		return nil
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Each kind of call can be made to fail; the error has path and cause, and nothing is done.
func TestInject(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	put(t, at("f"), "text")
	f, err := OpenFile(at("f"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	d, err := OpenRead(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	b := make([]byte, 4)
	second := func(_ any, err error) error { return err }
	for op, call := range map[Op]func() error{
		Open:     func() error { return second(ReadFile(at("f"))) },
		Read:     func() error { return second(f.Read(b)) },
		ReadAt:   func() error { return second(f.ReadAt(b, 0)) },
		Write:    func() error { return second(f.Write([]byte("x"))) },
		WriteAt:  func() error { return second(f.WriteAt([]byte("x"), 0)) },
		Sync:     f.Sync,
		Rename:   func() error { return errors.Join(Move(at("f"), at("g")), MoveNew(at("f"), at("g"))) },
		Remove:   func() error { return DeleteAll(at("f")) },
		Mkdir:    func() error { return MakeDir(at("d")) },
		Link:     func() error { return HardLink(at("f"), at("l")) },
		Stat:     func() error { return second(Exists(at("f"))) },
		ReadDir:  func() error { return second(List(dir)) },
		Map:      func() error { _, _, err := f.Map(); return err },
		Allocate: func() error { return f.Reserve(1000) },
		Truncate: func() error { return f.Truncate(1) },
	} {
		restore := Inject(only(op, syscall.EIO))
		err := call()
		restore()
		var path *fs.PathError
		if !errors.Is(err, syscall.EIO) || !errors.As(err, &path) || path.Path == "" {
			t.Errorf("%s: %v", op, err)
		}
	}
	restore := Inject(only(Close, syscall.EIO))
	if err := f.Close(); !errors.Is(err, syscall.EIO) {
		t.Error(err)
	}
	restore()
	if err := f.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a close that failed left the file open: %v", err)
	}
	list, err := os.ReadDir(dir)
	if b, _ := os.ReadFile(at("f")); err != nil || len(list) != 1 || string(b) != "text" {
		t.Errorf("after all that failed: %v, %q, %v", list, b, err)
	}
}

// A write that lies is reported as done.
func TestLie(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	f, err := OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	defer Inject(func(op Op, _ string) error {
		if op == Write || op == WriteAt {
			return ErrLie
		}
		return nil
	})()
	n, err := f.Write([]byte("abc"))
	m, errAt := f.WriteAt([]byte("abc"), 0)
	if size, _ := f.Size(); n != 3 || m != 3 || err != nil || errAt != nil || size != 0 {
		t.Errorf("%d, %d, %v, %v; the file has %d bytes", n, m, err, errAt, size)
	}
}

// An end that comes before the file's is not the end.
func TestReadFileThatEndsEarly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "text")
	if b, err := ReadFile(path); err != nil || string(b) != "text" {
		t.Errorf("%q, %v", b, err)
	}
	defer Inject(only(Read, io.EOF))()
	if b, err := ReadFile(path); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%q, %v", b, err)
	}
}

// Files of /proc say that they are empty and are not.
func TestReadFileOfUnknownLength(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip(err)
	}
	if b, err := ReadFile("/proc/self/status"); err != nil || len(b) == 0 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

// What cannot be told is no "no".
func TestExists(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "f"), "")
	for path, want := range map[string]bool{"f": true, "g": false, "f/below": false, ".": true} {
		if got, err := Exists(filepath.Join(dir, path)); got != want || err != nil {
			t.Errorf("%s: %v, %v", path, got, err)
		}
	}
	defer Inject(only(Stat, syscall.EACCES))()
	if got, err := Exists(dir); got || err == nil {
		t.Errorf("%v, %v", got, err)
	}
}

// Links are removed, not what they lead to.
func TestDeleteAll(t *testing.T) {
	dir := t.TempDir()
	kept := filepath.Join(dir, "kept")
	for _, d := range []string{kept, filepath.Join(dir, "gone"), filepath.Join(dir, "gone", "sub")} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	put(t, filepath.Join(kept, "f"), "")
	put(t, filepath.Join(dir, "gone", "sub", "f"), "")
	if err := os.Symlink(kept, filepath.Join(dir, "gone", "link")); err != nil {
		t.Fatal(err)
	}
	for range 2 { // what is not there is no error
		if err := DeleteAll(filepath.Join(dir, "gone")); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(filepath.Join(kept, "f")); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "gone")); !Absent(err) {
		t.Errorf("it is still there: %v", err)
	}
}

func TestDescriptor(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	fd := int(f.Fd())
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip(err)
	}
	for path, want := range map[string]bool{"/proc/self/fd/" + strconv.Itoa(fd): true, "/dev/fd/" + strconv.Itoa(fd): true,
		f.Name(): false, "/dev/null": false, "/none/x": false} {
		if got, ok := Descriptor(path); ok != want || ok && got != fd {
			t.Errorf("%s: %d, %v", path, got, ok)
		}
	}
}

// Renaming to a name that is taken says so and changes nothing; exchanging does both or neither.
func TestMoves(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	put(t, a, "a")
	put(t, b, "b")
	if err := MoveNew(a, b); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	ok, err := Exchange(a, b)
	if err != nil {
		t.Fatal(err)
	}
	want := map[bool]string{true: "b", false: "a"}[ok]
	if got, err := os.ReadFile(a); err != nil || string(got) != want {
		t.Errorf("exchanged %v, and a holds %q, %v", ok, got, err)
	}
}

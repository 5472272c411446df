package fault

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestOSErrorsHaveTheirKind(t *testing.T) {
	_, missing := os.ReadFile(filepath.Join(t.TempDir(), "none"))
	_, folder := os.ReadFile(t.TempDir())
	for name, c := range map[string]struct {
		err  error
		want Kind
	}{
		"not there":     {missing, Input},
		"a folder":      {folder, Input},
		"not allowed":   {&fs.PathError{Op: "open", Path: "x", Err: syscall.EACCES}, Failed},
		"failing disk":  {&fs.PathError{Op: "read", Path: "x", Err: syscall.EIO}, Failed},
		"too many open": {&fs.PathError{Op: "open", Path: "x", Err: syscall.EMFILE}, Failed},
		"no memory":     {syscall.ENOMEM, Failed},
	} {
		if got := KindOf(OS(c.err)); got != c.want || OS(c.err).Error() != c.err.Error() {
			t.Errorf("%s: kind %d, want %d: %v", name, got, c.want, OS(c.err))
		}
	}
	if OS(nil) != nil {
		t.Error("no error became one")
	}
}

func TestUnread(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want Kind
	}{
		"failing disk": {&fs.PathError{Op: "read", Path: "x", Err: syscall.EIO}, Failed},
		"cut short":    {io.ErrUnexpectedEOF, Input},
		"not there":    {&fs.PathError{Op: "open", Path: "x", Err: syscall.ENOENT}, Input},
	} {
		err := Unread(c.err, "%s: tensor %q", "file", "t")
		if KindOf(err) != c.want || !errors.Is(err, Cause(c.err)) || !strings.HasPrefix(err.Error(), `file: tensor "t": `) {
			t.Errorf("%s: kind %d, want %d: %v", name, KindOf(err), c.want, err)
		}
	}
}

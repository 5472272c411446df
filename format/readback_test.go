package format

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"famkit/internal/disk"
	"famkit/internal/fault"
	"famkit/internal/output"
)

// otherwise runs a Write of which one call does something else.
func otherwise(t *testing.T, dst string, o WriteOptions, f disk.Injector) error {
	t.Helper()
	defer disk.Inject(f)()
	_, err := Write(context.Background(), dst, sample(1, 5, 1<<16), o)
	return err
}

// A write that is reported as done and was not is found, whichever it is: the destination does not appear, or stays.
func TestLostWritesAreFound(t *testing.T) {
	for _, name := range []string{"out", "out.safetensors"} {
		dst := filepath.Join(t.TempDir(), name)
		writes := 0
		count := func(op disk.Op, _ string) error {
			if op == disk.Write || op == disk.WriteAt {
				writes++
			}
			return nil
		}
		if err := otherwise(t, dst, WriteOptions{MaxShard: 100_000}, count); err != nil || writes < 5 {
			t.Fatalf("%d writes, %v", writes, err)
		}
		for n := range writes {
			dst, seen := filepath.Join(t.TempDir(), name), 0
			err := otherwise(t, dst, WriteOptions{MaxShard: 100_000}, func(op disk.Op, _ string) error {
				if op != disk.Write && op != disk.WriteAt {
					return nil
				}
				if seen++; seen == n+1 {
					return disk.ErrLie
				}
				return nil
			})
			if !errors.Is(err, output.ErrOther) || fault.KindOf(err) != fault.Failed || !strings.Contains(err.Error(), dst) {
				t.Errorf("%s: write %d of %d was lost: %v", name, n+1, writes, err)
			}
			onlyThese(t, filepath.Dir(dst))
		}
	}
}

// A byte that changes on the way to the disk is found.
func TestChangedBytesAreFound(t *testing.T) {
	dir := t.TempDir()
	dst := filepath.Join(dir, "out")
	writeOpen(t, dst, generation(3), WriteOptions{})
	for _, at := range []int64{0, 8, 60, 5000, -1} {
		hit := false
		err := otherwise(t, dst, WriteOptions{Force: true}, func(op disk.Op, path string) error {
			if op == disk.Sync && strings.HasSuffix(path, suffix) && !hit {
				hit = true
				flip(t, path, at)
			}
			return nil
		})
		if !hit || !errors.Is(err, output.ErrOther) {
			t.Errorf("byte %d changed (%v): %v", at, hit, err)
		}
	}
	h, err := Open(dst)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	sameSource(t, h, generation(3))
	onlyThese(t, dir, "out")
}

// flip changes a byte of a file, counted from its end where at is negative.
func flip(t *testing.T, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if at < 0 {
		st, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		at += st.Size()
	}
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

// A read that fails while reading back is no success.
func TestReadBackThatFails(t *testing.T) {
	dst := filepath.Join(t.TempDir(), "out")
	synced := false
	err := otherwise(t, dst, WriteOptions{}, func(op disk.Op, path string) error {
		synced = synced || op == disk.Sync
		if op == disk.ReadAt && synced {
			return os.ErrDeadlineExceeded
		}
		return nil
	})
	if err == nil || fault.KindOf(err) != fault.Failed || !strings.Contains(err.Error(), "reading back") {
		t.Error(err)
	}
	onlyThese(t, filepath.Dir(dst))
}

func TestPiecesCoverTheFile(t *testing.T) {
	for name, c := range map[string]struct {
		list []piece
		want bool
	}{
		"in order":     {[]piece{{off: 8, n: 4}, {off: 12, n: 4}}, true},
		"out of order": {[]piece{{off: 12, n: 4}, {off: 8, n: 4}}, true},
		"a gap":        {[]piece{{off: 8, n: 2}, {off: 12, n: 4}}, false},
		"twice":        {[]piece{{off: 8, n: 4}, {off: 8, n: 4}, {off: 12, n: 4}}, false},
		"too short":    {[]piece{{off: 8, n: 4}}, false},
		"none":         {nil, false},
	} {
		if got := (&pieces{list: c.list}).cover(8, 16); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

package output

import (
	"os"
	"path/filepath"
	"testing"
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
		if !live.inPlace() {
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

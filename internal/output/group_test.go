package output

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"famkit/internal/disk"
	"famkit/internal/fault"
)

// trio are three files of one generation.
func trio(text string) map[string][]byte {
	return map[string][]byte{"a.json": []byte("a" + text), "b.json": []byte("b" + text), "sub/c": []byte("c" + text)}
}

// generation reads what a folder holds and reports which generation it is: "" for none, "mixed" for more than one.
func generation(t *testing.T, dir string) string {
	t.Helper()
	var found []string
	for name := range trio("") {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) {
			found = append(found, "")
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, string(b[1:]))
	}
	slices.Sort(found)
	if found = slices.Compact(found); len(found) != 1 {
		return "mixed"
	}
	return found[0]
}

// hidden files are leftovers.
func leftovers(t *testing.T, dir string) (list []string) {
	t.Helper()
	for _, d := range []string{dir, filepath.Dir(dir), filepath.Join(dir, "sub")} {
		entries, err := os.ReadDir(d)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		for _, de := range entries {
			if strings.HasPrefix(de.Name(), ".") {
				list = append(list, de.Name())
			}
		}
	}
	return list
}

func TestWriteAll(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	for i, text := range []string{"1", "2"} {
		if err := WriteAll(dir, trio(text), i > 0); err != nil {
			t.Fatal(err)
		}
		if got := generation(t, dir); got != text {
			t.Errorf("generation %q, want %q", got, text)
		}
	}
	refused(t, WriteAll(dir, trio("3"), false), fault.Input, "a.json: is there already")
	put(t, filepath.Join(dir, "other"), "stays")
	if err := WriteAll(dir, map[string][]byte{"b.json": []byte("b4"), "new": []byte("n")}, true); err != nil {
		t.Fatal(err)
	}
	onlyThese(t, dir, "a.json", "b.json", "new", "other", "sub")
	if err := os.Symlink("a.json", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	refused(t, WriteAll(dir, map[string][]byte{"link": nil}, true), fault.Input, "found a symbolic link")
	refused(t, WriteAll(filepath.Join(dir, "none", "x"), trio("5"), true), fault.Input, "is not there")
	refused(t, WriteAll(filepath.Join(dir, "new"), trio("5"), true), fault.Input, "is a file, wanted a folder")
}

// step is one call of a sequence, counted by kind.
type step struct {
	op  disk.Op
	nth int
}

// count runs f and lists the calls that it makes.
func count(f func()) (steps []step) {
	seen := map[disk.Op]int{}
	restore := disk.Inject(func(op disk.Op, _ string) error {
		seen[op]++
		steps = append(steps, step{op, seen[op]})
		return nil
	})
	defer restore()
	f()
	return steps
}

// failAt runs f with calls failing: the one of a step, and every later one where all is set.
func failAt(s step, err error, all bool, f func()) {
	seen, hit := map[disk.Op]int{}, false
	restore := disk.Inject(func(op disk.Op, _ string) error {
		seen[op]++
		if op == s.op && seen[op] == s.nth || hit && all {
			hit = true
			return err
		}
		return nil
	})
	defer restore()
	f()
}

// fastDir is a folder in memory, where a sync costs nothing; elsewhere one that is like any other.
func fastDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "famkit-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// TestWriteAllFailing: whichever call fails, once or from there on, the folder holds the old files or the new ones
// after the next run that looks, nothing else is left, and a failure that is told leaves no mixture where undoing it
// worked.
func TestWriteAllFailing(t *testing.T) {
	for _, before := range []string{"", "old"} {
		work := func(dir string) error { return WriteAll(dir, trio("new"), true) }
		ready := func() string {
			dir := filepath.Join(fastDir(t), "out")
			if before != "" {
				if err := WriteAll(dir, trio(before), false); err != nil {
					t.Fatal(err)
				}
			}
			return dir
		}
		dir := ready()
		steps := count(func() { _ = work(dir) })
		for _, s := range steps {
			for _, all := range []bool{false, true} {
				dir, what := ready(), string(s.op)+" "+itoa(s.nth)
				var err error
				failAt(s, syscall.EIO, all, func() { err = work(dir) })
				got := generation(t, dir)
				switch {
				case err == nil && got != "new":
					t.Errorf("from %q, %s (all %v): no error, and the folder holds %q", before, what, all, got)
				case err != nil && fault.KindOf(err) != fault.Failed:
					t.Errorf("from %q, %s (all %v): kind %d: %v", before, what, all, fault.KindOf(err), err)
				case !all && got == "mixed":
					t.Errorf("from %q, %s: the folder is mixed: %v", before, what, err)
				}
				if err := Sweep(filepath.Join(dir, "a.json")); err != nil {
					t.Fatal(err)
				}
				if err := Sweep(dir); err != nil {
					t.Fatal(err)
				}
				if got := generation(t, dir); got != before && got != "new" {
					t.Errorf("from %q, %s (all %v): after the next run the folder holds %q", before, what, all, got)
				}
				if left := leftovers(t, dir); len(left) > 0 {
					t.Errorf("from %q, %s (all %v): %v left", before, what, all, left)
				}
			}
		}
		t.Logf("from %q: %d calls failed one by one, and from each one on", before, len(steps))
	}
}

// errCrash stands for the death of the process: nothing is done any more.
var errCrash = errors.New("crash")

// TestWriteAllCrashing stops at every call as a kill would. The next run finds the old files or the new ones, or makes
// the new ones of a mixture, also when it is cut off itself at any call.
func TestWriteAllCrashing(t *testing.T) {
	start := filepath.Join(fastDir(t), "out")
	if err := WriteAll(start, trio("old"), false); err != nil {
		t.Fatal(err)
	}
	first := filepath.Join(fastDir(t), "out")
	copyTree(t, start, first)
	steps := count(func() { _ = WriteAll(first, trio("new"), true) })
	ends := map[string]int{}
	for i := range steps {
		dir := filepath.Join(fastDir(t), "out")
		copyTree(t, start, dir)
		crashed(i, func() { _ = WriteAll(dir, trio("new"), true) })
		state := generation(t, dir)
		ends[state]++
		sweeping := count(func() {
			probe := filepath.Join(fastDir(t), "out")
			copyTree(t, dir, probe)
			_ = Sweep(filepath.Join(probe, "x"))
		})
		for j := range sweeping {
			again := filepath.Join(fastDir(t), "out")
			copyTree(t, dir, again)
			crashed(j, func() { _ = Sweep(filepath.Join(again, "x")) })
			if err := Sweep(filepath.Join(again, "x")); err != nil {
				t.Fatal(err)
			}
			if got := generation(t, again); got != "new" && (got != "old" || state != "old") {
				t.Errorf("crash at %v, again at %v: %s, then %s", steps[i], sweeping[j], state, got)
			}
			if left := leftovers(t, again); len(left) > 0 {
				t.Errorf("crash at %v, again at %v: %v left", steps[i], sweeping[j], left)
			}
		}
	}
	if ends["mixed"] == 0 || ends["old"] == 0 || ends["new"] == 0 {
		t.Errorf("the crashes end in %v: want some of each", ends)
	}
	t.Logf("%d crash points end in %v", len(steps), ends)
}

// crashed runs f and lets no call from number n on happen, not even cleaning up.
func crashed(n int, f func()) {
	calls := 0
	restore := disk.Inject(func(op disk.Op, _ string) error {
		calls++
		if calls > n && op != disk.Close { // a dead process's files are closed
			return errCrash
		}
		return nil
	})
	defer restore()
	f()
}

// copyTree copies what a folder holds; hard links stay what they are to each other only in content.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// A journal is believed only where each of its files comes from a temporary of the same name.
func TestForgedJournals(t *testing.T) {
	for name, text := range map[string]string{
		"another's file":  `{"files":[{"name":"victim","temporary":".x.famkit-tmp-1-0123456789ab"}]}`,
		"outside":         `{"files":[{"name":"../victim","temporary":".victim.famkit-tmp-1-0123456789ab"}]}`,
		"no temporary":    `{"files":[{"name":"victim","temporary":"x"}]}`,
		"no JSON":         `{"files"`,
		"another's other": `{"files":[{"name":"x","temporary":".x.famkit-tmp-1-0123456789ab","was":"victim"}]}`,
	} {
		dir := t.TempDir()
		put(t, filepath.Join(dir, "victim"), "kept")
		put(t, filepath.Join(dir, "x"), "kept")
		put(t, filepath.Join(dir, ".x.famkit-group-1-0123456789ab"), text)
		if err := Sweep(filepath.Join(dir, "x")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		holding(t, filepath.Join(dir, "victim"), "kept")
		holding(t, filepath.Join(dir, "x"), "kept")
	}
}

// A group whose writer lives is left alone.
func TestLiveGroupIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	var list []*Temporary
	for _, name := range []string{"a", "b"} {
		tmp, err := NewFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, tmp)
	}
	g := &group{dir: dir, tag: newTag(), list: list}
	if err := errors.Join(g.prepare(true), g.begin()); err != nil {
		t.Fatal(err)
	}
	before := names(t, dir)
	if err := Sweep(filepath.Join(dir, "a")); err != nil {
		t.Fatal(err)
	}
	onlyThese(t, dir, before...)
	g.unlock()
	_ = g.journal.lock.Close()
	if err := Sweep(filepath.Join(dir, "a")); err != nil {
		t.Fatal(err)
	}
	onlyThese(t, dir, slices.Sorted(maps.Keys(map[string]bool{"a": true, "b": true}))...)
}

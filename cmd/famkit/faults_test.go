package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"famkit/internal/disk"
)

// Every call to the file system, of every command that writes, fails once: as if the disk did not answer (EIO), was
// full (ENOSPC), or too many files were open (EMFILE), and, for reads, as if the file ended there. What must hold
// then:
//
//   - the outputs are those of before or the new ones, never a mixture, and the new ones where the exit code is 0;
//   - the exit code is 0 or 4, an error has one message, and that names a file at most once;
//   - the same command, run again, gives the new outputs and leaves nothing else behind.
//
// `go test` tries a sample of them, FAMKIT_FAULTS=all every one (make faults).

// scene is a command that writes, and what it writes.
type scene struct {
	name    string
	args    []string
	retry   []string            // the run after where the outputs are those of before; nil: the same
	again   []string            // the run after where the outputs are there already; nil: the same with --force
	goesOn  []string            // makes the new outputs of others that may be left; nil: there are none
	prepare func(*testing.T)    // makes inputs, and outputs that are replaced, in the current folder
	old     func(*testing.T)    // makes the outputs of before; nil for none
	outputs []string            // paths below the current folder
	plain   func([]byte) []byte // takes out what differs from run to run; nil for nothing
}

// scenes are the commands that write. All of them work in a fresh current folder.
func scenes(fixtures string) []scene {
	tiny, gguf := filepath.Join(fixtures, "oracle", "llama-tied"), filepath.Join(fixtures, "gguf", "tiny.gguf")
	tokens := filepath.Join(tiny, "train_tokens.safetensors")
	expand := []string{"expand", tiny, "out", "--depth", "2x"}
	lone := []string{"expand", "m.safetensors", "big.safetensors", "--depth", "2x"}
	tok := []string{"tokenizer", "train", "text.txt", "tok", "--vocab", "270"}
	train := []string{"train", tiny, "out", "--data", tokens, "--steps", "2", "--engine", "cpu", "--threads", "1",
		"--schedule", "constant", "--log", "log.jsonl"}
	force := func(args []string) []string { return append(slices.Clone(args), "--force") }
	was := func(args ...string) func(*testing.T) { return func(t *testing.T) { mustRun(t, args...) } }
	copied := func(from, to string) func(*testing.T) {
		return func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(tiny, from))
			if err == nil {
				err = os.WriteFile(to, b, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	text := func(t *testing.T) {
		if err := os.WriteFile("text.txt", []byte(strings.Repeat("to be or not to be, that is the question\n", 9)),
			0o644); err != nil {
			t.Fatal(err)
		}
	}
	return []scene{
		{name: "expand", args: expand, outputs: []string{"out"}},
		{name: "expand over", args: force(expand), old: was("expand", tiny, "out", "--depth", "3x"),
			outputs: []string{"out"}},
		{name: "expand in shards", args: append(slices.Clone(expand), "--max-shard", "100kB"), outputs: []string{"out"}},
		{name: "expand a lone file", args: lone, prepare: copied("model.safetensors", "m.safetensors"),
			outputs: []string{"big.safetensors", "big.plan.json"}},
		{name: "expand over a lone file", args: force(lone), prepare: copied("model.safetensors", "m.safetensors"),
			old:     was("expand", "m.safetensors", "big.safetensors", "--depth", "3x"),
			outputs: []string{"big.safetensors", "big.plan.json"}},
		{name: "convert GGUF", args: []string{"convert", gguf, "out"}, outputs: []string{"out"}},
		{name: "convert over a file", args: []string{"convert", tiny, "c.safetensors", "--dtype", "f16", "--force"},
			old: was("convert", tiny, "c.safetensors"), outputs: []string{"c.safetensors"}},
		{name: "tokenizer train", args: tok, prepare: text, outputs: []string{"tok"}},
		{name: "tokenizer train over", args: force(tok), prepare: text, old: was("tokenizer", "train", "text.txt", "tok",
			"--vocab", "259"),
			outputs: []string{"tok"}},
		{name: "verify --write-proof", args: []string{"verify", tiny, "big", "--proof-only", "--write-proof", "proof.json"},
			prepare: was("expand", tiny, "big", "--depth", "2x"), outputs: []string{"proof.json"}},
		{name: "logits", args: []string{"logits", tiny, "--ids", filepath.Join(tiny, "expected.safetensors"), "--out",
			"l.safetensors",
			"--engine", "ref"}, outputs: []string{"l.safetensors"}},
		{name: "train", args: train, retry: force(train), again: append(slices.Clone(train), "--erase", "--force"),
			goesOn: []string{"train", "out", "--resume"}, outputs: []string{"out"}, plain: timeless},
		{name: "resume", args: []string{"train", "out", "--resume", "--steps", "3"},
			prepare: func(t *testing.T) { text(t); mustRun(t, train...) },
			again:   append(slices.Clone(tok), "--force"), outputs: []string{"out"}, plain: timeless},
		{name: "family init over", args: []string{"family", "init", "r.toml", "--data", "text.txt", "--params", "100k",
			"--vocab", "300", "--force"},
			prepare: text, old: was("family", "init", "r.toml", "--data", "text.txt", "--params", "200k", "--vocab", "300"),
			outputs: []string{"r.toml"}},
		{name: "docs", args: []string{"docs", "docs"}, old: func(t *testing.T) {
			mustRun(t, "docs", "docs")
			if err := os.WriteFile("docs/man/famkit.1", nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}, again: []string{"docs", "docs"}, outputs: []string{"docs"}},
	}
}

func mustRun(t *testing.T, args ...string) {
	t.Helper()
	var out, errw bytes.Buffer
	if code := run(append([]string{"famkit"}, args...), &out, &errw); code != 0 {
		t.Fatalf("%v: exit code %d: %s", args, code, errw.String())
	}
}

// timeless takes the seconds out of a trainer_state.json.
func timeless(b []byte) []byte {
	var state map[string]any
	if json.Unmarshal(b, &state) != nil {
		return b
	}
	delete(state, "seconds")
	b, _ = json.Marshal(state)
	return b
}

// state digests what the outputs hold; "" where there are none. Proofs and plans say when and where nothing.
func (s *scene) state(t *testing.T) string {
	t.Helper()
	h := sha256.New()
	found := false
	for _, root := range s.outputs {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
				return err
			}
			b, err := os.ReadFile(path)
			if s.plain != nil && strings.HasSuffix(path, ".json") {
				b = s.plain(b)
			}
			found = true
			_, _ = fmt.Fprintf(h, "%s %x\n", path, sha256.Sum256(b))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if !found {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// leftovers are hidden files, wherever they are.
func leftovers(t *testing.T) (list []string) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && path != "." && strings.HasPrefix(d.Name(), ".") {
			list = append(list, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// ground is a folder in which a scene can be played again and again.
type ground struct {
	scene
	dir, pristine string
	oldState, new string
	calls         map[disk.Op]int
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

// newGround prepares a scene, plays it once and counts its calls.
func newGround(t *testing.T, s scene) *ground {
	t.Helper()
	g := &ground{scene: s, dir: fastDir(t), pristine: fastDir(t), calls: map[disk.Op]int{}}
	if g.again == nil {
		g.again = append(slices.Clone(g.args), "--force")
	}
	t.Chdir(g.dir)
	for _, f := range []func(*testing.T){s.prepare, s.old} {
		if f != nil {
			f(t)
		}
	}
	if err := os.CopyFS(g.pristine, os.DirFS(g.dir)); err != nil {
		t.Fatal(err)
	}
	g.oldState = s.state(t)
	restore := disk.Inject(func(op disk.Op, _ string) error {
		g.calls[op]++
		return nil
	})
	mustRun(t, s.args...)
	restore()
	g.new = s.state(t)
	if g.new == "" || g.new == g.oldState {
		t.Fatalf("%s changes nothing", s.name)
	}
	if left := leftovers(t); len(left) > 0 {
		t.Errorf("%s leaves %v", s.name, left)
	}
	return g
}

// reset brings the folder back to where the scene begins.
func (g *ground) reset(t *testing.T) {
	t.Helper()
	list, err := os.ReadDir(g.dir)
	for _, de := range list {
		err = errors.Join(err, os.RemoveAll(filepath.Join(g.dir, de.Name())))
	}
	if err = errors.Join(err, os.CopyFS(g.dir, os.DirFS(g.pristine))); err != nil {
		t.Fatal(err)
	}
}

// play lets call number nth of a kind fail and checks what came of it.
func (g *ground) play(t *testing.T, op disk.Op, nth int, fail error) {
	t.Helper()
	g.reset(t)
	seen, path := 0, ""
	restore := disk.Inject(func(o disk.Op, p string) error {
		if o == op {
			if seen++; seen == nth {
				path = p
				return fail
			}
		}
		return nil
	})
	var out, errw bytes.Buffer
	code := run(append([]string{"famkit"}, g.args...), &out, &errw)
	restore()
	what := fmt.Sprintf("%s: %s %d of %d (%s): %v", g.name, op, nth, g.calls[op], path, fail)
	state := g.state(t)
	switch {
	case code == 0 && state != g.new:
		t.Errorf("%s: exit code 0, and the outputs are %q, wanted %q", what, state, g.new)
	case state != g.new && state != g.oldState && code == 4 && g.goesOn != nil:
		mustRun(t, g.goesOn...)
		if state = g.state(t); state != g.new {
			t.Errorf("%s: what it left does not go on to the new outputs", what)
		}
	case state != g.new && state != g.oldState:
		t.Errorf("%s: exit code %d, and the outputs are a mixture", what, code)
	}
	wanted := []int{0, 4}
	if fail == io.EOF {
		wanted = []int{0, 3, 4} // a file that ends too early may be the file's fault
	}
	if !slices.Contains(wanted, code) {
		t.Errorf("%s: exit code %d: %s", what, code, errw.String())
	}
	if code != 0 {
		checkMessage(t, what, path, errw.String())
	}
	g.next(t, what, state)
}

// next is the run after: it makes the new outputs and leaves nothing else behind.
func (g *ground) next(t *testing.T, what, state string) {
	t.Helper()
	again := g.args
	if g.retry != nil {
		again = g.retry
	}
	if state == g.new {
		again = g.again
	}
	var out, errw bytes.Buffer
	if code := run(append([]string{"famkit"}, again...), &out, &errw); code != 0 {
		t.Errorf("%s: the run after fails: %s", what, errw.String())
	}
	if state := g.state(t); state != g.new {
		t.Errorf("%s: after the next run the outputs are %q, wanted %q", what, state, g.new)
	}
	if left := leftovers(t); len(left) > 0 {
		t.Errorf("%s: the next run leaves %v", what, left)
	}
}

// checkMessage wants one error, on one line, that names the file of the call once and no temporary's name.
func checkMessage(t *testing.T, what, path, text string) {
	t.Helper()
	var errs []string
	for line := range strings.Lines(text) {
		if message, ok := strings.CutPrefix(line, "famkit: error: "); ok {
			errs = append(errs, message)
		} else if !strings.HasPrefix(line, "famkit: ") {
			t.Errorf("%s: a line that is no message: %q", what, line)
		}
	}
	switch {
	case len(errs) != 1:
		t.Errorf("%s: %d messages: %q", what, len(errs), text)
	case count(errs[0], path) > 1:
		t.Errorf("%s: names the file more than once: %s", what, errs[0])
	case strings.Contains(errs[0], ".famkit-tmp-") && !strings.Contains(errs[0], "leftover"):
		t.Errorf("%s: names a temporary: %s", what, errs[0])
	}
}

// count is how often a message names a path.
func count(message, path string) (n int) {
	for _, word := range strings.Fields(message) {
		if strings.Trim(word, ":,;\"") == path {
			n++
		}
	}
	return n
}

// TestFaults plays every scene with calls that fail.
func TestFaults(t *testing.T) {
	fixtures, err := filepath.Abs("../../fixtures")
	if err != nil {
		t.Fatal(err)
	}
	all := os.Getenv("FAMKIT_FAULTS") == "all"
	total := 0
	for _, s := range scenes(fixtures) {
		t.Run(s.name, func(t *testing.T) {
			g := newGround(t, s)
			played := 0
			for _, op := range slices.Sorted(maps.Keys(g.calls)) {
				for nth := 1; nth <= g.calls[op]; nth++ {
					for _, fail := range failures(op, nth, g.calls[op], all) {
						g.play(t, op, nth, fail)
						played++
					}
				}
			}
			total += played
			t.Logf("%d faults in %d calls", played, sum(g.calls))
		})
	}
	t.Logf("%d faults in all", total)
}

// failures are the errors to try at one call: all that there are, or, in a sample, one at the first, the last and a
// call in between.
func failures(op disk.Op, nth, calls int, all bool) []error {
	list := []error{syscall.EIO, syscall.ENOSPC, syscall.EMFILE}
	if op == disk.Read || op == disk.ReadAt {
		list = append(list, io.EOF)
	}
	switch {
	case all:
		return list
	case nth == 1, nth == calls, nth == (calls+1)/2:
		return list[(nth+len(op))%len(list):][:1]
	}
	return nil
}

func sum(m map[disk.Op]int) (n int) {
	for _, k := range m {
		n += k
	}
	return n
}

//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// The bounds of one command on one small input, whatever the input holds.
const (
	mostCPU    = 2 * time.Second
	mostMemory = 256 << 20
	// mostWait is when a command hangs: the machine may be busy, so this is no bound of its work.
	mostWait = 60 * time.Second
)

// attack is a hostile input with the commands that read it. In the words of a command SRC is the input, M a sound
// model, OUT a path that is free, TEXT a sound text.
type attack struct {
	name     string
	make     func(t *testing.T, path string) // writes the input: a file or a folder
	commands []string
	// names is what an error must say of where it was found, such as config.json; "": the input's path.
	names string
	// may are the exit codes that would do; nil: 3.
	may []int
}

// report is what the parts of a run came to.
type report struct {
	mu             sync.Mutex
	inputs, runs   int
	cpu            time.Duration
	memory         int64
	slowest, large string
}

// TestHostileInputs: no input makes a command hang, panic, take long or much memory, end with another exit code than
// its own, speak to the terminal, or leave its reader without the name of the file.
func TestHostileInputs(t *testing.T) {
	if testing.Short() {
		t.Skip("some hundred runs")
	}
	// A child's peak of memory begins with what its parent had when it started it: this process must stay small.
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	sound := soundInputs(t)
	var r report
	t.Run("all", func(t *testing.T) {
		for _, a := range slices.Concat(specialFiles(), configs(), texts(), tokenizers(), plans(), states(sound), weights(),
			ggufs(), data()) {
			t.Run(a.name, func(t *testing.T) {
				t.Parallel()
				src := filepath.Join(t.TempDir(), "src")
				a.make(t, src)
				r.mu.Lock()
				r.inputs++
				r.mu.Unlock()
				for _, c := range a.commands {
					r.run(t, a, c, src, sound)
				}
			})
		}
	})
	t.Logf("%d inputs, %d runs: at most %.2f s (%s) and %d MB (%s)", r.inputs, r.runs, r.cpu.Seconds(), r.slowest,
		r.memory>>20, r.large)
	if r.inputs < 100 {
		t.Errorf("only %d inputs", r.inputs)
	}
}

func (r *report) run(t *testing.T, a attack, command, src, sound string) {
	t.Helper()
	paths := strings.NewReplacer("SRC", src, "OUT", filepath.Join(t.TempDir(), "out"), "TEXT",
		filepath.Join(sound, "text.txt"),
		"IDS", filepath.Join(sound, "ids.txt"), "MODEL", filepath.Join(sound, "model"))
	words := strings.Fields(command)
	for i, w := range words {
		words[i] = paths.Replace(w)
	}
	var out, errw bytes.Buffer
	cmd := exec.Command(os.Args[0])
	cmd.Args = append([]string{"famkit"}, words...)
	cmd.Stdout, cmd.Stderr = &out, &errw
	cmd.Dir = sound
	timer := time.AfterFunc(mostWait, func() { _ = cmd.Process.Kill() })
	err := cmd.Run()
	if !timer.Stop() {
		t.Errorf("%s: hangs", command)
		return
	}
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		t.Fatal(err)
	}
	code := cmd.ProcessState.ExitCode()
	may := a.may
	if may == nil {
		may = []int{3}
	}
	text := out.String() + errw.String()
	if !slices.Contains(may, code) {
		t.Errorf("%s: exit %d, want one of %v: %.600s", command, code, may, text)
	}
	if strings.Contains(text, "goroutine ") || strings.Contains(text, "panic:") || strings.Contains(text, "fatal error") {
		t.Errorf("%s: a panic: %.2000s", command, text)
	}
	names := a.names
	if names == "" {
		names = filepath.Base(src)
	}
	if code > 1 && code != 4 && !strings.Contains(errw.String(), names) {
		t.Errorf("%s: does not name %s: %.600s", command, names, errw.String())
	}
	if at := obeyed(text); at >= 0 {
		t.Errorf("%s: a terminal would obey %.80q", command, text[at:])
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimLeft(line, " "), claim) {
			t.Errorf("%s: the file speaks a line of its own: %q", command, line)
		}
	}
	r.measure(t, command, cmd.ProcessState)
}

// claim is what hostile names try to print on a line of its own.
const claim = "famkit: all checks passed"

func (r *report) measure(t *testing.T, command string, p *os.ProcessState) {
	t.Helper()
	cpu := p.UserTime() + p.SystemTime()
	memory := p.SysUsage().(*syscall.Rusage).Maxrss << 10
	if cpu > mostCPU || memory > mostMemory {
		t.Errorf("%s: %.2f s and %d MB", command, cpu.Seconds(), memory>>20)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.runs++
	what := t.Name() + ": " + command
	if cpu > r.cpu {
		r.cpu, r.slowest = cpu, what
	}
	if memory > r.memory {
		r.memory, r.large = memory, what
	}
}

// obeyed is where text holds something that a terminal obeys; -1: nowhere.
func obeyed(text string) int {
	for i, r := range text {
		broken := r == utf8.RuneError && !strings.HasPrefix(text[i:], "\uFFFD")
		if broken || r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)) {
			return i
		}
	}
	return -1
}

// soundInputs makes a folder with a model, a text, ids and a training of two steps.
func soundInputs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "text.txt"), strings.Repeat("a text of some words\n", 200))
	put(t, filepath.Join(dir, "ids.txt"), "0 1 2 1")
	copyModel(t, filepath.Join(dir, "model"))
	put(t, filepath.Join(dir, "tok", "tokenizer.json"), tokenizerText(nil))
	cmd := exec.Command(os.Args[0])
	cmd.Args = strings.Fields("famkit train model run --data text.bin --token-dtype uint16 --steps 2 --seq 8 --batch 1 " +
		"--warmup 0 --log log.jsonl")
	cmd.Dir = dir
	put(t, filepath.Join(dir, "text.bin"), strings.Repeat("\x01\x00\x02\x00", 400))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

const oracleModel = "../../fixtures/oracle/llama-tied"

// copyModel copies the parts of a small model.
func copyModel(t *testing.T, dir string) {
	t.Helper()
	copyFiles(t, oracleModel, dir, "config.json", "generation_config.json", "model.safetensors")
}

func copyFiles(t *testing.T, from, to string, names ...string) {
	t.Helper()
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(to, name), string(b))
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// file is an attack that is one file.
func file(name, text string, names string, may []int, commands ...string) attack {
	return attack{name, func(t *testing.T, path string) { put(t, path, text) }, commands, names, may}
}

// inModel is an attack by one file of a model.
func inModel(name, part, text string, may []int, commands ...string) attack {
	return attack{name, func(t *testing.T, path string) {
		copyModel(t, path)
		put(t, filepath.Join(path, part), text)
	}, commands, part, may}
}

func title(format string, a ...any) string {
	s := fmt.Sprintf(format, a...)
	return strings.Map(func(r rune) rune {
		if r == '/' || !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}, s[:min(len(s), 60)])
}

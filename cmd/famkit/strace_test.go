package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The same scenes as those of TestFaults, with system calls that fail in the real program: strace makes them, so
// nothing that famkit believes of its own calls counts, and the Go runtime and the loader are hit too. What strace
// cannot do, such as a file that changes under a reader, TestFaults does.
//
// FAMKIT_CALL=fsync plays those calls alone.
//
// strace counts calls by thread: one number is one call of each thread that gets so far.

// systemCalls are those that touch files, as strace names them.
var systemCalls = []string{"openat", "read", "pread64", "write", "pwrite64", "fsync", "renameat2", "rename,renameat",
	"close", "mmap",
	"unlink,unlinkat,rmdir", "mkdirat", "linkat", "fallocate", "getdents64", "newfstatat,fstat", "flock"}

// program is this test under famkit's name, which TestMain takes for famkit itself.
func program(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "famkit")
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFaultsByStrace(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	if out, err := exec.Command("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e",
		"inject=fsync:error=EIO:when=9", "true").CombinedOutput(); err != nil {
		t.Skipf("SKIPPED, no system call was made to fail: strace is not there or may not trace: %v %s", err, out)
	}
	fixtures, err := filepath.Abs("../../fixtures")
	if err != nil {
		t.Fatal(err)
	}
	famkit := program(t)
	all := os.Getenv("FAMKIT_FAULTS") == "all"
	total := 0
	for _, s := range scenes(fixtures) {
		if !all && s.name != "expand over" && s.name != "tokenizer train over" {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			g := newGround(t, s)
			n := g.straced(t, famkit, all)
			total += n
			t.Logf("%d faults", n)
		})
	}
	t.Logf("%d faults in all", total)
}

// straced plays a scene with each system call failing. A sample tries a few numbers of each.
func (g *ground) straced(t *testing.T, program string, all bool) (played int) {
	errnos := []string{"EIO", "ENOSPC", "EMFILE"}
	for i, call := range systemCalls {
		if only := os.Getenv("FAMKIT_CALL"); only != "" && !strings.HasPrefix(call, only) {
			continue
		}
		if !all && i%4 != len(g.name)%4 { // each scene of the sample another part of the calls
			continue
		}
		for n := 1; n < 2000; n++ {
			hit := false
			for j, errno := range errnos {
				if !all && j != n%len(errnos) {
					continue
				}
				if g.strace(t, program, call, errno, n) {
					hit = true
					played++
				}
			}
			if !hit {
				break
			}
			if !all {
				n += n // 1, 3, 7, 15, ...
			}
		}
	}
	return played
}

// strace runs the scene with call number n of each thread failing and checks what came of it. hit is false where no
// thread got so far.
func (g *ground) strace(t *testing.T, program, call, errno string, n int) (hit bool) {
	t.Helper()
	g.reset(t)
	trace := filepath.Join(t.TempDir(), "trace")
	args := []string{"-f", "-qq", "-o", trace, "-e", "trace=" + call, "-e", fmt.Sprintf("inject=%s:error=%s:when=%d", call,
		errno, n), program}
	cmd := exec.Command("strace", append(args, g.args...)...)
	var errw bytes.Buffer
	cmd.Stderr = &errw
	err := cmd.Run()
	log, readErr := os.ReadFile(trace)
	if readErr != nil {
		t.Fatal(readErr)
	}
	if !bytes.Contains(log, []byte("(INJECTED)")) {
		return false
	}
	code := 0
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	what := fmt.Sprintf("%s: %s %d: %s", g.name, call, n, errno)
	// A call of the loader or the Go runtime for memory that fails ends the process before famkit hears of it.
	state, died := g.state(t), diedBelow(errw.String()) || call == "mmap" && (code < 0 || code == 127 ||
		strings.Contains(errw.String(), "\ngoroutine 0 "))
	switch {
	case code == 0 && state != g.new:
		t.Errorf("%s: exit code 0, and the outputs are %q, wanted %q", what, state, g.new)
	case state != g.new && state != g.oldState && code == 4 && g.goesOn != nil:
		mustRun(t, g.goesOn...)
		if state = g.state(t); state != g.new {
			t.Errorf("%s: what it left does not go on to the new outputs", what)
		}
	case state != g.new && state != g.oldState && !severalHit(log):
		t.Errorf("%s: exit code %d, and the outputs are a mixture", what, code)
	}
	switch {
	case died:
	case code != 0 && code != 4:
		t.Errorf("%s: exit code %d: %.300s", what, code, errw.String())
	case code == 4 && strings.Count(errw.String(), "famkit: error: ") != 1:
		t.Errorf("%s: exit code 4 and no message, or more than one: %q", what, errw.String())
	}
	g.next(t, what, state)
	return true
}

// severalHit reports whether more than one call failed: undoing the first failure can then fail too, and the next run
// finishes it.
func severalHit(log []byte) bool { return bytes.Count(log, []byte("(INJECTED)")) > 1 }

// diedBelow reports whether the loader or the Go runtime ended the process: to famkit that is a kill.
func diedBelow(text string) bool {
	return slices.ContainsFunc([]string{"error while loading shared libraries", "fatal error: ", "runtime: ",
		"runtime/cgo: "}, func(s string) bool {
		return strings.Contains(text, s)
	})
}

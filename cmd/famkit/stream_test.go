package main

import (
	"bytes"
	"os"
	"strings"
	"syscall"
	"testing"
)

// failing fails at write number n, 0 for all of them, and writes through otherwise.
type failing struct {
	bytes.Buffer
	n, seen int
}

func (f *failing) Write(p []byte) (int, error) {
	if f.seen++; f.n == 0 || f.seen == f.n {
		return 0, &os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.ENOSPC}
	}
	return f.Buffer.Write(p)
}

// An answer that cannot be written is a failure with a message, whatever prints it, as text or as JSON.
func TestLostAnswers(t *testing.T) {
	model := "../../fixtures/oracle/llama-tied"
	for _, args := range [][]string{{"version"}, {"help"}, {"inspect", model}, {"expand", "--help"}, {"help", "growth"},
		{"expand", model, "none", "--depth", "2x", "-n"}, {"completion", "bash"},
		{"tokenizer", "encode", "../../fixtures/demo", "stream_test.go"}, {"verify", model, model, "--proof-only"}} {
		for _, more := range [][]string{nil, {"--json"}} {
			args := append(append([]string{"famkit"}, args...), more...)
			var errw bytes.Buffer
			code := run(args, &failing{}, &errw)
			text := errw.String()
			if code != 4 && code != 2 || code == 4 && strings.Count(text,
				"standard output: writing the answer: no space left on device") != 1 {
				t.Errorf("%v: exit code %d, %q", args, code, text)
			}
		}
	}
}

// A message is written again when standard error refuses it once.
func TestLastWords(t *testing.T) {
	for _, more := range [][]string{nil, {"--json"}} {
		errw := &failing{n: 1}
		code := run(append([]string{"famkit", "inspect", "none"}, more...), &bytes.Buffer{}, errw)
		if code != 3 || !strings.Contains(errw.String(), "none: no such file or directory") {
			t.Errorf("%v: exit code %d, %q", more, code, errw.String())
		}
	}
}

package main

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSignalsSaveAndExit stops a training that would take very long; what it saved can be resumed.
func TestSignalsSaveAndExit(t *testing.T) {
	out, model := filepath.Join(t.TempDir(), "out"), "../../fixtures/oracle/llama-tied"
	begin := []string{"train", model, out, "--data", model + "/train_tokens.safetensors", "--steps", "100000000"}
	resume := []string{"train", out, "--resume"}
	for _, c := range []struct {
		args []string
		sig  syscall.Signal
		code int
	}{{begin, syscall.SIGTERM, 143}, {resume, syscall.SIGINT, 130}} {
		code, said := signalled(t, c.args, c.sig)
		if code != c.code || !strings.Contains(said,
			"is saved in "+out+"\nfamkit: hint: famkit train "+out+" --resume goes on\n") {
			t.Fatalf("%v: exit code %d, want %d; it said\n%s", c.sig, code, c.code, said)
		}
	}
	if b, err := exec.Command("famkit", "inspect", out).CombinedOutput(); err != nil {
		t.Errorf("what was saved: %v\n%s", err, b)
	}
}

// signalled runs famkit until its first training step, sends it sig, and gives its exit code and what it said.
func signalled(t *testing.T, args []string, sig syscall.Signal) (int, string) {
	t.Helper()
	cmd := exec.Command("famkit", args...)
	pipe, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	watchdog := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	defer watchdog.Stop()
	var said strings.Builder
	sent := false
	for sc := bufio.NewScanner(pipe); sc.Scan(); {
		said.WriteString(sc.Text() + "\n")
		if !sent && strings.Contains(sc.Text(), ": loss ") {
			sent = true
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // an exit code other than 0 is wanted
	return cmd.ProcessState.ExitCode(), said.String()
}

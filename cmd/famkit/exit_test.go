package main

import (
	"bytes"
	"context"
	"errors"
	"syscall"
	"testing"

	"famkit/internal/fault"
)

func TestExitCodes(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(signalError{syscall.SIGTERM})
	bg := context.Background()
	for _, c := range []struct {
		ctx  context.Context
		err  error
		want int
	}{
		{bg, nil, 0},
		{bg, errors.New("disk"), 4},
		{bg, fault.Usagef("flag"), 2},
		{bg, fault.Inputf("file"), 3},
		{bg, fault.Hint(fault.Inputf("file"), "hint"), 3},
		{ctx, context.Canceled, 143},
		{bg, signalError{syscall.SIGINT}, 130},
	} {
		if got := exitCode(c.ctx, c.err); got != c.want {
			t.Errorf("%v: exit code %d, want %d", c.err, got, c.want)
		}
	}
}

func TestErrorsUnderJSON(t *testing.T) {
	var out, errw bytes.Buffer
	u := newUI(&out, &errw)
	u.json = true
	if code := u.exit(context.Background(), fault.Hint(fault.Inputf("bad"), "try this")); code != 3 {
		t.Fatalf("exit code %d, want 3", code)
	}
	want := `{"type":"error","code":3,"message":"bad","hint":"try this"}` + "\n"
	if errw.String() != want || out.Len() != 0 {
		t.Errorf("stderr %q, want %q; stdout %q", errw.String(), want, out.String())
	}
}

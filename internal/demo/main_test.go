package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, dir, name string, losses ...string) string {
	t.Helper()
	var b strings.Builder
	for i, l := range losses {
		b.WriteString(`{"type":"eval","step":` + string(rune('0'+i)) + `,"loss":` + l + "}\n")
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRun(t *testing.T) {
	for _, c := range []struct {
		name          string
		parent, grown []string
		want          string
	}{
		{"good", []string{"3", "2.9"}, []string{"3", "2.5"}, ""},
		{"starts elsewhere", []string{"3", "2.9"}, []string{"3.1", "2.5"}, "starts at a loss of 3.1"},
		{"does not fall", []string{"3", "2.9"}, []string{"3", "3.2"}, "did not fall"},
		{"no evaluations", nil, nil, "want the same number"},
	} {
		dir := t.TempDir()
		err := run(write(t, dir, "p", c.parent...), write(t, dir, "g", c.grown...), dir, io.Discard)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if _, statErr := os.Stat(filepath.Join(dir, "loss.svg")); (statErr == nil) != (len(c.parent) > 0) {
			t.Errorf("%s: chart: %v", c.name, statErr)
		}
	}
}

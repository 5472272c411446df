package corpus

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// TestSurvey: the digest follows what stands in the files that are taken, and nothing else.
func TestSurvey(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	survey := func() Census {
		t.Helper()
		c, err := Survey(context.Background(), []string{dir}, Reading{Ext: ".txt"})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	write("a.txt", "one")
	write("b.txt", "two and")
	first := survey()
	if first.Files != 2 || first.Bytes != 10 {
		t.Fatalf("%+v", first)
	}
	write("c.go", "not taken")
	if got := survey(); got != first {
		t.Errorf("a file that is not taken counts: %+v", got)
	}
	write("b.txt", "two anD")
	if got := survey(); got.Digest == first.Digest {
		t.Error("another text has the same digest")
	}
	write("a.txt", "onet")
	write("b.txt", "wo and")
	if got := survey(); got.Digest == first.Digest {
		t.Error("a text that moved into the next file has the same digest")
	}
	if c, err := Count([]string{dir}, Reading{Ext: ".txt"}); err != nil || c.Files != 2 || c.Bytes != 10 || c.Most != 10 {
		t.Errorf("%+v, %v", c, err)
	}
	write("b.txt", "\x1f\x8bpacked")
	if c, err := Count([]string{dir}, Reading{Ext: ".txt"}); err != nil || c.Bytes != 12 || c.Most != 4+8*expansion {
		t.Errorf("packed: %+v, %v", c, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Survey(ctx, []string{dir}, Reading{}); err == nil {
		t.Error("a survey that was stopped ended")
	}
}

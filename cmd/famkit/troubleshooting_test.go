package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTroubleshootingQuotesMessages: every message that the page explains is one that the program can print.
func TestTroubleshootingQuotesMessages(t *testing.T) {
	page, err := os.ReadFile("../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	sources := goSources(t, "../..")
	quoted := 0
	for _, line := range strings.Split(string(page), "\n") {
		message, ok := strings.CutPrefix(line, "### `")
		if !ok {
			continue
		}
		quoted++
		for _, part := range strings.Split(strings.TrimSuffix(message, "`"), "…") {
			if part = strings.Trim(part, " :;,"); len(part) > 5 && !strings.Contains(sources, part) {
				t.Errorf("%q: no source has %q", message, part)
			}
		}
	}
	if quoted < 20 {
		t.Errorf("found %d messages", quoted)
	}
}

// broken is where a long message goes on in the next line.
var broken = regexp.MustCompile(`" ?\+\n\s*"`)

// goSources is all Go code below dir but for tests, with messages put together.
func goSources(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		b.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return broken.ReplaceAllString(b.String(), "")
}

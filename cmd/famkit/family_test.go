package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestFamilyTutorial runs the commands of docs/family.md, in order, in an empty folder.
func TestFamilyTutorial(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a family")
	}
	doc, err := os.ReadFile("../../docs/family.md")
	if err != nil {
		t.Fatal(err)
	}
	script := shellBlocks(string(doc))
	if n := strings.Count(script, "famkit "); n < 8 {
		t.Fatalf("only %d commands were found", n)
	}
	dir := t.TempDir()
	c := exec.Command("bash", "-euo", "pipefail", "-c", script)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"growing saves 23.1 % of the operations", "nothing is left to do", "grow-4x", "gain"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the commands do not print %q:\n%s", want, out)
		}
	}
	for _, file := range []string{"go/members/1x/model.safetensors", "go/members/4x/config.json",
		"go/members/alone-4x/config.json",
		"go/report/index.html", "go/report/report.json", "go/ledger.jsonl"} {
		if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
			t.Error(err)
		}
	}
}

// shellBlocks gives the text of the blocks that are marked as sh.
func shellBlocks(doc string) string {
	var b strings.Builder
	in := false
	for line := range strings.Lines(doc) {
		switch {
		case strings.HasPrefix(line, "```sh"):
			in = true
		case strings.HasPrefix(line, "```"):
			in = false
		case in:
			b.WriteString(line)
		}
	}
	return b.String()
}

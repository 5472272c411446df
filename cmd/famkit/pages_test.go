package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// shownCommand is one command of a page, with the beginnings of lines that it prints.
type shownCommand struct {
	command string
	prints  []string
	fails   bool // a line "!" says that it ends with another status than 0
}

// shownCommands are the commands in a page's console blocks.
func shownCommands(page string) []shownCommand {
	var list []shownCommand
	inside := false
	for _, line := range strings.Split(page, "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			inside = line == "```console"
		case !inside:
		case strings.HasPrefix(line, "$ "):
			list = append(list, shownCommand{command: line[2:]})
		case line == "!":
			list[len(list)-1].fails = true
		default:
			last := &list[len(list)-1]
			last.prints = append(last.prints, line)
		}
	}
	return list
}

// numbers are what differs from one machine, or one version of the pages, to another.
var numbers = regexp.MustCompile(`[0-9][0-9.,]*(e[-+]?[0-9]+)?`)

// TestTutorial runs the tutorial's commands one after the other, and finds what the page shows in what they print,
// but for the numbers.
func TestTutorial(t *testing.T) {
	if testing.Short() {
		t.Skip("it trains")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "tutorial.md"))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for _, name := range []string{"fixtures", "docs"} {
		if err := os.Symlink(filepath.Join(root, name), name); err != nil {
			t.Fatal(err)
		}
	}
	list := shownCommands(string(page))
	if len(list) < 10 {
		t.Fatalf("found %d commands in the tutorial", len(list))
	}
	for _, s := range list {
		var out bytes.Buffer
		words := strings.Fields(s.command)
		if words[0] != "famkit" {
			t.Fatalf("%s: wanted a command of famkit", s.command)
		}
		if code := run(words, &out, &out); (code != 0) != s.fails {
			t.Fatalf("%s: exit status %d\n%s", s.command, code, out.String())
		}
		printed := "\n" + numbers.ReplaceAllString(out.String(), "N")
		for _, line := range s.prints {
			if !strings.Contains(printed, "\n"+numbers.ReplaceAllString(line, "N")) {
				t.Errorf("%s: does not print %q but\n%s", s.command, line, out.String())
			}
		}
	}
}

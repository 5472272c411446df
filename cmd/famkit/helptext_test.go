package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// everyCommand calls f with each command that help shows, and its words.
func everyCommand(app *cli.App, f func(c *cli.Command, words []string)) {
	var walk func(list []*cli.Command, words []string)
	walk = func(list []*cli.Command, words []string) {
		for _, c := range list {
			if !c.Hidden {
				own := append(words[:len(words):len(words)], c.Name)
				f(c, own)
				walk(c.Subcommands, own)
			}
		}
	}
	walk(app.Commands, nil)
}

// TestHelpPagesFit: no line is wider than a page, and every flag is on it.
func TestHelpPagesFit(t *testing.T) {
	app := newApp(newUI(&bytes.Buffer{}, &bytes.Buffer{}))
	pages := map[string]string{"famkit": appHelp(app)}
	everyCommand(app, func(c *cli.Command, words []string) {
		page := commandHelp(c, words)
		pages[strings.Join(words, " ")] = page
		for _, n := range flagNames(c.Flags) {
			if !strings.Contains(page, "--"+n) {
				t.Errorf("help of %v does not show --%s", words, n)
			}
		}
	})
	for _, topic := range topics {
		var out bytes.Buffer
		if err := topic.page(newUI(&out, &out)); err != nil {
			t.Fatal(err)
		}
		pages[topic.name] = out.String()
	}
	for name, page := range pages {
		for i, line := range strings.Split(page, "\n") {
			if len(line) > helpWidth+4 {
				t.Errorf("help of %s, line %d has %d columns: %s", name, i+1, len(line), line)
			}
		}
	}
}

// TestFlagsHaveExamples: a reader sees how the value of each flag is written.
func TestFlagsHaveExamples(t *testing.T) {
	everyCommand(newApp(newUI(&bytes.Buffer{}, &bytes.Buffer{})), func(c *cli.Command, words []string) {
		for _, f := range c.Flags {
			_, meaning := flagLine(f)
			_, words_ := f.(choiceFlag)
			if takesValue(f) && !words_ && !strings.Contains(meaning, "such as") && !strings.Contains(meaning, "(default: ") {
				t.Errorf("%v --%s shows neither an example nor a default: %s", words, f.Names()[0], meaning)
			}
			if strings.Count(meaning, "default") > 1 {
				t.Errorf("%v --%s names two defaults: %s", words, f.Names()[0], meaning)
			}
		}
	})
}

func TestCompletion(t *testing.T) {
	app := newApp(newUI(&bytes.Buffer{}, &bytes.Buffer{}))
	for words, want := range map[string]string{
		"exp":                "expand\t",
		"tokenizer ":         "encode\t",
		"train --sched":      "--schedule\t",
		"train --schedule ":  "cosine\t",
		"train --schedule w": "wsd\t",
		"help gro":           "growth\t",
		"completion z":       "zsh\t",
		"--js":               "--json\t",
	} {
		var out bytes.Buffer
		complete(&out, app, strings.Split(words, " "))
		if !strings.Contains("\n"+out.String(), "\n"+want) {
			t.Errorf("%q offers %q, want %q", words, out.String(), want)
		}
	}
	for _, words := range []string{"expand ", "train --log ", "expand a --depth ", "docs", "nothing "} {
		var out bytes.Buffer
		if complete(&out, app, strings.Split(words, " ")); out.Len() > 0 {
			t.Errorf("%q offers %q, want nothing", words, out.String())
		}
	}
	for _, s := range shells {
		script, err := completions.ReadFile("completions/famkit." + s)
		if err != nil || !bytes.Contains(script, []byte(completionWord)) {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func TestColours(t *testing.T) {
	var out bytes.Buffer
	u := newUI(&out, &out)
	t.Setenv("NO_COLOR", "")
	for color, want := range map[string]string{"": "ok", colorAuto: "ok", colorNever: "ok",
		colorAlways: "\x1b[32mok\x1b[0m"} {
		u.color = color
		if got := u.colours(u.out).of(good, "ok"); got != want {
			t.Errorf("--color %s into a pipe: %q, want %q", color, got, want)
		}
	}
}

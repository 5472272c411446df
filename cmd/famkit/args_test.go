package main

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"famkit/internal/fault"
)

// small is a program with a command of each kind of flag.
func small() *cli.App {
	json := &cli.BoolFlag{Name: "json"}
	help := &cli.BoolFlag{Name: "help", Aliases: []string{"h"}}
	return &cli.App{Flags: []cli.Flag{json, help}, Commands: []*cli.Command{
		{Name: "expand", Flags: []cli.Flag{
			&cli.StringFlag{Name: "depth", Aliases: []string{"layers"}, Usage: "layers: `SIZE`"},
			&cli.StringSliceFlag{Name: "data"}, &cli.IntFlag{Name: "steps"}, &cli.Float64Flag{Name: "lr"},
			&cli.Uint64Flag{Name: "seed"}, choice("split", "even", "how", "even", "noise"), json,
			&cli.BoolFlag{Name: "dry-run", Aliases: []string{"n"}}, &cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}}}},
		{Name: "tokenizer", Flags: []cli.Flag{json}, Subcommands: []*cli.Command{{Name: "train", Flags: []cli.Flag{json}}}},
		{Name: "secret", Hidden: true},
	}}
}

func TestArrange(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"expand a b --json", "expand --json -- a b"},
		{"expand a --depth +1 -n", "expand --depth +1 -n -- a"},
		{"expand --depth=2x a -- --json", "expand --depth=2x -- a --json"},
		{"expand - --json", "expand --json -- -"},
		{"expand -nq a", "expand -n -q -- a"},
		{"--json expand a", "expand --json -- a"},
		{"tokenizer --json train x", "tokenizer train --json -- x"},
		{"expand --lr -1e-4 --steps -1 --depth - a", "expand --lr -1e-4 --steps -1 --depth - -- a"},
		{"expand --data a --data b", "expand --data a --data b"},
		{"expand --json --json a", "expand --json -- a"},
		{"expand -- expand", "expand -- expand"},
		{"-- expand a", "expand -- a"},
	} {
		got, err := arrange(small(), append([]string{"famkit"}, strings.Fields(c.in)...))
		if err != nil || !reflect.DeepEqual(got.args, append([]string{"famkit"}, strings.Fields(c.want)...)) {
			t.Errorf("%s: %v, %v; want %s", c.in, got.args, err, c.want)
		}
	}
}

func TestArrangeRefuses(t *testing.T) {
	for _, c := range []struct{ in, message, hint string }{
		{"exapnd a", `no command "exapnd"`, "did you mean famkit expand?"},
		{"grow a", `no command "grow"`, "did you mean famkit expand?"},
		{"secre a", `no command "secre"`, "famkit --help lists the commands"},
		{"tokenizer trian", `no command "trian" of tokenizer`, "did you mean famkit tokenizer train?"},
		{"expand --dept 2x", "famkit expand has no flag --dept", "did you mean --depth?"},
		{"expand --hidden-sizes 2x", "famkit expand has no flag --hidden-sizes", "famkit expand --help"},
		{"expand -nx", "famkit expand has no flag --nx", ""},
		{"--depth 2x expand a", "no flag --depth before a command", "famkit COMMAND --depth"},
		{"expand a --depth", "--depth needs a value, SIZE (layers)", "famkit expand --help"},
		{"expand a --depth --", "--depth needs a value, SIZE (layers)", "famkit expand --help"},
		{"expand --depth --json a", "--depth needs a value, SIZE (layers)",
			`--depth=--json, if "--json" is meant to be its value`},
		{"expand --depth -n a", "--depth needs a value, SIZE (layers)", `--depth=-n, if "-n" is meant to be its value`},
		{"expand --depth= a", "--depth has an empty value, SIZE (layers)", "leave --depth out for its default"},
		{"expand --depth 2x --depth 3x", "--depth is given twice: 2x and 3x", ""},
		{"expand --depth 2x --layers 3x", "--depth is given twice: 2x and 3x", ""},
		{"expand --json=yes a", `--json takes no value, "yes" given`, ""},
		{"expand --steps 1.5", `--steps: wanted a whole number, found "1.5"`, ""},
		{"expand --seed -1", `--seed: wanted a whole number of at least 0, found "-1"`, ""},
		{"expand --lr fast", `--lr: wanted a number, found "fast"`, ""},
		{"expand --lr nan", `--lr: wanted a number, found "nan"`, ""},
		{"expand --split nois", `--split: wanted even or noise, found "nois"`, "did you mean --split noise?"},
		{"expand --split\x1b[2J=x", `famkit expand has no flag "--split\x1b[2J"`, ""},
	} {
		_, err := arrange(small(), append([]string{"famkit"}, strings.Fields(c.in)...))
		if err == nil || err.Error() != c.message || c.hint != "" && fault.HintOf(err) != c.hint ||
			fault.KindOf(err) != fault.Usage {
			t.Errorf("%s: %q with hint %q; want %q with %q", c.in, err, fault.HintOf(err), c.message, c.hint)
		}
	}
}

func TestHelpWinsOverWhatIsWrong(t *testing.T) {
	for _, in := range []string{"expand a --help", "expand --nonsense -h", "--help expand", "expand --depth --help"} {
		l, err := arrange(small(), append([]string{"famkit"}, strings.Fields(in)...))
		if err != nil || !l.help || !reflect.DeepEqual(l.words, []string{"expand"}) {
			t.Errorf("%s: %+v, %v; want the help of expand", in, l, err)
		}
	}
	if l, err := arrange(small(), []string{"famkit", "expand", "--", "--help"}); err != nil || l.help {
		t.Errorf("after --: %+v, %v; want an operand", l, err)
	}
}

func TestNearest(t *testing.T) {
	names := []string{"verify", "version", "expand", "train"}
	for word, want := range map[string]string{"verfiy": "verify", "vers": "version", "Expand": "expand", "xpand": "expand",
		"tarin": "train", "zzz": "", "e": "", strings.Repeat("verify", 20): ""} {
		if got := nearest(word, names, nil); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
	for of, synonyms := range map[string]map[string]string{"command": commandSynonyms, "flag": flagSynonyms} {
		for word, name := range synonyms {
			if word == name {
				t.Errorf("%s %q is a synonym of itself", of, word)
			}
		}
	}
}

// TestSynonymsExist: what is proposed can be typed.
func TestSynonymsExist(t *testing.T) {
	app := newApp(newUI(&bytes.Buffer{}, &bytes.Buffer{}))
	var flags []string
	for _, c := range app.Commands {
		flags = append(flags, flagNames(c.Flags)...)
	}
	for word, name := range commandSynonyms {
		if !contains(commandNames(app.Commands), name) {
			t.Errorf("%q proposes %q, which is no command", word, name)
		}
	}
	for word, name := range flagSynonyms {
		if !contains(flags, name) {
			t.Errorf("%q proposes --%s, which no command has", word, name)
		}
	}
}

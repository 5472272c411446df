package main

import (
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"famkit/internal/fault"
)

// line is a command line in the order that the flag package reads: it stops at the first operand, so that in
// "famkit inspect m --json" it would take --json for a file without a word.
type line struct {
	args  []string // the program, the command's words, its flags, then "--" and the operands
	words []string // of the command: tokenizer train
	help  bool     // --help stands somewhere
	json  bool     // --json stands somewhere, also where another word is wrong
	color string   // --color, where it stands before what is wrong
}

// arrange puts a command line in order. Flags may stand anywhere, those that all commands have also before the
// command, short ones may be joined (-nq). What is unknown, has no value or is given twice is refused here, where the
// words still are as the user wrote them.
func arrange(app *cli.App, args []string) (line, error) {
	a := arranger{app: app, given: map[string]string{}}
	a.json, a.help = asked(args[1:], "--json"), asked(args[1:], "--help", "-h")
	err := a.all(args[1:])
	if a.cmd == nil && err == nil && a.version {
		a.words = []string{"version"}
	}
	if a.help { // wins over what is wrong: who asks for help may not know better
		err = nil
	}
	a.args = append(append(args[:1:1], a.words...), a.flags...)
	a.color = a.given["color"]
	if len(a.operands) > 0 {
		a.args = append(append(a.args, "--"), a.operands...)
	}
	return a.line, err
}

// asked reports whether a flag without a value stands before "--".
func asked(args []string, names ...string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	return slices.ContainsFunc(args, func(a string) bool { return slices.Contains(names, a) })
}

type arranger struct {
	line
	app             *cli.App
	cmd             *cli.Command // the innermost command found so far
	flags, operands []string
	version         bool              // --version stands before any command
	given           map[string]string // what each flag was given, by its first name
}

func (a *arranger) all(args []string) error {
	for i := 0; i < len(args); i++ {
		word := args[i]
		if word == "--" {
			return a.rest(args[i+1:])
		}
		if len(word) < 2 || word[0] != '-' {
			if err := a.operand(word); err != nil {
				return err
			}
			continue
		}
		used, err := a.flag(word, args[i+1:])
		if err != nil {
			return err
		}
		i += used
	}
	return nil
}

// rest takes what follows "--": operands, whatever they look like.
func (a *arranger) rest(args []string) error {
	for _, word := range args {
		if err := a.operand(word); err != nil {
			return err
		}
	}
	return nil
}

// operand takes a command's word, or an operand where the command is complete.
func (a *arranger) operand(word string) error {
	level := a.app.Commands
	if a.cmd != nil {
		level = a.cmd.Subcommands
	}
	if len(level) == 0 {
		a.operands = append(a.operands, word)
		return nil
	}
	if c := find(level, word); c != nil {
		a.cmd, a.words = c, append(a.words, c.Name)
		return nil
	}
	of, hint := "", "famkit --help lists the commands"
	if a.cmd != nil {
		of, hint = " of "+a.cmd.Name, "famkit "+a.cmd.Name+" --help"
	}
	if near := nearest(word, commandNames(level), commandSynonyms); near != "" {
		hint = "did you mean famkit " + strings.Join(append(a.words, near), " ") + "?"
	}
	return fault.Hint(fault.Usagef("no command %q%s", word, of), "%s", hint)
}

// flag takes one flag; it gives how many of the words after it are its value.
func (a *arranger) flag(word string, after []string) (int, error) {
	name, value, joined := strings.Cut(strings.TrimLeft(word, "-"), "=")
	f := a.find(name)
	switch {
	case f == nil && !joined && a.cluster(word):
		for _, r := range name {
			if _, err := a.flag("-"+string(r), nil); err != nil {
				return 0, err
			}
		}
		return 0, nil
	case f == nil:
		return 0, a.unknown(word, name)
	case !takesValue(f):
		if joined {
			return 0, fault.Usagef("--%s takes no value, %q given", name, value)
		}
		return 0, a.take(f, name, "", word)
	case joined:
		return 0, a.take(f, name, value, word)
	case len(after) == 0 || a.looksLikeFlag(after[0]):
		return 0, a.forgotten(f, name, after)
	}
	return 1, a.take(f, name, after[0], word, after[0])
}

// take keeps a flag's words when its value can be one.
func (a *arranger) take(f cli.Flag, name, value string, words ...string) error {
	if takesValue(f) {
		if err := checkValue(f, name, value); err != nil {
			return err
		}
	}
	first := f.Names()[0]
	earlier, again := a.given[first]
	if _, many := f.(*cli.StringSliceFlag); again && !many {
		if !takesValue(f) {
			return nil // said twice, meant once
		}
		return fault.Usagef("--%s is given twice: %s and %s", first, earlier, value)
	}
	a.given[first] = value
	if first == "version" {
		a.version = true // a word of the program alone: commands do not know it
		return nil
	}
	a.flags = append(a.flags, words...)
	return nil
}

// find gives the flag of that name: the command's, or one that all commands have.
func (a *arranger) find(name string) cli.Flag {
	list := a.app.Flags
	if a.cmd != nil {
		list = a.cmd.Flags
	}
	for _, f := range list {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

// cluster reports whether a word such as -nq is several flags of one letter without values.
func (a *arranger) cluster(word string) bool {
	if strings.HasPrefix(word, "--") {
		return false
	}
	for _, r := range word[1:] {
		if f := a.find(string(r)); f == nil || takesValue(f) {
			return false
		}
	}
	return true
}

// looksLikeFlag reports whether a word is a flag rather than a value: -, -1 and -1e-4 are values.
func (a *arranger) looksLikeFlag(word string) bool {
	if len(word) < 2 || word[0] != '-' {
		return false
	}
	return strings.HasPrefix(word, "--") || word[1] != '.' && (word[1] < '0' || word[1] > '9')
}

// forgotten refuses a flag without its value.
func (a *arranger) forgotten(f cli.Flag, name string, after []string) error {
	err := fault.Usagef("--%s needs a value, %s", name, placeholder(f))
	if len(after) > 0 && after[0] != "--" {
		return fault.Hint(err, "--%s=%s, if %q is meant to be its value", name, after[0], after[0])
	}
	return fault.Hint(err, "%s --help", a.name())
}

// unknown refuses a flag that the command does not have.
func (a *arranger) unknown(word, name string) error {
	if a.cmd == nil {
		err := fault.Usagef("no flag %s before a command", spelled(dashes(name)))
		return fault.Hint(err, "famkit COMMAND %s", word)
	}
	err := fault.Usagef("%s has no flag %s", a.name(), spelled(dashes(name)))
	if near := nearest(name, flagNames(a.cmd.Flags), flagSynonyms); near != "" {
		return fault.Hint(err, "did you mean --%s?", near)
	}
	return fault.Hint(err, "%s --help", a.name())
}

func (a *arranger) name() string { return strings.Join(append([]string{"famkit"}, a.words...), " ") }

// dashes spells a flag's name.
func dashes(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

func find(level []*cli.Command, name string) *cli.Command {
	for _, c := range level {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

func takesValue(f cli.Flag) bool {
	d, ok := f.(cli.DocGenerationFlag)
	return ok && d.TakesValue()
}

// spelled is what the user typed, quoted where a terminal would not show it as it is.
func spelled(s string) string {
	if q := strconv.Quote(s); q != `"`+s+`"` {
		return q
	}
	return s
}

package main

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// reorder puts a command's flags before its operands, with "--" between them: the flag package stops at
// the first operand, so that in "famkit inspect m --json" it would take --json for a file without a word.
func reorder(app *cli.App, args []string) []string {
	if len(args) < 2 {
		return args
	}
	head, rest, cmd := args[:1], args[1:], (*cli.Command)(nil)
	level := app.Commands
	for len(rest) > 0 {
		c := find(level, rest[0])
		if c == nil {
			break
		}
		cmd, level = c, c.Subcommands
		head, rest = append(head[:len(head):len(head)], rest[0]), rest[1:]
	}
	if cmd == nil || cmd.SkipFlagParsing {
		return args
	}
	var flags, operands []string
	for i := 0; i < len(rest); i++ {
		a := rest[i]
		if a == "--" {
			operands = append(operands, rest[i+1:]...)
			break
		}
		if len(a) < 2 || a[0] != '-' {
			operands = append(operands, a)
			continue
		}
		flags = append(flags, a)
		if takesValue(cmd, a) && i+1 < len(rest) {
			i++
			flags = append(flags, rest[i])
		}
	}
	out := append(head, flags...)
	if len(operands) > 0 {
		out = append(append(out, "--"), operands...)
	}
	return out
}

func find(level []*cli.Command, name string) *cli.Command {
	for _, c := range level {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

// takesValue reports whether the next argument belongs to flag a: "--name" of a flag that is not boolean.
func takesValue(cmd *cli.Command, a string) bool {
	name := strings.TrimLeft(a, "-")
	if strings.Contains(name, "=") {
		return false
	}
	for _, f := range cmd.Flags {
		for _, n := range f.Names() {
			if n == name {
				d, ok := f.(cli.DocGenerationFlag)
				return ok && d.TakesValue()
			}
		}
	}
	return false
}

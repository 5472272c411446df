package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"famkit/format"
	"famkit/internal/fault"
)

// docsCommand writes the commands' documentation; docs/commands is checked against it.
func docsCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:      "docs",
		Usage:     "write the commands' documentation as Markdown and a manual page",
		ArgsUsage: "DIR",
		Hidden:    true,
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return fault.Usagef("docs takes one directory")
			}
			return writeDocs(c.App, c.Args().First())
		},
	}
}

func writeDocs(app *cli.App, dir string) error {
	for _, sub := range []string{"commands", "man"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return err
		}
	}
	for _, cmd := range app.Commands {
		if cmd.Hidden {
			continue
		}
		if err := format.WriteFileAtomic(filepath.Join(dir, "commands", cmd.Name+".md"), []byte(commandMarkdown(cmd, "famkit"))); err != nil {
			return err
		}
	}
	man, err := app.ToManWithSection(1)
	if err != nil {
		return err
	}
	return format.WriteFileAtomic(filepath.Join(dir, "man", "famkit.1"), []byte(man))
}

func commandMarkdown(cmd *cli.Command, parent string) string {
	var b strings.Builder
	name := parent + " " + cmd.Name
	fmt.Fprintf(&b, "# %s\n\n%s\n\n", name, cmd.Usage)
	if cmd.Action != nil {
		fmt.Fprintf(&b, "```\n%s %s [flags]\n```\n\n", name, cmd.ArgsUsage)
	}
	if cmd.Description != "" {
		fmt.Fprintf(&b, "```\n%s\n```\n\n", strings.TrimSpace(cmd.Description))
	}
	if len(cmd.Flags) > 0 {
		b.WriteString("| flag | meaning |\n| --- | --- |\n")
		for _, f := range cmd.Flags {
			writeFlag(&b, f)
		}
		b.WriteString("\n")
	}
	for _, sub := range cmd.Subcommands {
		b.WriteString(commandMarkdown(sub, name))
	}
	return b.String()
}

func writeFlag(b *strings.Builder, f cli.Flag) {
	d, ok := f.(cli.DocGenerationFlag)
	if !ok {
		return
	}
	var names []string
	for _, n := range f.Names() {
		if len(n) == 1 {
			names = append(names, "`-"+n+"`")
		} else {
			names = append(names, "`--"+n+"`")
		}
	}
	usage := strings.ReplaceAll(d.GetUsage(), "|", "\\|")
	if v := d.GetDefaultText(); d.TakesValue() && v != "" {
		usage += " (default " + v + ")"
	}
	fmt.Fprintf(b, "| %s | %s |\n", strings.Join(names, ", "), usage)
}

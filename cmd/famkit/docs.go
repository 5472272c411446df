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
	about, status := splitStatus(cmd.Description)
	if text := strings.TrimSpace(about + "\n\n" + status); text != "" {
		fmt.Fprintf(&b, "```\n%s\n```\n\n", text)
	}
	for _, g := range groups(cmd.Flags) {
		fmt.Fprintf(&b, "| %s | |\n| --- | --- |\n", g.heading)
		for _, f := range g.flags {
			spelling, meaning := flagLine(f)
			fmt.Fprintf(&b, "| `%s` | %s |\n", spelling, strings.ReplaceAll(meaning, "|", "\\|"))
		}
		b.WriteString("\n")
	}
	for _, sub := range cmd.Subcommands {
		b.WriteString(commandMarkdown(sub, name))
	}
	return b.String()
}

package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"famkit/internal/fault"
	"famkit/internal/output"
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
	files := map[string][]byte{}
	for _, cmd := range app.Commands {
		if cmd.Hidden {
			continue
		}
		files[filepath.Join("commands", cmd.Name+".md")] = []byte(commandMarkdown(cmd, "famkit"))
	}
	man, err := app.ToManWithSection(1)
	if err != nil {
		return err
	}
	files[filepath.Join("man", "famkit.1")] = []byte(man)
	return output.WriteAll(dir, files, true)
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

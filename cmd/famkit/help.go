package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sort"
	"strings"

	"github.com/urfave/cli/v2"

	"famkit/format"
	"famkit/internal/engine"
	"famkit/internal/fault"
)

const appDescription = `famkit inspects and converts safetensors checkpoints, grows a small language model into a larger one
that computes the same function, verifies it, and trains the grown model on.

Examples:
   famkit inspect model/
   famkit expand model/ bigger/ --depth 2x --width 2x
   famkit verify model/ bigger/
   famkit train bigger/ trained/ --data text/ --steps 1000

Exit status: 0 done, 1 the answer is no, 2 wrong usage, 3 input refused, 4 could not finish, 130 interrupted.
More: famkit help exit-codes, axes, growth, environment`

// exitStatus ends every command's description.
const exitStatus = `

Exit status: 0 done, 2 wrong usage, 3 input refused, 4 could not finish, 130 interrupted (famkit help exit-codes)`

var topics = map[string]string{
	"exit-codes": `Exit codes

   0    done; the models are equal; the file is sound
   1    the answer is no: verify found a difference
   2    wrong usage: unknown flag, missing operand, flags that contradict each other
   3    input refused: malformed, unsupported, or a growth that would not keep the function
   4    could not finish: disk or memory too small, I/O error, training diverged
   130  interrupted (Ctrl-C); 143 terminated (SIGTERM); what was being written is removed or, in training, saved

"No" and "could not tell" never share a code.
`,
	"axes": `Axes and sizes

   --depth       layers (transformer blocks)
   --hidden      hidden size: the width of the residual stream
   --ffn         intermediate size of the MLP
   --heads       query heads; --kv key/value heads (whole groups)
   --width       hidden, ffn, heads and kv heads together
   --head-dim    elements of each head: a whole multiple where there is a rotary embedding
   --vocab       vocabulary; --vocab-multiple 64 rounds it up
   --positions   context length
   --experts     experts, --top-k of which a token uses; --expert-ffn the size of one

A size is absolute (--hidden 768), a factor (2x, x1.5) or an increment (+2). Axes without a flag keep their size.
--like CONFIG.json takes all sizes from another model; --params 2x or 250M proposes them.
`,
	"growth": growthTopic,
	"environment": `Environment

   FAMKIT_KERNELS  avx512, avx2, portable or go: force a path of the CPU kernels (default: the best that the processor has)
   TERM=dumb       no progress bars
`,
}

func helpCommand(u *ui, app *cli.App) *cli.Command {
	return &cli.Command{
		Name:      "help",
		Aliases:   []string{"h"},
		Usage:     "show help of a command or topic: " + strings.Join(topicNames(), ", "),
		ArgsUsage: "[COMMAND|TOPIC]",
		Action: func(c *cli.Context) error {
			name := c.Args().First()
			if name == "" {
				return cli.ShowAppHelp(c)
			}
			if text, ok := topics[name]; ok {
				if name == "growth" {
					return printGrowth(u.out)
				}
				_, err := fmt.Fprint(u.out, text)
				return err
			}
			cmd := find(app.Commands, name)
			if cmd == nil {
				return fault.Hint(fault.Usagef("no command or topic %q", name), "topics: %s", strings.Join(topicNames(), ", "))
			}
			cmd.HelpName = "famkit " + cmd.Name
			cli.HelpPrinter(u.out, cli.CommandHelpTemplate, cmd)
			return nil
		},
	}
}

func topicNames() []string {
	var names []string
	for n := range topics {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// version is set by the linker in releases.
var version = "0.1.0-dev"

type versionInfo struct {
	Schema   int          `json:"schema"`
	Version  string       `json:"version"`
	Commit   string       `json:"commit,omitempty"`
	Go       string       `json:"go"`
	Platform string       `json:"platform"`
	Engines  []engineInfo `json:"engines"`
}

type engineInfo struct {
	Name   string `json:"name"`
	Usable bool   `json:"usable"`
	About  string `json:"about,omitempty"`
}

func versionCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:        "version",
		Usage:       "print version, platform and the engines that run here",
		Description: "Lists each compute engine with the kernels it chose, or why it cannot run here." + exitStatus,
		Action: func(*cli.Context) error {
			v := versionInfo{Schema: 1, Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						v.Commit = s.Value
					}
				}
			}
			for _, c := range engine.Candidates() {
				s, about := c.Score()
				v.Engines = append(v.Engines, engineInfo{c.Name, s > 0, about})
			}
			return u.answer(v, func(w io.Writer) { printVersion(w, v) })
		},
	}
}

func printVersion(w io.Writer, v versionInfo) {
	_, _ = fmt.Fprintf(w, "famkit %s", v.Version)
	if v.Commit != "" {
		_, _ = fmt.Fprintf(w, " (%.12s)", v.Commit)
	}
	_, _ = fmt.Fprintf(w, ", %s, %s\n", v.Go, v.Platform)
	for _, e := range v.Engines {
		state := "ready"
		if !e.Usable {
			state = "cannot run here"
		}
		_, _ = fmt.Fprintf(w, "engine %-5s %s: %s\n", e.Name, state, e.About)
	}
}

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

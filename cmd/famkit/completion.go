package main

import (
	"embed"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"famkit/internal/fault"
)

//go:embed completions
var completions embed.FS

// shells for which there is a completion script, by file name.
var shells = []string{"bash", "zsh", "fish", "powershell"}

const completionDescription = `Prints a script by which a shell completes commands, flags and their
values. It asks famkit itself, so that it is never out of date.

   bash         famkit completion bash > ~/.local/share/bash-completion/completions/famkit
   zsh          famkit completion zsh > "${fpath[1]}/_famkit"
   fish         famkit completion fish > ~/.config/fish/completions/famkit.fish
   PowerShell   famkit completion powershell | Out-String | Invoke-Expression   (in $PROFILE)

make install puts them where bash, zsh and fish look.`

func completionCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:        "completion",
		Usage:       "print a script that completes famkit in a shell: " + either(shells),
		ArgsUsage:   either(shells),
		Description: completionDescription + exitStatus,
		Action: func(c *cli.Context) error {
			name := c.Args().First()
			if c.NArg() != 1 || !slices.Contains(shells, name) {
				err := fault.Usagef("completion takes a shell, found %q", strings.Join(c.Args().Slice(), " "))
				return fault.Hint(err, "%s", either(shells))
			}
			script, err := completions.ReadFile("completions/famkit." + name)
			if err != nil {
				return err
			}
			_, err = u.out.Write(script)
			return err
		},
	}
}

// completionWord is the hidden command that the scripts call with the words before the cursor, the last of which may
// be begun or empty.
const completionWord = "__complete"

func completionRequest(args []string) ([]string, bool) {
	if len(args) < 2 || args[1] != completionWord {
		return nil, false
	}
	return args[2:], true
}

// complete prints what may stand in place of the last word, one candidate a line with a tab and its meaning. Nothing is
// printed where a path may stand: the shell completes files itself.
func complete(w io.Writer, app *cli.App, words []string) {
	if len(words) == 0 {
		words = []string{""}
	}
	last := words[len(words)-1]
	cmd, level, open := position(app, words[:len(words)-1])
	for _, c := range candidates(app, cmd, level, open, last) {
		if strings.HasPrefix(c[0], last) {
			say(w, "%s\t%s\n", c[0], c[1])
		}
	}
}

// position follows the words before the cursor: the command that they name, the commands that may follow, and the flag
// that waits for its value.
func position(app *cli.App, words []string) (cmd *cli.Command, level []*cli.Command, open cli.Flag) {
	a := arranger{app: app}
	level = app.Commands
	for _, w := range words {
		if open != nil {
			open = nil
			continue
		}
		if strings.HasPrefix(w, "-") && w != "-" {
			name, _, joined := strings.Cut(strings.TrimLeft(w, "-"), "=")
			if f := a.find(name); f != nil && takesValue(f) && !joined {
				open = f
			}
			continue
		}
		if c := find(level, w); c != nil {
			cmd, level, a.cmd = c, c.Subcommands, c
			continue
		}
		level = nil
	}
	return cmd, level, open
}

func candidates(app *cli.App, cmd *cli.Command, level []*cli.Command, open cli.Flag, last string) [][2]string {
	var list [][2]string
	switch {
	case open != nil:
		if c, ok := open.(choiceFlag); ok {
			for _, v := range c.values {
				list = append(list, [2]string{v, ""})
			}
		}
	case strings.HasPrefix(last, "-"):
		flags := app.Flags
		if cmd != nil {
			flags = cmd.Flags
		}
		for _, f := range flags {
			_, meaning := flagLine(f)
			list = append(list, [2]string{"--" + f.Names()[0], meaning})
		}
	case cmd != nil && cmd.Name == "help":
		for _, t := range topics {
			list = append(list, [2]string{t.name, t.about})
		}
		for _, c := range app.Commands {
			if !c.Hidden {
				list = append(list, [2]string{c.Name, c.Usage})
			}
		}
	case cmd != nil && cmd.Name == "completion":
		for _, s := range shells {
			list = append(list, [2]string{s, ""})
		}
	default:
		for _, c := range level {
			if !c.Hidden {
				list = append(list, [2]string{c.Name, c.Usage})
			}
		}
	}
	return list
}

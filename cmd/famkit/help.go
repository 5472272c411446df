package main

import (
	"fmt"
	"sort"
	"strings"

	"github.com/urfave/cli/v2"

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

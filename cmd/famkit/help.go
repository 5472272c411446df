package main

import (
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"famkit/internal/fault"
)

const appDescription = `famkit inspects and converts safetensors checkpoints, grows a small
language model into a larger one that computes the same function, proves it, and trains the grown
model on.

Examples
   famkit inspect model/
   famkit expand model/ bigger/ --depth 2x --width 2x
   famkit verify model/ bigger/
   famkit train bigger/ trained/ --data text/ --steps 1000

Exit status: 0 done, 1 the answer is no, 2 wrong usage, 3 input refused, 4 could not finish, 130
interrupted.`

// exitStatus ends every command's description.
const exitStatus = `

Exit status: 0 done, 2 wrong usage, 3 input refused, 4 could not finish, 130 interrupted (famkit help exit-codes)`

// topic is a page of help that is no command's.
type topic struct {
	name, about string
	page        func(u *ui) error
}

// topics in alphabetic order.
var topics = []topic{
	{"axes", "what can grow, and how sizes are written", textPage(axesTopic)},
	{"environment", "variables that famkit reads", textPage(environmentTopic)},
	{"exit-codes", "what a command's exit status says", textPage(exitCodesTopic)},
	{"growth", "the methods of growth, which to take, and what each architecture allows", growthPage},
}

func textPage(text string) func(u *ui) error {
	return func(u *ui) error {
		return u.answer(struct {
			Schema int    `json:"schema"`
			Text   string `json:"text"`
		}{1, text}, func(w io.Writer) { _, _ = io.WriteString(w, text) })
	}
}

const exitCodesTopic = `Exit codes

   0    done; the models are equal; the file is sound
   1    the answer is no: verify found a difference
   2    wrong usage: unknown flag, missing operand, flags that contradict each other
   3    input refused: malformed, unsupported, or a growth that would not keep the function
   4    could not finish: the disk fails or is full, a file may not be read or written, memory
        too small, training diverged; or the answer could not be found
   130  interrupted (Ctrl-C); 143 terminated (SIGTERM). What was being written is removed or, in
        training, saved

"No" and "could not tell" never share a code.
`

const axesTopic = `Axes and sizes

   --depth       layers (transformer blocks)
   --hidden      hidden size: the width of the residual stream
   --ffn         intermediate size of the MLP
   --heads       query heads; --kv key/value heads (whole groups)
   --width       hidden, ffn, heads and kv heads together
   --head-dim    elements of each head: a whole multiple where there is a rotary embedding
   --vocab       vocabulary; --vocab-multiple 64 rounds it up
   --positions   context length
   --experts     experts, --top-k of which a token uses; --expert-ffn the size of one

A size is a number (768), a factor (2x, x1.5, 150%) or an increment (+2). Axes without a flag keep
their size. --like takes all sizes from another model's folder or config.json; --params 2x or 250M
proposes them.
`

const environmentTopic = `Environment

   FAMKIT_KERNELS  avx512, avx2, portable or go: force a path of the CPU kernels (default: the best
                   that the processor has)
   NO_COLOR        set to anything: no colours, unless --color always asks for them
   TERM=dumb       no colours and no progress bars
   HF_HUB_CACHE    where models of the Hugging Face hub are kept, for org/name in place of a path;
   HF_HOME         its parent folder (default: ~/.cache/huggingface)
`

// help shows the page of a command, of a topic, or of the program where no word is given.
func (u *ui) help(app *cli.App, words []string) error {
	if len(words) == 0 {
		return u.page(appHelp(app))
	}
	level, cmd := app.Commands, (*cli.Command)(nil)
	var path []string
	for _, w := range words {
		if cmd = find(level, w); cmd == nil {
			return u.topic(app, words)
		}
		path, level = append(path, cmd.Name), cmd.Subcommands
	}
	return u.page(commandHelp(cmd, path))
}

// topic shows a topic's page, or says what there is instead.
func (u *ui) topic(app *cli.App, words []string) error {
	var names []string
	for _, t := range topics {
		if len(words) == 1 && t.name == words[0] {
			return t.page(u)
		}
		names = append(names, t.name)
	}
	asked := strings.Join(words, " ")
	err := fault.Usagef("no command or topic %q", asked)
	all := append(commandNames(app.Commands), names...)
	if near := nearest(asked, all, commandSynonyms); near != "" {
		return fault.Hint(err, "did you mean famkit help %s?", near)
	}
	return fault.Hint(err, "topics: %s", strings.Join(names, ", "))
}

// page prints a page of help, with its headings marked where there are colours.
func (u *ui) page(text string) error {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if i > 0 && line != "" && lines[i-1] == "" && len(line) < 32 && !strings.ContainsAny(line, " .,:") {
			lines[i] = u.colours(u.out).of(heading, line)
		}
	}
	_, err := io.WriteString(u.out, strings.Join(lines, "\n"))
	return err
}

func helpCommand(u *ui, app *cli.App) *cli.Command {
	var names []string
	for _, t := range topics {
		names = append(names, t.name)
	}
	return &cli.Command{
		Name:      "help",
		Aliases:   []string{"h"},
		Usage:     "show help of a command or topic: " + strings.Join(names, ", "),
		ArgsUsage: "[COMMAND|TOPIC]",
		Action:    func(c *cli.Context) error { return u.help(app, c.Args().Slice()) },
	}
}

package main

import (
	"os"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"famkit/internal/fault"
	"famkit/internal/generate"
	"famkit/internal/infile"
	"famkit/internal/job"
)

const generateDescription = `Continues a prompt and writes what the model adds to standard output
while it comes. It ends at the model's end of text, after --max-tokens, or at the last position that
the model has learned.

Settings that are not given are those of the model's generation_config.json; where it asks for no
sampling, the most likely token is taken each time. Whoever gives --temperature, --top-k, --top-p or
--seed samples. What is drawn is a function of --seed and the token's number.

Examples:
   famkit generate model/ --prompt "The quick brown" --max-tokens 40
   famkit generate model/ --prompt-file question.txt --temperature 0.8 --top-p 0.9 --seed 7
   famkit generate model/ --prompt-ids 1,15,9 --json`

func generateCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:        "generate",
		Usage:       "continue a text with a model",
		ArgsUsage:   "MODEL",
		Description: generateDescription + exitStatus,
		Flags:       generateFlags(),
		Action:      func(c *cli.Context) error { return runGenerate(u, c) },
	}
}

func generateFlags() []cli.Flag {
	var list []cli.Flag
	for _, g := range []flagGroup{{"Prompt", []cli.Flag{
		&cli.StringFlag{Name: "prompt", Usage: "text to continue: `TEXT`, such as \"The quick brown\""},
		&cli.StringFlag{Name: "prompt-file", Usage: "text to continue: `FILE`, such as prompt.txt, - for standard input"},
		&cli.StringFlag{Name: "prompt-ids", Usage: "token ids to continue: `LIST`, such as 1,15,9; needs no tokenizer"},
		&cli.StringFlag{Name: "tokenizer", Usage: "tokenizer.json, or the folder that has it: `PATH`, such as model/"},
	}}, {"Choice of tokens", []cli.Flag{
		&cli.BoolFlag{Name: "greedy", Usage: "take the most likely token each time"},
		&cli.Float64Flag{Name: "temperature", Value: 1, Usage: "divides the logits: `T`; 0 is --greedy"},
		&cli.IntFlag{Name: "top-k", DefaultText: "all", Usage: "draw from the `K` most likely tokens, such as 50"},
		&cli.Float64Flag{Name: "top-p", Value: 1, Usage: "draw from the most likely tokens whose probabilities add up to `P`"},
		&cli.Float64Flag{Name: "repetition-penalty", Value: 1,
			Usage: "makes tokens less likely that were there before: `FACTOR`"},
		&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "of what is drawn: `N`"},
	}}, {"End", []cli.Flag{
		&cli.IntFlag{Name: "max-tokens", Value: 256, Usage: "new tokens at most: `N`"},
		&cli.BoolFlag{Name: "ignore-eos", Usage: "go on after the end of text"},
	}}, {"Run", []cli.Flag{
		&cli.BoolFlag{Name: "special", Usage: "show special tokens"},
		&cli.BoolFlag{Name: "no-cache", Usage: "run the whole text for every token, to compare; slow"},
		engineFlag("auto"),
		choice("precision", "", "precision of the arithmetic; f64 needs engine ref", "f64", "f32", "bf16").
			otherwise("the most exact of the engine"),
		&cli.IntFlag{Name: "threads", Usage: "threads of the engine: `N`", DefaultText: "one per processor"},
	}}} {
		for _, f := range g.flags {
			list = append(list, under(g.heading, f))
		}
	}
	return list
}

func runGenerate(u *ui, c *cli.Context) error {
	o, err := generateOptions(c)
	if err != nil {
		return err
	}
	if !u.json {
		o.Text = func(s string) error { u.plainText(s); return nil }
	}
	r, err := job.Generate(c.Context, o, u.observe())
	if err != nil {
		return err
	}
	if u.json {
		return u.answer(r, nil)
	}
	switch {
	case r.Text == nil:
		u.plainText(idList(r.IDs) + "\n")
	case !strings.HasSuffix(*r.Text, "\n"):
		u.plainText("\n")
	}
	u.note("%s", generatedText(r))
	return nil
}

// generatedText says how much was generated, how fast, and why it ended.
func generatedText(r *job.Generation) string {
	why := "as many tokens as asked for"
	if r.Finish == generate.AtStop {
		why = "the end of text"
	}
	n := len(r.IDs)
	s := strconv.Itoa(n) + " tokens"
	if n > 1 && r.Decode > 0 {
		s += ", " + strconv.FormatFloat(float64(n-1)/r.Decode, 'f', 1, 64) + " a second"
	}
	return s + ", after a prompt of " + strconv.Itoa(len(r.PromptIDs)) + ", until " + why
}

func generateOptions(c *cli.Context) (o job.GenerateOptions, err error) {
	given := 0
	for _, name := range []string{"prompt", "prompt-file", "prompt-ids"} {
		if c.IsSet(name) {
			given++
		}
	}
	switch {
	case c.NArg() != 1:
		return o, fault.Hint(fault.Usagef("generate takes one MODEL, %d operands given", c.NArg()), "famkit generate --help")
	case given != 1:
		return o, fault.Hint(fault.Usagef("generate takes one of --prompt, --prompt-file and --prompt-ids, %d given", given),
			"famkit generate --help")
	case c.Int("max-tokens") < 1 || c.Int("max-tokens") > 1<<24:
		return o, fault.Usagef("--max-tokens: wanted 1 to %d, found %d", 1<<24, c.Int("max-tokens"))
	case c.Int("threads") < 0:
		return o, fault.Usagef("--threads cannot be negative")
	}
	o = job.GenerateOptions{Model: c.Args().First(), Prompt: c.String("prompt"), Tokenizer: c.String("tokenizer"),
		MaxTokens: c.Int("max-tokens"), Set: c.IsSet, IgnoreEOS: c.Bool("ignore-eos"), ShowSpecial: c.Bool("special"),
		Plain: c.Bool("no-cache"), Engine: c.String("engine"), Precision: c.String("precision"), Threads: c.Int("threads"),
		Sampling: generate.Sampling{Greedy: c.Bool("greedy"), Temperature: c.Float64("temperature"), TopK: c.Int("top-k"),
			TopP: c.Float64("top-p"), RepetitionPenalty: c.Float64("repetition-penalty"), Seed: c.Uint64("seed")}}
	if c.IsSet("temperature") && o.Sampling.Temperature == 0 {
		o.Sampling.Greedy = true
	}
	if c.IsSet("prompt-ids") {
		o.PromptIDs, err = parseIDs(c.String("prompt-ids"))
	}
	if c.IsSet("prompt-file") {
		o.Prompt, err = readPrompt(c.String("prompt-file"))
	}
	return o, err
}

func idList(ids []int32) string {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = strconv.Itoa(int(id))
	}
	return strings.Join(words, ",")
}

func readPrompt(path string) (string, error) {
	var b []byte
	var err error
	if path == "-" {
		b, err = readAll(os.Stdin)
	} else {
		b, err = infile.ReadUpTo(path, maxText)
	}
	return string(b), err
}

package main

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"famkit/internal/fault"
	"famkit/internal/job"
	"famkit/internal/trainstate"
	"famkit/internal/units"
)

const evalDescription = `Measures models on held-out data: loss in nats a token, perplexity, and
bits per byte of text, by which models of different tokenizers compare. What is not given comes from
each model's training: without --data the rows that it held out itself. Of several models neighbours
are compared too (--pairs): the KL divergence of what they say of the next token in both directions,
how often they agree, and how many tokens of the first the second would accept in speculative
decoding.

Examples:
   famkit eval model/ --data held-out.txt
   famkit eval family/members/1x family/members/2x --pairs
   famkit eval model/ --data text/ --ext .md --seq 128 --json`

func evalCommand(u *ui) *cli.Command {
	d := trainstate.Defaults()
	return &cli.Command{
		Name:        "eval",
		Usage:       "measure models on held-out data, and against each other",
		ArgsUsage:   "MODEL...",
		Description: evalDescription + exitStatus,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "data", DefaultText: "what the model's training held out",
				Usage: "evaluate on text, a folder of it, or token files: `PATH`, such as held-out.txt"},
			&cli.StringFlag{Name: "ext", Usage: "in folders take names with these endings: `LIST`, such as .go,.md,!_test.go"},
			&cli.StringFlag{Name: "text-field", DefaultText: "text", Usage: "field of JSON rows that holds their text: `NAME`"},
			&cli.BoolFlag{Name: "as-text", Usage: "take JSON and tables as they stand"},
			choice("token-dtype", "", "raw token files hold numbers of this type", "uint16",
				"uint32").otherwise("text is expected"),
			&cli.IntFlag{Name: "seq", Value: d.Seq, Usage: "tokens of a row: `N`"},
			&cli.IntFlag{Name: "batch", Value: d.Batch, Usage: "rows of a pass: `N`"},
			&cli.BoolFlag{Name: "pairs", Usage: "compare neighbours"},
			&cli.IntFlag{Name: "pair-tokens", Value: 16384, Usage: "compare them on at most `N` tokens"},
			engineFlag(d.Engine),
			choice("precision", "", "precision of the arithmetic", "f32", "bf16", "f64").otherwise("the engine's own"),
			&cli.IntFlag{Name: "threads", Usage: "threads of the engine: `N`", DefaultText: "one per processor"},
		},
		Action: func(c *cli.Context) error { return runEval(u, c) },
	}
}

func runEval(u *ui, c *cli.Context) error {
	if c.NArg() == 0 {
		return fault.Hint(fault.Usagef("eval takes one MODEL or more"), "famkit eval --help")
	}
	if c.Bool("pairs") && c.NArg() < 2 {
		return fault.Usagef("--pairs compares two models or more, one is given")
	}
	s := trainstate.Defaults()
	s.Eval, s.Ext, s.TextField, s.AsText, s.TokenDType = c.String("data"), c.String("ext"), c.String("text-field"),
		c.Bool("as-text"),
		c.String("token-dtype")
	s.Seq, s.Batch, s.Engine, s.Precision, s.Threads = c.Int("seq"), c.Int("batch"), c.String("engine"),
		c.String("precision"), c.Int("threads")
	given := func(name string) bool {
		switch name {
		case "eval":
			return c.IsSet("data")
		case "data":
			return false
		}
		return c.IsSet(name)
	}
	r, err := job.Eval(c.Context, job.EvalOptions{Models: c.Args().Slice(), Settings: s, Given: given,
		Pairs:      c.Bool("pairs"),
		PairTokens: int64(c.Int("pair-tokens"))}, u.observe())
	return u.result(r, err, func(w io.Writer) { printEval(w, r) })
}

func printEval(w io.Writer, r *job.Evaluation) {
	rows := [][]string{{"model", "parameters", "tokens", "loss", "perplexity", "bits per byte"}}
	for _, m := range r.Models {
		bits := ""
		if m.Bits > 0 {
			bits = figure4(m.Bits)
		}
		rows = append(rows, []string{m.Model, units.Count(m.Params), units.Count(m.Tokens), figure4(m.Loss),
			fmt.Sprintf("%.4g", m.Perplexity), bits})
	}
	table(w, rows)
	if len(r.Pairs) == 0 {
		return
	}
	say(w, "\n")
	rows = [][]string{{"neighbours A, B", "KL(A, B)", "KL(B, A)", "same most likely", "accepted", "tokens a call"}}
	for _, p := range r.Pairs {
		rows = append(rows, []string{p.A + ", " + p.B, figure4(p.KLAB), figure4(p.KLBA), fmt.Sprintf("%.1f %%", 100*p.Top1),
			fmt.Sprintf("%.1f %%", 100*p.Acceptance), fmt.Sprintf("%.2f", p.PerCall)})
	}
	table(w, rows)
}

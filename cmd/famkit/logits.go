package main

import (
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"famkit/internal/fault"
	"famkit/internal/job"
)

const logitsDescription = `Runs a model on token ids and writes its logits, for comparing with
other programs. The ids are tensor input_ids [B,T] of type I32 or I64 in a safetensors file, other
tensors in it are ignored; OUT gets tensor logits [B,T,V], of type F64 from an engine in float64 and
F32 from others. No padding, no mask: every row is one sequence from position 0.

Examples:
   famkit logits model/ --ids ids.safetensors --out logits.safetensors
   famkit logits model/ --ids ids.safetensors --out exact.safetensors --engine ref --precision f64`

func logitsCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:        "logits",
		Usage:       "write a model's logits for given token ids",
		ArgsUsage:   "MODEL",
		Description: logitsDescription + exitStatus,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "ids", Usage: "take tensor input_ids [B,T] from safetensors `FILE`, such as ids.safetensors"},
			&cli.StringFlag{Name: "out", Usage: "write tensor logits [B,T,V] to `FILE`, such as logits.safetensors"},
			engineFlag("auto"),
			choice("precision", "", "precision of the arithmetic; f64 needs engine ref", "f64", "f32", "bf16").
				otherwise("the most exact of the engine"),
			&cli.IntFlag{Name: "threads", Usage: "threads of the engine: `N`", DefaultText: "one per processor"},
			&cli.BoolFlag{Name: "force", Aliases: []string{"f"}, Usage: "replace the output"},
		},
		Action: func(c *cli.Context) error { return runLogits(u, c) },
	}
}

func runLogits(u *ui, c *cli.Context) error {
	if err := checkLogitsUsage(c); err != nil {
		return err
	}
	r, err := job.WriteLogits(c.Context, job.LogitsOptions{Model: c.Args().First(), IDs: c.String("ids"),
		Output: c.String("out"),
		Engine: c.String("engine"), Precision: c.String("precision"), Threads: c.Int("threads"), Force: c.Bool("force")},
		u.observe())
	return u.result(r, err, func(w io.Writer) {
		say(w, "%s: logits %v, %s, by engine %s\n", r.Output, r.Shape, r.DType, r.Engine)
	})
}

func checkLogitsUsage(c *cli.Context) error {
	switch {
	case c.NArg() != 1:
		return fault.Hint(fault.Usagef("logits takes one MODEL, %d operands given", c.NArg()), "famkit logits --help")
	case c.String("ids") == "" || c.String("out") == "":
		return fault.Hint(fault.Usagef("logits needs --ids and --out"), "famkit logits --help")
	case !strings.HasSuffix(c.String("out"), ".safetensors"):
		return fault.Usagef("--out %s: must end in .safetensors", c.String("out"))
	case c.Int("threads") < 0:
		return fault.Usagef("--threads cannot be negative")
	}
	return nil
}

package main

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"famkit/internal/fault"
	"famkit/internal/job"
	"famkit/internal/output"
	"famkit/internal/verify"
)

const verifyDescription = `Shows whether CHILD computes the function of PARENT: both are
well-formed, CHILD follows the plan of its growth byte for byte (when it has one), a proof from the
stored numbers holds for every input, and their logits, measured on seeded tokens or on a text,
agree within a tolerance that is derived and printed. With CHILD alone its plan.json names the
parent. PARENT may also be the parent's parent: the plans in between are followed.

The proof checks linear conditions tensor by tensor, sums taken exactly (docs/proof.md). It says
exact, within rounding (and the worst, in units in the last place), or different (and the first
number that is wrong). The plan is a claim that it uses and does not trust. For a CHILD without a
plan the claim is looked for in the weights, layer by layer: what another tool has grown by copies,
zero padding or identity blocks, made a mixture of, or only stored otherwise. Where none is found
the answer is what is measured. --infer does so in place of the plan, and like --proof-only and
--proof it exits 0 only where the function is proved.

Examples:
   famkit verify small/ big/
   famkit verify big/ --proof-only
   famkit verify small/ big/ --text article.txt --precision f32
   famkit verify small/ others/ --infer --write-proof proof.json
   famkit verify --proof proof.json

Exit status: 0 equal, 1 not equal, 2 wrong usage, 3 input refused, 4 could not finish or could not
tell, 130 interrupted (famkit help exit-codes)`

func verifyCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:        "verify",
		Usage:       "show whether a grown checkpoint computes its parent's function",
		ArgsUsage:   "[PARENT] CHILD",
		Description: verifyDescription,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "ids", Usage: "measure on tensor input_ids [B,T] of a safetensors `FILE`, such as " +
				"ids.safetensors"},
			&cli.StringFlag{Name: "text", Usage: "measure on the text in `FILE`, such as article.txt, by the parent's " +
				"tokenizer.json"},
			&cli.Uint64Flag{Name: "seed", Usage: "seed of the token ids to measure on: `N`"},
			&cli.IntFlag{Name: "tokens", Usage: "seeded tokens to measure on: `N`", DefaultText: "as suits the model's size"},
			choice("precision", "both", "precision of the measurement", "f64", "f32", "both"),
			&cli.BoolFlag{Name: "proof-only", Usage: "prove, and nothing else: neither compare every byte with the plan nor " +
				"measure"},
			&cli.BoolFlag{Name: "infer", Usage: "find out where CHILD's weights come from instead of reading its plan"},
			&cli.StringFlag{Name: "write-proof", Usage: "write the proof, with the digests of both checkpoints, to `FILE`, " +
				"such as proof.json; to - writes it to standard output, the report then goes to standard error"},
			&cli.BoolFlag{Name: "force", Aliases: []string{"f"}, Usage: "replace the proof that is there"},
			&cli.StringFlag{Name: "proof", Usage: "check the proof in `FILE` again, such as proof.json; it names PARENT and " +
				"CHILD"},
			&cli.Float64Flag{Name: "max-ulp", Usage: "accept no number that is more than `N` units in the last place off, " +
				"such as 0.5", DefaultText: "what the growths in between explain"},
			&cli.BoolFlag{Name: "allow-inexact", Usage: "exit 0 for a growth whose plan says that it is inexact on purpose, " +
				"if it follows its plan"},
			&cli.IntFlag{Name: "threads", Usage: "threads of the cpu engine: `N`", DefaultText: "one per processor"},
		},
		Action: func(c *cli.Context) error { return runVerify(u, c) },
	}
}

func runVerify(u *ui, c *cli.Context) error {
	o, err := verifyOptions(c)
	if err != nil {
		return err
	}
	if c.IsSet("proof") {
		return recheckProof(u, c)
	}
	switch c.NArg() {
	case 1:
		o.Child = c.Args().First()
	case 2:
		o.Parent, o.Child = c.Args().Get(0), c.Args().Get(1)
	default:
		return fault.Hint(fault.Usagef("verify takes PARENT and CHILD, or CHILD alone, %d operands given", c.NArg()),
			"famkit verify --help")
	}
	r, err := job.Verify(c.Context, o, u.observe())
	if err != nil {
		return err
	}
	if o.WriteProof == output.Stdout {
		u.out = u.err
	}
	return u.verdict(r)
}

// recheckProof proves again what a stored proof says.
func recheckProof(u *ui, c *cli.Context) error {
	if c.NArg() > 0 {
		return fault.Usagef("--proof names PARENT and CHILD itself, %d operands given", c.NArg())
	}
	r, err := job.Recheck(c.Context, c.String("proof"), c.Float64("max-ulp"), u.observe())
	if err != nil {
		return err
	}
	return u.verdict(r)
}

// verdict shows the report; models that are not equal are an error of their own kind, and so is an answer that could
// not be found.
func (u *ui) verdict(r *verify.Report) error {
	if err := u.answer(r, func(w io.Writer) { printReport(w, u.colours(u.out), r) }); err != nil {
		return err
	}
	switch {
	case r.Equal || r.Allowed:
		return nil
	case r.Unsure != "":
		return fault.Failedf("it cannot be told whether %s and %s are equal: %s", r.Parent, r.Child, r.Unsure)
	}
	return &fault.Error{Kind: fault.No, Err: fmt.Errorf("%s and %s are not equal", r.Parent, r.Child)}
}

func verifyOptions(c *cli.Context) (job.VerifyOptions, error) {
	o := job.VerifyOptions{IDs: c.String("ids"), Text: c.String("text"), Seed: c.Uint64("seed"), Tokens: c.Int("tokens"),
		Threads: c.Int("threads"), ProofOnly: c.Bool("proof-only"), Infer: c.Bool("infer"),
		WriteProof: c.String("write-proof"), Force: c.Bool("force"),
		AllowInexact: c.Bool("allow-inexact"), MaxULP: c.Float64("max-ulp"), Version: version}
	if !(o.MaxULP >= 0) || c.IsSet("max-ulp") && o.MaxULP == 0 {
		return o, fault.Usagef("--max-ulp %v: want a number above 0", o.MaxULP)
	}
	if p := c.String("precision"); p != "both" {
		o.Precisions = []string{p}
	}
	if o.Tokens < 0 || o.Threads < 0 {
		return o, fault.Usagef("--tokens and --threads cannot be negative")
	}
	for _, name := range []string{"proof-only", "infer", "proof", "write-proof"} {
		if o.AllowInexact && c.IsSet(name) {
			return o, fault.Usagef("--allow-inexact and --%s exclude each other: what is inexact on purpose has no proof", name)
		}
	}
	if c.IsSet("ids") && c.IsSet("text") {
		return o, fault.Usagef("--ids and --text exclude each other")
	}
	return o, nil
}

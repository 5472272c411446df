package main

import (
	"io"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"famkit/internal/family"
	"famkit/internal/fault"
	"famkit/internal/units"
)

const familyRunDescription = `Makes what the recipe asks for, stage by stage, in OUT (the family's
name beside the recipe, where none is given). Stages that are finished are passed over; one that was
interrupted goes on bit for bit, whatever interrupted it. Each growth is proved before anything is
trained on. A stage's output is named by the digest of all it depends on: when the recipe changes,
what that makes anew is said, and what was made stays.

OUT holds members/NAME (a Hugging Face directory each), stages/ with every output, logs/, recipes/
and ledger.jsonl, which says what was done.

Examples:
   famkit family run recipe.toml -n
   famkit family run recipe.toml
   famkit family run recipe.toml --until member-2x
   famkit family run recipe.toml --stage trunk-2x --again`

func familyRunCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:        "run",
		Usage:       "make the family, or go on making it",
		ArgsUsage:   "RECIPE [OUT]",
		Description: familyRunDescription + exitStatus,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "until", Usage: "stop after a stage: `STAGE`, such as member-2x"},
			&cli.StringFlag{Name: "stage", Usage: "run one stage alone: `STAGE`, such as grow-2x"},
			&cli.BoolFlag{Name: "again", Usage: "with --stage: its output goes and is made again"},
			&cli.BoolFlag{Name: "dry-run", Aliases: []string{"n"}, Usage: "say what would be done; make nothing"},
		},
		Action: func(c *cli.Context) error { return runFamilyRun(u, c) },
	}
}

func runFamilyRun(u *ui, c *cli.Context) error {
	o, err := familyPlace(c, "run")
	if err != nil {
		return err
	}
	o.Until, o.Only, o.Again, o.DryRun = c.String("until"), c.String("stage"), c.Bool("again"), c.Bool("dry-run")
	show := &familyView{u: u}
	s, err := family.Run(c.Context, o, show.event)
	show.close()
	return u.result(s, err, func(w io.Writer) { printFamilyStatus(w, s) })
}

// familyPlace reads RECIPE and OUT.
func familyPlace(c *cli.Context, verb string) (family.RunOptions, error) {
	if c.NArg() < 1 || c.NArg() > 2 {
		return family.RunOptions{}, fault.Hint(fault.Usagef("family %s takes RECIPE and OUT, %d operands given", verb,
			c.NArg()),
			"famkit family %s --help", verb)
	}
	return family.RunOptions{Recipe: c.Args().Get(0), Out: c.Args().Get(1), By: "famkit " + version}, nil
}

func familyStatusCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:      "status",
		Usage:     "show how far the family is",
		ArgsUsage: "RECIPE [OUT]",
		Description: "Lists the stages with their outputs, what the recipe makes anew since it changed, and outputs that " +
			"it no longer uses.\n\n" +
			"Example:\n   famkit family status recipe.toml" + exitStatus,
		Action: func(c *cli.Context) error {
			o, err := familyPlace(c, "status")
			if err != nil {
				return err
			}
			s, err := family.Look(c.Context, o)
			return u.result(s, err, func(w io.Writer) { printFamilyStatus(w, s) })
		},
	}
}

// printFamilyStatus prints how far a family is.
func printFamilyStatus(w io.Writer, s *family.Status) {
	rows := [][]string{{"stage", "state", "steps", "tokens", "loss", "held out", "time", "output"}}
	for _, st := range s.Stages {
		if st.State == family.Unasked {
			continue
		}
		rows = append(rows, statusRow(s, &st))
	}
	table(w, rows)
	for _, c := range s.Changed {
		for _, what := range c.What {
			say(w, "changed: %s: %s\n", c.Stage, what)
		}
	}
	for _, x := range s.Unused {
		say(w, "unused: %s, %s; no stage of the recipe has it\n", x.Path, units.Bytes(x.Bytes))
	}
	if s.Left == 0 {
		say(w, "%s: nothing is left to do\n", s.Out)
		return
	}
	say(w, "%s: %s left, which take %s of disk; %s are free\n", s.Out, units.Plural(s.Left, "stage"), units.Bytes(s.Disk),
		units.Bytes(s.Free))
}

func statusRow(s *family.Status, st *family.StageStatus) []string {
	row := []string{st.Name, string(st.State), "", "", "", "", "", ""}
	if st.Steps > 0 {
		row[2] = units.Count(int64(st.Step)) + " of " + units.Count(int64(st.Steps))
	}
	if r := st.Result; r != nil {
		if r.Tokens > 0 {
			row[3] = amount(float64(r.Tokens))
		}
		if r.Loss > 0 {
			row[4] = figure4(r.Loss)
		}
		if r.Eval != nil {
			row[5] = figure4(*r.Eval)
		}
		if r.Verdict != "" {
			row[4] = r.Verdict
		}
		row[6] = family.Duration(r.Seconds)
	}
	if st.State == family.Done {
		if rel, err := filepath.Rel(s.Out, st.Output); err == nil {
			row[7] = rel
		}
	}
	return row
}

func familyReportCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:      "report",
		Usage:     "show what came of the family",
		ArgsUsage: "RECIPE [OUT]",
		Description: "Writes OUT/report/index.html, a page that needs nothing else, report.md and report.json: loss " +
			"against compute for every\n" +
			"member and both arms, what was saved, each member's losses, KL divergence and speculative acceptance between\n" +
			"neighbours, the proofs of the growths, and what all of it was made of. A family that is half made is reported " +
			"so far.\n\n" +
			"Example:\n   famkit family report recipe.toml" + exitStatus,
		Flags: []cli.Flag{&cli.BoolFlag{Name: "no-models",
			Usage: "run no model: leave out bits per byte and what compares neighbours"}},
		Action: func(c *cli.Context) error {
			o, err := familyPlace(c, "report")
			if err != nil {
				return err
			}
			r, err := family.MakeReport(c.Context, family.ReportOptions{Recipe: o.Recipe, Out: o.Out, By: o.By,
				NoModels: c.Bool("no-models")}, u.observe())
			return u.result(r, err, func(w io.Writer) {
				u.plainText(r.Markdown())
				say(w, "\n%s\n", filepath.Join(r.Out, "report", "index.html"))
			})
		},
	}
}

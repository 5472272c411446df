package main

import (
	"io"

	"github.com/urfave/cli/v2"

	"famkit/internal/engine"
	"famkit/internal/job"
	"famkit/internal/selftest"
	"famkit/internal/units"
)

const doctorDescription = `Says which engines run on this machine: for a GPU which libraries and
which device were found, what was passed over and why. With --selftest every operator of each is
checked against the reference engine, a small training is run twice, and the speed of matrix
products and, on a GPU, of training steps of models of 124 million and 1.1 billion parameters is
measured. docs/gpu.md explains what is printed.

Examples:
   famkit doctor
   famkit doctor --engine cuda --selftest`

func doctorCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:        "doctor",
		Usage:       "say what computes on this machine, and test it",
		Description: doctorDescription + exitStatus,
		Flags: []cli.Flag{
			engineFlag("auto"),
			&cli.BoolFlag{Name: "selftest", Usage: "check and measure the engines"},
			&cli.IntFlag{Name: "threads", DefaultText: "one per processor", Usage: "threads of the processor's engines: `N`"},
		},
		Action: func(c *cli.Context) error {
			d, err := job.SeeDoctor(job.DoctorOptions{Engine: c.String("engine"), Threads: c.Int("threads"),
				SelfTest: c.Bool("selftest")}, u.observe())
			if d == nil {
				return err
			}
			if answerErr := u.answer(d, func(w io.Writer) { printDoctor(w, d) }); answerErr != nil {
				return answerErr
			}
			return err
		},
	}
}

func printDoctor(w io.Writer, d *job.Doctor) {
	for _, e := range d.Engines {
		state := "ready"
		if !e.Usable {
			state = "cannot run here"
		}
		say(w, "engine %-5s %s: %s\n", e.Name, state, e.About)
		if e.Usable {
			for _, f := range e.Found {
				printFinding(w, f)
			}
		}
		for _, r := range e.Reports {
			printSelfTest(w, r)
		}
	}
}

func printFinding(w io.Writer, f engine.Finding) {
	if f.Refused != "" {
		say(w, "  %-12s %s: %s\n", f.What, f.Found, f.Refused)
		return
	}
	say(w, "  %-12s %s\n", f.What, f.Found)
}

// mostFailures is how many are printed: what is wrong shows in the first few.
const mostFailures = 10

func printSelfTest(w io.Writer, r *selftest.Report) {
	say(w, "  %s: %s\n", r.Precision, r.Engine)
	say(w, "    %d checks of operators, %d failures\n", r.Checks, len(r.Failed))
	for i, f := range r.Failed {
		if i == mostFailures {
			say(w, "    and %d more, which --json lists\n", len(r.Failed)-i)
			break
		}
		say(w, "    FAILED %s\n", f)
	}
	if t := r.Training; t != nil {
		again := "the same bits again"
		if !t.Repeated {
			again = "other bits the second time"
		}
		say(w, "    %d steps of small models: %s; loss within %.1e, gradient norm within %.1e of float64\n", t.Steps, again,
			t.Loss, t.Norm)
	}
	for _, p := range r.Products {
		say(w, "    product %d x %d: %.3g TFLOP/s\n", p.Size, p.Size, p.TFLOPS)
	}
	for _, s := range r.Steps {
		say(w, "    step of %s, %d x %d tokens: %.3g s, %.0f tokens/s, %.1f %% of the fastest product, %s\n", s.Model,
			s.Batch, s.Seq, s.Seconds,
			s.TokensSec, 100*s.MFU, units.Bytes(s.Memory))
	}
	for _, n := range r.NotRun {
		say(w, "    not run: %s\n", n)
	}
}

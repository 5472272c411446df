package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"famkit/expand"
	"famkit/internal/fault"
	"famkit/internal/growth"
	"famkit/internal/job"
	"famkit/internal/units"
)

const expandDescription = `Grows a checkpoint into a larger one that computes the same function.
DST is derived from SRC when it is left out. Sizes: 768 (a number), 2x, x1.5 or 150% (a factor), +2
(an increment); see famkit help axes. What the methods do, and which to take: famkit help growth.
The plan of the growth travels in the output as plan.json, for famkit verify.

Examples:
   famkit expand model.safetensors --depth 2x
   famkit expand small/ big/ --depth 2x --width 2x
   famkit expand small/ big/ --hidden 768 --heads 12 --ffn x1.5
   famkit expand small/ --depth +4 --place top -n
   famkit expand small/ big/ --params 2x
   famkit expand dense/ mixture/ --experts 8 --top-k 2`

func expandCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:        "expand",
		Usage:       "grow a checkpoint into a larger one that computes the same function",
		ArgsUsage:   "SRC [DST]",
		Description: expandDescription + exitStatus,
		Flags:       slices.Concat(sizeFlags(), growthFlags(), expandOutputFlags()),
		Action:      func(c *cli.Context) error { return runExpand(u, c) },
	}
}

func runExpand(u *ui, c *cli.Context) error {
	if c.NArg() < 1 || c.NArg() > 2 {
		return fault.Hint(fault.Usagef("expand takes SRC and DST, %d operands given", c.NArg()), "famkit expand --help")
	}
	req, err := expandRequest(c)
	if err != nil {
		return err
	}
	shard, err := units.ParseBytes(c.String("max-shard"))
	if err != nil {
		return fault.Usagef("--max-shard: %w", err)
	}
	if c.Bool("tensors") && !c.Bool("dry-run") {
		return fault.Usagef("--tensors goes with -n")
	}
	r, err := job.Expand(c.Context, job.ExpandOptions{Source: c.Args().Get(0), Destination: c.Args().Get(1), Request: req,
		Optimizer: expand.OptimizerState(c.String("optimizer")), MaxShard: shard, Force: c.Bool("force"),
		DryRun: c.Bool("dry-run"), Tensors: c.Bool("tensors")}, u.observe())
	return u.result(r, err, func(w io.Writer) { printExpanded(w, r) })
}

// printExpanded prints what was written, or the plan of what would be.
func printExpanded(w io.Writer, r *job.Expanded) {
	if !r.Written {
		printPlan(w, r)
		return
	}
	say(w, "%s: %s parameters, %s; %s\n", r.Output, units.Count(r.Params), units.Bytes(r.Bytes), sizesText(r.Plan))
	say(w, "%s\n", functionText(r.Plan))
}

// layersText lists the parent's layer numbers, silent copies in brackets: 0 (0) 1 (1).
func layersText(layers []growth.LayerFrom) string {
	var b strings.Builder
	for i, l := range layers {
		if i > 0 {
			b.WriteByte(' ')
		}
		if l.Silent {
			fmt.Fprintf(&b, "(%d)", l.Src)
		} else {
			fmt.Fprint(&b, l.Src)
		}
	}
	return b.String() + "   (n): silent copy of layer n"
}

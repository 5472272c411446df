package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"famkit/expand"
	"famkit/internal/fault"
	"famkit/internal/growth"
	"famkit/internal/job"
	"famkit/internal/units"
)

const expandDescription = `Grows a checkpoint into a larger one that computes the same function. DST is derived from SRC when it is
left out. Sizes: 768 (absolute), 2x or x1.5 (factor), +2 (increment); see famkit help axes and famkit help growth.
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
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "depth", Aliases: []string{"layers"}, Usage: "layers: `SIZE`"},
			&cli.StringFlag{Name: "width", Usage: "hidden, ffn, heads and kv heads together: `SIZE`"},
			&cli.StringFlag{Name: "hidden", Usage: "hidden size: `SIZE`"},
			&cli.StringFlag{Name: "ffn", Usage: "intermediate size of the MLP: `SIZE`"},
			&cli.StringFlag{Name: "heads", Usage: "query heads, kv heads kept unless --kv is given: `SIZE`"},
			&cli.StringFlag{Name: "kv", Usage: "key/value heads with their query heads: `SIZE`"},
			&cli.StringFlag{Name: "head-dim", Usage: "elements of each head: `SIZE`, a whole multiple where there is a rotary embedding"},
			&cli.StringFlag{Name: "vocab", Usage: "vocabulary: `SIZE`; new rows hold the mean"},
			&cli.IntFlag{Name: "vocab-multiple", Usage: "round the vocabulary up to a multiple of `N`"},
			&cli.BoolFlag{Name: "vocab-zero", Usage: "new rows of the vocabulary hold zero instead of the mean"},
			&cli.StringFlag{Name: "positions", Usage: "context length: `SIZE`; learned tables are extended"},
			&cli.StringFlag{Name: "experts", Usage: "experts: `SIZE`; a dense llama, mistral or qwen3 becomes a mixture"},
			&cli.StringFlag{Name: "top-k", Usage: "experts that a token uses: `SIZE`"},
			&cli.StringFlag{Name: "expert-ffn", Usage: "intermediate size of each expert: `SIZE`"},
			&cli.IntFlag{Name: "shards", Usage: "cut the MLP into `N` parts before it is copied into experts", Value: 1},
			&cli.StringFlag{Name: "like", Usage: "grow to the sizes of another model's `CONFIG.json`"},
			&cli.StringFlag{Name: "params", Usage: "propose sizes for a number of parameters: `N`, such as 2x or 250M"},
			&cli.StringFlag{Name: "method", Usage: "methods other than the axes' own, separated by commas: `NAMES`; see famkit help growth"},
			&cli.StringFlag{Name: "place", Value: string(expand.Interleave), Usage: "where new layers go: `interleave`, top, bottom or after:3,7"},
			&cli.StringFlag{Name: "silent", Value: "zero", Usage: "how new layers add nothing: `zero` writers or cancelling pairs"},
			&cli.StringFlag{Name: "new", Value: "copy", Usage: "what new layers read with: a `copy` of a neighbour's weights or fresh ones"},
			&cli.StringFlag{Name: "split", Value: string(growth.SplitChoice), Usage: "how copies share what reads them: `choice`, shares, noise or even"},
			&cli.StringFlag{Name: "rope", Usage: "another rotary scaling, not function-preserving: `TYPE:FACTOR`, such as linear:2; dynamic, yarn and llama3 scale from the context that the parent has"},
			&cli.BoolFlag{Name: "allow-inexact", Usage: "allow growths that differ by a term that the plan names"},
			&cli.StringFlag{Name: "optimizer", Usage: "what becomes of a training's optimizer state: `keep` (where there is one), asymmetric, reset or drop"},
			&cli.Uint64Flag{Name: "seed", Usage: "seed of all that is drawn"},
			&cli.StringFlag{Name: "max-shard", Usage: "largest weights file: `SIZE`, such as 5GB", Value: "50GB"},
			&cli.BoolFlag{Name: "force", Aliases: []string{"f"}, Usage: "replace DST"},
			&cli.BoolFlag{Name: "dry-run", Aliases: []string{"n"}, Usage: "print the plan, bytes, disk and memory; write nothing"},
			&cli.BoolFlag{Name: "tensors", Usage: "with -n: list what each tensor is made of"},
		},
		Action: func(c *cli.Context) error { return runExpand(u, c) },
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
	say(w, "%s: %s parameters, %s; %s\n", r.Output, countText(r.Params), bytesText(r.Bytes), sizesText(r.Plan))
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

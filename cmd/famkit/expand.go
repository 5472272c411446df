package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"famkit/expand"
	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/growth"
	"famkit/internal/trainstate"
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
	shard, err := parseBytes(c.String("max-shard"))
	if err != nil {
		return fault.Usagef("--max-shard: %w", err)
	}
	if c.Bool("tensors") && !c.Bool("dry-run") {
		return fault.Usagef("--tensors goes with -n")
	}
	if err := expand.OptimizerState(c.String("optimizer")).Check(); err != nil && c.IsSet("optimizer") {
		return fault.Usagef("--%w", err)
	}
	src, dst := c.Args().Get(0), c.Args().Get(1)
	h, ck, err := u.openCheckpoint(src)
	if err != nil {
		return err
	}
	defer func() { _ = h.Close() }()
	plan, err := expand.Compile(ck, req)
	if err != nil {
		return err
	}
	parent := modelPath(src, ck)
	if dst == "" {
		dst = plan.OutputName(parent)
		u.note("writing to %s", dst)
	}
	if isLone(ck) && !strings.HasSuffix(dst, ".safetensors") {
		u.note("%s has no config.json, so %s will have none", src, dst)
	}
	if err := trainstate.Guard(dst); err != nil && c.Bool("force") {
		return err
	}
	o := format.WriteOptions{Force: c.Bool("force"), Inputs: []string{parent}, MaxShard: shard}
	if c.Bool("dry-run") {
		return dryExpand(u, c, ck, plan, dst, o)
	}
	state, err := openTraining(parent, c.String("optimizer"))
	if err != nil {
		return err
	}
	defer state.close()
	return writeExpand(c.Context, u, ck, plan, state, parent, dst, o)
}

// expandAnswer is what expand prints.
type expandAnswer struct {
	Schema  int          `json:"schema"`
	Output  string       `json:"output"`
	Written bool         `json:"written"`
	Bytes   int64        `json:"bytes"`
	Params  int64        `json:"parameters"`
	Free    int64        `json:"free_disk,omitempty"`
	Memory  int64        `json:"memory,omitempty"`
	Exact   bool         `json:"exact"`
	Plan    *growth.Plan `json:"plan"`
	Tensors []string     `json:"tensors,omitempty"`
	// NonFinite counts NaNs and infinities by tensor: what the parent holds, the child holds too.
	NonFinite map[string]int64 `json:"non_finite,omitempty"`
}

// dryExpand prints the plan and what it would take.
func dryExpand(u *ui, c *cli.Context, ck *arch.Checkpoint, plan *expand.Growth, dst string, o format.WriteOptions) error {
	out := plan.Apply()
	need, err := format.Measure(dst, out, o)
	if err != nil {
		return err
	}
	params, err := parameters(out)
	if err != nil {
		return err
	}
	a := expandAnswer{Schema: 1, Output: dst, Bytes: need.Bytes, Params: params, Free: need.Free, Memory: memoryBound, Exact: plan.Exact(), Plan: plan.Plan}
	if c.Bool("tensors") {
		for _, e := range plan.Exprs() {
			a.Tensors = append(a.Tensors, e.String())
		}
	}
	if err := u.answer(a, func(w io.Writer) { printPlan(w, a) }); err != nil {
		return err
	}
	return format.Admit(dst, out, o)
}

func parameters(src format.Source) (int64, error) {
	total := int64(0)
	for _, name := range src.Names() {
		t, err := src.Tensor(name)
		if err != nil {
			return 0, err
		}
		n, err := t.Info().Elems()
		if err != nil {
			return 0, err
		}
		total += int64(n)
	}
	return total, nil
}

func writeExpand(ctx context.Context, u *ui, ck *arch.Checkpoint, plan *expand.Growth, state *training, parent, dst string, o format.WriteOptions) error {
	plan.Parent.Path = relativeTo(planDir(dst), parent)
	out := plan.Apply()
	src, err := state.grow(plan, out, &o)
	if err != nil {
		return err
	}
	params, err := parameters(out)
	if err != nil {
		return err
	}
	total, err := format.Bytes(out)
	if err != nil {
		return err
	}
	bar := u.progressBytes("expanding", total)
	o.Progress = bar.set
	o.NoDigests = true
	o.Origin = &format.Origin{Source: ck.Source, Of: out.From, Done: func(digest string) (map[string][]byte, error) {
		plan.Parent.Digest = digest
		if strings.HasSuffix(dst, ".safetensors") {
			return nil, format.WriteFileAtomic(growth.PlanPath(dst), plan.JSON())
		}
		return map[string][]byte{growth.PlanFile: plan.JSON()}, nil
	}}
	written, err := format.Write(ctx, dst, src, o)
	bar.finish()
	if err != nil {
		return err
	}
	a := expandAnswer{Schema: 1, Output: written.Path, Written: true, Bytes: written.Bytes, Params: params, Exact: plan.Exact(), Plan: plan.Plan,
		NonFinite: out.NonFinite()}
	for _, name := range slices.Sorted(maps.Keys(a.NonFinite)) {
		u.warn("tensor %q holds %d values that are NaN or infinite, as its parent does", name, a.NonFinite[name])
	}
	return u.answer(a, func(w io.Writer) { printWritten(w, a) })
}

// planDir is the directory that a plan's paths are relative to: the one that the plan lies in.
func planDir(dst string) string { return filepath.Dir(growth.PlanPath(dst)) }

// relativeTo is path as seen from dir, so that a child and its parent can move together.
func relativeTo(dir, path string) string {
	a, errA := filepath.Abs(dir)
	b, errB := filepath.Abs(path)
	if errA != nil || errB != nil {
		return path
	}
	if r, err := filepath.Rel(a, b); err == nil {
		return r
	}
	return b
}

func printWritten(w io.Writer, a expandAnswer) {
	_, _ = fmt.Fprintf(w, "%s: %s parameters, %s; %s\n", a.Output, countText(a.Params), bytesText(a.Bytes), sizesText(a.Plan))
	_, _ = fmt.Fprintln(w, functionText(a.Plan))
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

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
)

const expandDescription = `Grows a checkpoint into a larger one that computes the same function. DST is derived from SRC when it is
left out. Sizes: 768 (absolute), 2x or x1.5 (factor), +2 (increment); see famkit help axes and famkit help growth.
The plan of the growth travels in the output as plan.json, for famkit verify.

Examples:
   famkit expand model.safetensors --depth 2x
   famkit expand small/ big/ --depth 2x --width 2x
   famkit expand small/ big/ --hidden 768 --heads 12 --ffn x1.5
   famkit expand small/ --depth +4 --place top -n`

func expandCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:        "expand",
		Usage:       "grow a checkpoint into a larger one that computes the same function",
		ArgsUsage:   "SRC [DST]",
		Description: expandDescription + exitStatus,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "depth", Usage: "layers: `SIZE`"},
			&cli.StringFlag{Name: "width", Usage: "hidden, ffn, heads and kv heads together: `SIZE`"},
			&cli.StringFlag{Name: "hidden", Usage: "hidden size: `SIZE`"},
			&cli.StringFlag{Name: "ffn", Usage: "intermediate size of the MLP: `SIZE`"},
			&cli.StringFlag{Name: "heads", Usage: "query heads, kv heads kept unless --kv is given: `SIZE`"},
			&cli.StringFlag{Name: "kv", Usage: "key/value heads with their query heads: `SIZE`"},
			&cli.StringFlag{Name: "place", Value: string(expand.Interleave), Usage: "where new layers go: `interleave`, top or bottom"},
			&cli.Uint64Flag{Name: "seed", Usage: "seed of the choices that break symmetry"},
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
	o := format.WriteOptions{Force: c.Bool("force"), Inputs: []string{parent}, MaxShard: shard}
	if c.Bool("dry-run") {
		return dryExpand(u, c, ck, plan, dst, o)
	}
	return writeExpand(c.Context, u, ck, plan, parent, dst, o)
}

func expandRequest(c *cli.Context) (expand.Request, error) {
	r := expand.Request{Place: expand.Place(c.String("place")), Seed: c.Uint64("seed")}
	given := false
	for name, to := range map[string]*expand.Change{"depth": &r.Depth, "hidden": &r.Hidden, "ffn": &r.FFN, "heads": &r.Heads,
		"kv": &r.KV, "width": &r.Width} {
		v, err := expand.ParseChange(c.String(name))
		if err != nil {
			return r, fault.Usagef("--%s: %w", name, err)
		}
		*to = v
		given = given || v.Given()
	}
	if !given {
		return r, fault.Hint(fault.Usagef("nothing to grow: give at least one of --depth, --hidden, --ffn, --heads, --kv, --width"), "famkit help axes")
	}
	return r, nil
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
	Plan    *expand.Plan `json:"plan"`
	Tensors []string     `json:"tensors,omitempty"`
	// NonFinite counts NaNs and infinities by tensor: what the parent holds, the child holds too.
	NonFinite map[string]int64 `json:"non_finite,omitempty"`
}

// dryExpand prints the plan and what it would take.
func dryExpand(u *ui, c *cli.Context, ck *arch.Checkpoint, plan *expand.Plan, dst string, o format.WriteOptions) error {
	out, err := plan.Apply(ck)
	if err != nil {
		return err
	}
	need, err := format.Measure(dst, out, o)
	if err != nil {
		return err
	}
	params, err := parameters(out)
	if err != nil {
		return err
	}
	a := expandAnswer{Schema: 1, Output: dst, Bytes: need.Bytes, Params: params, Free: need.Free, Memory: memoryBound, Exact: plan.Exact(), Plan: plan}
	if c.Bool("tensors") {
		exprs, err := plan.Exprs(ck)
		if err != nil {
			return err
		}
		for _, e := range exprs {
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

func writeExpand(ctx context.Context, u *ui, ck *arch.Checkpoint, plan *expand.Plan, parent, dst string, o format.WriteOptions) error {
	// A refusal to write should not wait for the parent's digest.
	trial, err := plan.Apply(ck)
	if err != nil {
		return err
	}
	if err := format.Admit(dst, trial, o); err != nil {
		return err
	}
	if plan.Parent, err = describeParent(ctx, ck, parent, dst); err != nil {
		return err
	}
	out, err := plan.Apply(ck)
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
	if strings.HasSuffix(dst, ".safetensors") {
		if err := format.WriteFileAtomic(expand.PlanPath(dst), plan.JSON()); err != nil {
			return err
		}
	}
	written, err := format.Write(ctx, dst, out, o)
	bar.finish()
	if err != nil {
		return err
	}
	a := expandAnswer{Schema: 1, Output: written.Path, Written: true, Bytes: written.Bytes, Params: params, Exact: plan.Exact(), Plan: plan,
		NonFinite: out.NonFinite()}
	for _, name := range slices.Sorted(maps.Keys(a.NonFinite)) {
		u.warn("tensor %q holds %d values that are NaN or infinite, as its parent does", name, a.NonFinite[name])
	}
	return u.answer(a, func(w io.Writer) { printWritten(w, a) })
}

// describeParent names the parent by digest and by its path as seen from the child, so that both can move together.
func describeParent(ctx context.Context, ck *arch.Checkpoint, parent, dst string) (expand.Parent, error) {
	sums, err := format.Digests(ctx, ck.Source)
	if err != nil {
		return expand.Parent{}, err
	}
	digest, err := format.DigestOf(ck.Source, sums)
	if err != nil {
		return expand.Parent{}, err
	}
	return expand.Parent{Path: relativeTo(planDir(dst), parent), Digest: digest}, nil
}

// planDir is the directory that a plan's paths are relative to: the one that the plan lies in.
func planDir(dst string) string { return filepath.Dir(expand.PlanPath(dst)) }

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
	_, _ = fmt.Fprintf(w, "computes its parent's function %s\n", exactText(a.Plan))
}

func exactText(p *expand.Plan) string {
	if p.Exact() {
		return "exactly: no stored number was rounded"
	}
	var what []string
	for _, r := range p.Rounding {
		what = append(what, fmt.Sprintf("%s (%s)", r.Role, r.DType))
	}
	return "within rounding of the stored numbers of " + strings.Join(what, ", ")
}

func sizesText(p *expand.Plan) string {
	var parts []string
	for _, s := range []struct {
		name     string
		from, to int
	}{
		{"layers", p.From.Layers, p.To.Layers}, {"hidden", p.From.Hidden, p.To.Hidden}, {"ffn", p.From.FFN, p.To.FFN},
		{"heads", p.From.Heads, p.To.Heads}, {"kv heads", p.From.KVHeads, p.To.KVHeads},
	} {
		if s.from != s.to {
			parts = append(parts, fmt.Sprintf("%s %d -> %d", s.name, s.from, s.to))
		}
	}
	return strings.Join(parts, ", ")
}

func printPlan(w io.Writer, a expandAnswer) {
	p := a.Plan
	_, _ = fmt.Fprintf(w, "output    %s\ngrowth    %s: %s\nfunction  kept %s\n", a.Output, p.Arch, sizesText(p), exactText(p))
	if p.To.Layers != p.From.Layers {
		_, _ = fmt.Fprintf(w, "layers    %s\n", layersText(p.Layers))
	}
	_, _ = fmt.Fprintf(w, "symmetry  broken by %s, seed %d\n", p.Split, p.Seed)
	_, _ = fmt.Fprintf(w, "size      %s parameters, %s\n", countText(a.Params), bytesText(a.Bytes))
	_, _ = fmt.Fprintf(w, "disk      %s free\nmemory    at most %s\n", bytesText(a.Free), bytesText(a.Memory))
	for _, t := range a.Tensors {
		_, _ = fmt.Fprintln(w, t)
	}
}

// layersText lists the parent's layer numbers, silent copies in brackets: 0 (0) 1 (1).
func layersText(layers []expand.LayerFrom) string {
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

package main

import (
	"strings"

	"github.com/urfave/cli/v2"

	"famkit/expand"
	"famkit/internal/fault"
	"famkit/internal/growth"
	"famkit/internal/job"
)

// expandRequest reads the flags that say what grows and how.
func expandRequest(c *cli.Context) (expand.Request, error) {
	r := expand.Request{Place: expand.Place(c.String("place")), Seed: c.Uint64("seed"),
		Split:  growth.Split(c.String("split")),
		Params: c.String("params"), Rope: c.String("rope"), AllowInexact: c.Bool("allow-inexact"),
		VocabMultiple: c.Int("vocab-multiple"), Shards: c.Int("mlp-parts")}
	given := r.Params != "" || r.Rope != "" || r.VocabMultiple != 0 || strings.HasPrefix(string(r.Place), "after:")
	for name, to := range map[string]*expand.Change{"depth": &r.Depth, "hidden": &r.Hidden, "ffn": &r.FFN,
		"heads": &r.Heads,
		"kv":    &r.KV, "width": &r.Width, "head-dim": &r.HeadDim, "vocab": &r.Vocab, "positions": &r.Positions,
		"experts": &r.Experts,
		"top-k":   &r.TopK, "expert-ffn": &r.ExpertFFN} {
		v, err := expand.ParseChange(c.String(name))
		if err != nil {
			return r, fault.Usagef("--%s: %w", name, err)
		}
		*to = v
		given = given || v.Given()
	}
	if r.VocabMultiple < 0 || r.Shards < 1 {
		return r, fault.Usagef("--vocab-multiple and --mlp-parts take positive numbers")
	}
	if c.Bool("vocab-zero") {
		r.VocabFill = growth.FillZero
	}
	if err := r.Place.Check(); err != nil {
		return r, fault.Usagef("--place: %w", err)
	}
	if path := c.String("like"); path != "" {
		m, err := job.ModelConfig(path)
		if err != nil {
			return r, fault.Inputf("--like: %w", err)
		}
		r.Like, given = m, true
	}
	if !given {
		return r, fault.Hint(fault.Usagef("nothing to grow: give at least one of --depth, --hidden, --ffn, --heads, --kv, "+
			"--width or another axis"), "famkit help axes")
	}
	expandHow(c, &r)
	return r, nil
}

// expandHow reads the flags that choose among methods.
func expandHow(c *cli.Context, r *expand.Request) {
	for _, name := range strings.Split(c.String("method"), ",") {
		if name = strings.TrimSpace(name); name != "" {
			r.Methods = append(r.Methods, name)
		}
	}
	r.Pairs, r.Fresh = c.String("silent") == "pairs", c.String("new") == "fresh"
}

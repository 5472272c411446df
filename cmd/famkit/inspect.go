package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"famkit/internal/fault"
	"famkit/internal/job"
	"famkit/internal/units"
)

const inspectDescription = `Says what a checkpoint is: container, files, tensors, parameters,
element types, metadata, and, where a config.json resolves, the model. PATH is a directory, a
safetensors file, a shard index, a GGUF file or a model directory of the Hugging Face hub cache.
Only headers are read, unless --values is given. Tensors that the architecture does not know, that
are missing or that have another shape than config.json asks for are listed and refused.

Examples:
   famkit inspect model/
   famkit inspect model.safetensors --tensors
   famkit inspect model/ --strict --values --json`

func inspectCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:        "inspect",
		Usage:       "say what a checkpoint is and whether it is sound",
		ArgsUsage:   "PATH",
		Description: inspectDescription + exitStatus,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "tensors", Aliases: []string{"t"}, Usage: "list every tensor"},
			&cli.BoolFlag{Name: "strict", Usage: "refuse what draws a warning, and read safetensors files with a second, " +
				"independent reader"},
			&cli.BoolFlag{Name: "values", Aliases: []string{"nan"}, Usage: "read all weights and refuse NaN and infinity"},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return fault.Hint(fault.Usagef("inspect takes one path, %d given", c.NArg()), "famkit inspect --help")
			}
			r, err := job.Inspect(c.Context, job.InspectOptions{Path: c.Args().First(), Tensors: c.Bool("tensors"),
				Strict: c.Bool("strict"), Values: c.Bool("values")}, u.observe())
			return u.result(r, err, func(w io.Writer) { (*inspection)(r).print(w, c.Bool("tensors")) })
		},
	}
}

// inspection prints a job.Inspection.
type inspection job.Inspection

// print writes the text of an inspection. all lists every tensor, else only those with a mark.
func (a *inspection) print(w io.Writer, all bool) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(key, format string, v ...any) {
		say(tw, "%s\t%s\n", key, fmt.Sprintf(format, v...))
	}
	row("path", "%s", a.Path)
	row("container", "%s, %s", a.Container, units.Plural(len(a.Files), "file"))
	a.printModel(row)
	row("tensors", "%d", a.Tensors)
	row("parameters", "%s", units.Count(a.Parameters))
	for i, d := range a.DTypes {
		key := ""
		if i == 0 {
			key = "dtypes"
		}
		row(key, "%s: %s, %s parameters, %s", d.DType, units.Plural(d.Tensors, "tensor"), units.Count(d.Parameters),
			units.Bytes(d.Bytes))
	}
	for _, k := range slices.Sorted(maps.Keys(a.Meta)) {
		row("metadata", "%s = %s", k, metaText(a.Meta[k]))
	}
	if len(a.SideFiles) > 0 {
		row("side files", "%s", strings.Join(a.SideFiles, ", "))
	}
	a.printLineage(row)
	for _, f := range a.Findings {
		row("finding", "%s", f.Text)
	}
	for _, s := range a.Second {
		row("second reader", "%s: %s", s.File, secondVerdict(s))
	}
	a.printValues(row)
	_ = tw.Flush()
	a.printTensors(w, all)
}

// printLineage tells where the model comes from.
func (a *inspection) printLineage(row func(key, format string, v ...any)) {
	for i, o := range a.Lineage {
		key := ""
		if i == 0 {
			key = "lineage"
		}
		if o.Did == "grown" {
			text, kept := "grown: "+o.Sizes, "rounded"
			if o.Exact {
				kept = "exact"
			}
			text += ", " + kept + "; " + o.Plan
			if o.Proof != "" {
				text += ", " + o.Proof
			}
			row(key, "%s", text)
			continue
		}
		row(key, "trained from %s: %s, %s", o.From, units.Plural(o.Steps, "step"), units.Plural(int(o.Tokens), "token"))
	}
}

// metaText is a value of the metadata as a line shows it: text in quotes, cut where it is long.
func metaText(v any) string {
	if s, ok := v.(string); ok {
		return fmt.Sprintf("%.100q", s)
	}
	return fmt.Sprint(v)
}

func (a *inspection) printModel(row func(key, format string, v ...any)) {
	m := a.Model
	kind, gguf := a.Meta["general.architecture"]
	switch {
	case m == nil && gguf:
		row("model", "%s", kind)
		return
	case m == nil:
		row("model", "unknown: no config.json that resolves")
		return
	case m.ByNames:
		row("model", "%s by the names of its tensors, there is no config.json: layers %d, hidden %d, ffn %d, vocab %d",
			m.Arch, m.Layers, m.Hidden, m.FFN, m.Vocab)
		return
	}
	tied := "untied"
	if m.Tied {
		tied = "tied"
	}
	row("model", "%s (%s), head %s to the embedding", m.Arch, m.Class, tied)
	row("sizes", "layers %d, hidden %d, ffn %d, heads %d, kv heads %d, head_dim %d, vocab %d, positions %d",
		m.Layers, m.Hidden, m.FFN, m.Heads, m.KVHeads, m.HeadDim, m.Vocab, m.MaxPos)
	row("numerics", "activation %s, eps %g, rope %s theta %g", m.Act, m.Eps, m.RopeType, m.Theta)
}

func (a *inspection) printValues(row func(key, format string, v ...any)) {
	if a.Values == nil {
		return
	}
	for _, b := range a.Values.Bad {
		row("not finite", "%s: %d NaN, %d infinite, the first at index %d", b.Name, b.NaN, b.Inf, b.First)
	}
	if len(a.Values.Bad) == 0 {
		row("values", "all finite")
	}
	if a.Values.Skipped > 0 {
		row("not scanned", "%s of a type without NaN", units.Plural(a.Values.Skipped, "tensor"))
	}
}

func secondVerdict(s job.SecondReading) string {
	switch {
	case s.Agree:
		return "agrees"
	case s.Note != "":
		return s.Note
	}
	return "differs"
}

func (a *inspection) printTensors(w io.Writer, all bool) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, t := range a.TensorList {
		if !all && t.Mark == "" {
			continue
		}
		say(tw, "%s\t%s\t%v\t%s\n", t.Name, t.DType, t.Shape, t.Mark)
	}
	_ = tw.Flush()
}

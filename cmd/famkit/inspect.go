package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/tensor"
)

const inspectDescription = `Says what a checkpoint is: container, files, tensors, parameters, element types, metadata, and, where a
config.json resolves, the model. PATH is a directory, a safetensors file, a shard index, a GGUF file or a model directory of the
Hugging Face hub cache. Only headers are read, unless --values is given. Tensors that the architecture does not know, that are
missing or that have another shape than config.json asks for are listed and refused.

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
			&cli.BoolFlag{Name: "strict", Usage: "refuse what draws a warning, and read safetensors files with a second, independent reader"},
			&cli.BoolFlag{Name: "values", Aliases: []string{"nan"}, Usage: "read all weights and refuse NaN and infinity"},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return fault.Hint(fault.Usagef("inspect takes one path, %d given", c.NArg()), "famkit inspect --help")
			}
			return runInspect(c.Context, u, c.Args().First(), inspectFlags{c.Bool("tensors"), c.Bool("strict"), c.Bool("values")})
		},
	}
}

type inspectFlags struct{ tensors, strict, values bool }

// inspection is the answer of famkit inspect.
type inspection struct {
	Schema int `json:"schema"`
	*format.Summary
	Model      *modelSummary   `json:"model,omitempty"`
	Findings   []arch.Finding  `json:"findings"`
	Second     []secondReading `json:"second_reader,omitempty"`
	Values     *valueSummary   `json:"values,omitempty"`
	TensorList []listedTensor  `json:"tensor_list,omitempty"`
	err        error
}

// modelSummary is what config.json resolves to.
type modelSummary struct {
	// ByNames: there is no config.json; what names and shapes do not tell is 0.
	ByNames  bool    `json:"by_names,omitempty"`
	Arch     string  `json:"arch"`
	Class    string  `json:"class"`
	DType    string  `json:"dtype,omitempty"`
	Layers   int     `json:"layers"`
	Hidden   int     `json:"hidden"`
	FFN      int     `json:"ffn"`
	Heads    int     `json:"heads"`
	KVHeads  int     `json:"kv_heads"`
	HeadDim  int     `json:"head_dim"`
	Vocab    int     `json:"vocab"`
	MaxPos   int     `json:"max_position"`
	Tied     bool    `json:"tied"`
	Act      string  `json:"activation"`
	Eps      float64 `json:"eps"`
	RopeType string  `json:"rope_type"`
	Theta    float64 `json:"rope_theta"`
	BOS      []int   `json:"bos,omitempty"`
	EOS      []int   `json:"eos,omitempty"`
}

// listedTensor is a tensor with what is wrong with it.
type listedTensor struct {
	format.TensorSummary
	Mark arch.Code `json:"mark,omitempty"`
}

type secondReading struct {
	File  string `json:"file"`
	Agree bool   `json:"agree"`
	Note  string `json:"note,omitempty"`
}

type valueSummary struct {
	Bad     []format.BadValues `json:"bad"`
	Skipped int                `json:"skipped"` // tensors of types that are not real numbers
}

func runInspect(ctx context.Context, u *ui, path string, o inspectFlags) error {
	h, err := u.openSource(path)
	if err != nil {
		return err
	}
	defer func() { _ = h.Close() }()
	a := &inspection{Schema: 1, Findings: []arch.Finding{}}
	if a.Summary, err = format.Summarize(h); err != nil {
		return err
	}
	a.recognise(h)
	if o.strict {
		a.strict()
	}
	if o.values {
		if err := a.scan(ctx, h); err != nil {
			return err
		}
	}
	if o.tensors || a.err != nil {
		if err := a.list(h); err != nil {
			return err
		}
	}
	if err := u.answer(a, func(w io.Writer) { a.print(w, o.tensors) }); err != nil {
		return err
	}
	return a.err
}

// fail keeps the first refusal; the answer is printed before it.
func (a *inspection) fail(err error) {
	if a.err == nil {
		a.err = err
	}
}

// recognise holds config.json and tensors against each other, and goes by the tensors' names where there is no config.json.
func (a *inspection) recognise(h format.Handle) {
	if _, ok := format.ReadFile(h, "config.json"); !ok {
		if ck, err := arch.BindLone(h); err == nil {
			a.Model = summarizeModel(ck.Model)
			a.Model.ByNames = true
		}
		return
	}
	ck, findings, err := arch.Check(h)
	a.Findings = append(a.Findings, findings...)
	if ck != nil {
		a.Model = summarizeModel(ck.Model)
	}
	if err != nil {
		a.fail(err)
	}
}

func summarizeModel(m *arch.Model) *modelSummary {
	s := &modelSummary{
		Arch: m.Spec.Name, Class: m.Spec.Class, Layers: m.Layers, Hidden: m.Hidden, FFN: m.FFN, Heads: m.Heads, KVHeads: m.KVHeads,
		HeadDim: m.HeadDim, Vocab: m.Vocab, MaxPos: m.MaxPos, Tied: m.Tied, Act: string(m.Act), Eps: m.Eps,
		RopeType: m.Rope.Type, Theta: m.Rope.Theta, BOS: m.BOS, EOS: m.EOS,
	}
	if m.DType != tensor.Invalid {
		s.DType = m.DType.Torch()
	}
	return s
}

// strict refuses warnings and asks a second reader.
func (a *inspection) strict() {
	if len(a.Warnings) > 0 {
		a.fail(fault.Inputf("%s: %s", a.Path, a.Warnings[0]))
	}
	if a.Container != "safetensors" {
		return
	}
	for _, f := range a.Files {
		checked, note, err := format.SecondOpinion(f.Path)
		if err != nil {
			note = err.Error()
			a.fail(err)
		}
		a.Second = append(a.Second, secondReading{f.Path, checked && err == nil, note})
	}
}

func (a *inspection) scan(ctx context.Context, h format.Handle) error {
	bad, skipped, err := format.ScanValues(ctx, h)
	if err != nil {
		return err
	}
	a.Values = &valueSummary{append([]format.BadValues{}, bad...), skipped}
	if len(bad) > 0 {
		b := bad[0]
		a.fail(fault.Inputf("%s: %d tensors hold values that are not finite, the first is %q: %d NaN and %d infinite, wanted none",
			a.Path, len(bad), b.Name, b.NaN, b.Inf))
	}
	return nil
}

// list describes the tensors, with a mark on those that checking found something about, the missing ones at the end.
func (a *inspection) list(h format.Handle) error {
	rows, err := format.ListTensors(h)
	if err != nil {
		return err
	}
	marks := map[string]arch.Code{}
	for _, f := range a.Findings {
		if f.Tensor != "" {
			marks[f.Tensor] = f.Code
		}
	}
	for _, r := range rows {
		a.TensorList = append(a.TensorList, listedTensor{r, marks[r.Name]})
	}
	for _, f := range a.Findings {
		if f.Code == arch.Missing {
			a.TensorList = append(a.TensorList, listedTensor{format.TensorSummary{Name: f.Tensor, DType: "-", Shape: []int{}}, f.Code})
		}
	}
	return nil
}

// print writes the text of an inspection. all lists every tensor, else only those with a mark.
func (a *inspection) print(w io.Writer, all bool) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(key, format string, v ...any) {
		_, _ = fmt.Fprintf(tw, "%s\t%s\n", key, fmt.Sprintf(format, v...))
	}
	row("path", "%s", a.Path)
	row("container", "%s, %s", a.Container, plural(len(a.Files), "file"))
	a.printModel(row)
	row("tensors", "%d", a.Tensors)
	row("parameters", "%s", countText(a.Parameters))
	for i, d := range a.DTypes {
		key := ""
		if i == 0 {
			key = "dtypes"
		}
		row(key, "%s: %s, %s parameters, %s", d.DType, plural(d.Tensors, "tensor"), countText(d.Parameters), bytesText(d.Bytes))
	}
	for _, k := range slices.Sorted(maps.Keys(a.Meta)) {
		row("metadata", "%s = %.100q", k, a.Meta[k])
	}
	if len(a.SideFiles) > 0 {
		row("side files", "%s", strings.Join(a.SideFiles, ", "))
	}
	for _, f := range a.Findings {
		row("finding", "%s", f.Text)
	}
	for _, s := range a.Second {
		row("second reader", "%s: %s", s.File, s.verdict())
	}
	a.printValues(row)
	_ = tw.Flush()
	a.printTensors(w, all)
}

func (a *inspection) printModel(row func(key, format string, v ...any)) {
	m := a.Model
	kind, gguf := a.Meta["general.architecture"]
	switch {
	case m == nil && gguf:
		row("model", "%s; famkit convert gives it a config.json", kind)
		return
	case m == nil:
		row("model", "unknown: no config.json that resolves")
		return
	case m.ByNames:
		row("model", "%s by the names of its tensors, there is no config.json: layers %d, hidden %d, ffn %d, vocab %d", m.Arch, m.Layers, m.Hidden, m.FFN, m.Vocab)
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
		row("not scanned", "%s of a type without NaN", plural(a.Values.Skipped, "tensor"))
	}
}

func (s secondReading) verdict() string {
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
		_, _ = fmt.Fprintf(tw, "%s\t%s\t%v\t%s\n", t.Name, t.DType, t.Shape, t.Mark)
	}
	_ = tw.Flush()
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

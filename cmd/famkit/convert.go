package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"famkit/convert"
	"famkit/format"
	"famkit/internal/fault"
	"famkit/internal/tensor"
	"famkit/internal/trainstate"
)

const convertDescription = `Writes a checkpoint again in another form that computes the same function: a GGUF file as a Hugging Face directory
with its config and tokenizer, another dtype, other shards. What does not change is copied byte for byte. Quantised GGUF
tensors (Q8_0, Q4_0, Q4_1) become exactly the float32 numbers that they stand for, unless --dtype says otherwise.
A DST that ends in .safetensors is one file without config and tokenizer.

Examples:
   famkit convert SmolLM2-135M-Instruct.Q4_1.gguf smollm2/
   famkit convert smollm2/ smollm2-bf16/ --dtype bfloat16
   famkit convert model/ sharded/ --max-shard 5GB
   famkit convert model.safetensors half.safetensors --dtype float16`

// keepDType leaves every tensor's type as it is.
const keepDType = "keep"

func convertCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:        "convert",
		Usage:       "write a checkpoint in another form: from GGUF, another dtype, other shards",
		ArgsUsage:   "SRC DST",
		Description: convertDescription + exitStatus,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "dtype", Value: keepDType, Usage: "`TYPE` of the floating point tensors: float32, bfloat16, float16, float64 or keep"},
			&cli.StringFlag{Name: "max-shard", Usage: "largest weights file: `SIZE`, such as 5GB", Value: "50GB"},
			&cli.BoolFlag{Name: "force", Aliases: []string{"f"}, Usage: "replace DST"},
			&cli.BoolFlag{Name: "dry-run", Aliases: []string{"n"}, Usage: "print what would be written, bytes and free disk; write nothing"},
		},
		Action: func(c *cli.Context) error { return runConvert(u, c) },
	}
}

func runConvert(u *ui, c *cli.Context) error {
	if c.NArg() != 2 {
		return fault.Hint(fault.Usagef("convert takes SRC and DST, %d operands given", c.NArg()), "famkit convert --help")
	}
	dtype, err := parseDType(c.String("dtype"))
	if err != nil {
		return err
	}
	shard, err := parseBytes(c.String("max-shard"))
	if err != nil {
		return fault.Usagef("--max-shard: %w", err)
	}
	src, dst := c.Args().Get(0), c.Args().Get(1)
	h, err := u.openSource(src)
	if err != nil {
		return err
	}
	defer func() { _ = h.Close() }()
	out, err := converted(h, dtype)
	if err != nil {
		return err
	}
	if strings.HasSuffix(dst, ".safetensors") {
		if _, ok := format.ReadFile(out, "config.json"); ok {
			u.note("%s is one file: config and tokenizer are left out", dst)
		}
	}
	if err := trainstate.Guard(dst); err != nil && c.Bool("force") {
		return err
	}
	o := format.WriteOptions{Force: c.Bool("force"), Inputs: []string{sourcePath(src, h)}, MaxShard: shard, NoDigests: true}
	if c.Bool("dry-run") {
		return dryConvert(u, src, dst, out, o)
	}
	return writeConvert(u, c, src, dst, out, o)
}

// parseDType reads a type by PyTorch's name or its short form; Invalid stands for keep.
func parseDType(s string) (tensor.DType, error) {
	switch s {
	case keepDType:
		return tensor.Invalid, nil
	case "float32", "f32":
		return tensor.F32, nil
	case "bfloat16", "bf16":
		return tensor.BF16, nil
	case "float16", "f16":
		return tensor.F16, nil
	case "float64", "f64":
		return tensor.F64, nil
	}
	return tensor.Invalid, fault.Usagef("--dtype: wanted float32, bfloat16, float16, float64 or keep, found %q", s)
}

// converted is what is to be written, lazily.
func converted(h format.Handle, dtype tensor.DType) (src format.Source, err error) {
	src = h
	if _, ok := format.GGUF(h); ok {
		if src, err = convert.FromGGUF(h); err != nil {
			return nil, err
		}
	}
	if dtype == tensor.Invalid {
		return src, nil
	}
	return convert.Cast(src, dtype)
}

// sourcePath is what the output must not touch: the directory of a model file that was opened with the files beside it.
func sourcePath(path string, h format.Handle) string {
	st, err := os.Stat(path)
	_, config := format.ReadFile(h, "config.json")
	if err == nil && !st.IsDir() && config {
		return filepath.Dir(path)
	}
	return path
}

// convertAnswer is what convert prints.
type convertAnswer struct {
	Schema  int      `json:"schema"`
	Source  string   `json:"source"`
	Output  string   `json:"output"`
	Written bool     `json:"written"`
	Bytes   int64    `json:"bytes"`
	Tensors int      `json:"tensors"`
	Params  int64    `json:"parameters"`
	DTypes  []string `json:"dtypes"`
	Files   []string `json:"files"`
	Free    int64    `json:"free_disk,omitempty"`
	Memory  int64    `json:"memory,omitempty"`
}

func describeConvert(src, dst string, out format.Source) (a convertAnswer, err error) {
	a = convertAnswer{Schema: 1, Source: src, Output: dst, Tensors: len(out.Names())}
	if a.Params, err = parameters(out); err != nil {
		return a, err
	}
	for _, name := range out.Names() {
		t, err := out.Tensor(name)
		if err != nil {
			return a, err
		}
		if d := t.Info().DType.String(); !slices.Contains(a.DTypes, d) {
			a.DTypes = append(a.DTypes, d)
		}
	}
	slices.Sort(a.DTypes)
	return a, nil
}

// dryConvert prints what would be written, and then refuses what writing would refuse.
func dryConvert(u *ui, src, dst string, out format.Source, o format.WriteOptions) error {
	a, err := describeConvert(src, dst, out)
	if err != nil {
		return err
	}
	need, err := format.Measure(dst, out, o)
	if err != nil {
		return err
	}
	a.Bytes, a.Free, a.Memory, a.Files = need.Bytes, need.Free, memoryBound, need.Files
	if !strings.HasSuffix(dst, ".safetensors") {
		for name := range out.Files() {
			a.Files = append(a.Files, name)
		}
	}
	if err := u.answer(a, func(w io.Writer) { printConvert(w, a) }); err != nil {
		return err
	}
	return format.Admit(dst, out, o)
}

func writeConvert(u *ui, c *cli.Context, src, dst string, out format.Source, o format.WriteOptions) error {
	a, err := describeConvert(src, dst, out)
	if err != nil {
		return err
	}
	total, err := format.Bytes(out)
	if err != nil {
		return err
	}
	bar := u.progressBytes("converting", total)
	o.Progress = bar.set
	written, err := format.Write(c.Context, dst, out, o)
	bar.finish()
	if err != nil {
		return err
	}
	a.Output, a.Written, a.Bytes, a.Files = written.Path, true, written.Bytes, written.Files
	return u.answer(a, func(w io.Writer) { printConvert(w, a) })
}

func printConvert(w io.Writer, a convertAnswer) {
	_, _ = fmt.Fprintf(w, "%s: %d tensors, %s parameters, %s, %s\n", a.Output, a.Tensors, countText(a.Params), strings.Join(a.DTypes, " "), bytesText(a.Bytes))
	_, _ = fmt.Fprintf(w, "files     %s\n", strings.Join(a.Files, ", "))
	if !a.Written {
		_, _ = fmt.Fprintf(w, "disk      %s free\nmemory    at most %s\n", bytesText(a.Free), bytesText(a.Memory))
	}
}

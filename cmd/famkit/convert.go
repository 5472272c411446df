package main

import (
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"famkit/internal/fault"
	"famkit/internal/job"
	"famkit/internal/tensor"
	"famkit/internal/units"
)

const convertDescription = `Writes a checkpoint again in another form: a GGUF file as a Hugging
Face directory with its config and tokenizer, another dtype, other shards. What does not change is
copied byte for byte, and computes the same function. A shorter --dtype rounds each number to the
nearest that it has, so that the function changes a little; the answer counts them. Quantised GGUF
tensors (Q8_0, Q4_0, Q4_1) become exactly the float32 numbers that they stand for, unless --dtype
says otherwise. A DST that ends in .safetensors is one file without config and tokenizer.

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
		Flags: append([]cli.Flag{choice("dtype", keepDType, "type of the floating point tensors", dtypeNames(keepDType)...).
			alias(shortDTypes...)}, outputFlags()...),
		Action: func(c *cli.Context) error { return runConvert(u, c) },
	}
}

func runConvert(u *ui, c *cli.Context) error {
	if c.NArg() != 2 {
		return fault.Hint(fault.Usagef("convert takes SRC and DST, %d operands given", c.NArg()), "famkit convert --help")
	}
	shard, err := units.ParseBytes(c.String("max-shard"))
	if err != nil {
		return fault.Usagef("--max-shard: %w", err)
	}
	r, err := job.Convert(c.Context, job.ConvertOptions{Source: c.Args().Get(0), Destination: c.Args().Get(1),
		DType:    parseDType(c.String("dtype")),
		MaxShard: shard, Force: c.Bool("force"), DryRun: c.Bool("dry-run")}, u.observe())
	return u.result(r, err, func(w io.Writer) { printConvert(w, r) })
}

// dtypes are the types that a checkpoint can be stored as, by PyTorch's name and the short one.
var dtypes = []struct {
	name, short string
	dtype       tensor.DType
}{
	{"float32", "f32", tensor.F32},
	{"bfloat16", "bf16", tensor.BF16},
	{"float16", "f16", tensor.F16},
	{"float64", "f64", tensor.F64},
}

// shortDTypes are the types' short names.
var shortDTypes = func() (list []string) {
	for _, d := range dtypes {
		list = append(list, d.short)
	}
	return list
}()

// dtypeNames are PyTorch's names and what else a flag takes.
func dtypeNames(more ...string) (list []string) {
	for _, d := range dtypes {
		list = append(list, d.name)
	}
	return append(list, more...)
}

// parseDType reads a type by PyTorch's name or its short form; Invalid stands for keep.
func parseDType(s string) tensor.DType {
	for _, d := range dtypes {
		if s == d.name || s == d.short {
			return d.dtype
		}
	}
	return tensor.Invalid
}

func printConvert(w io.Writer, a *job.Converted) {
	say(w, "%s: %d tensors, %s parameters, %s, %s\n", a.Output, a.Tensors, units.Count(a.Params),
		strings.Join(a.DTypes, " "), units.Bytes(a.Bytes))
	say(w, "files     %s\n", strings.Join(a.Files, ", "))
	switch {
	case a.Rounded > 0:
		say(w, "function  near its source's: %s of %s numbers are rounded, each to the nearest of %s\n",
			units.Count(a.Rounded), units.Count(a.Params), strings.Join(a.DTypes, " "))
	case a.Written:
		say(w, "function  its source's: every number is as it was\n")
	}
	if !a.Written {
		say(w, "disk      %s free\nmemory    at most %s\n", units.Bytes(a.Free), units.Bytes(a.Memory))
	}
}

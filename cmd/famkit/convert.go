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
	shard, err := units.ParseBytes(c.String("max-shard"))
	if err != nil {
		return fault.Usagef("--max-shard: %w", err)
	}
	r, err := job.Convert(c.Context, job.ConvertOptions{Source: c.Args().Get(0), Destination: c.Args().Get(1), DType: dtype,
		MaxShard: shard, Force: c.Bool("force"), DryRun: c.Bool("dry-run")}, u.observe())
	return u.result(r, err, func(w io.Writer) { printConvert(w, r) })
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

func printConvert(w io.Writer, a *job.Converted) {
	say(w, "%s: %d tensors, %s parameters, %s, %s\n", a.Output, a.Tensors, countText(a.Params), strings.Join(a.DTypes, " "), bytesText(a.Bytes))
	say(w, "files     %s\n", strings.Join(a.Files, ", "))
	if !a.Written {
		say(w, "disk      %s free\nmemory    at most %s\n", bytesText(a.Free), bytesText(a.Memory))
	}
}

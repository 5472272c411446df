package main

import (
	"github.com/urfave/cli/v2"

	"famkit/expand"
	"famkit/internal/growth"
)

// Headings of expand's flags.
const (
	sizesCategory  = "Sizes"
	howCategory    = "How it grows"
	outputCategory = "Output"
)

// sizeFlags say what grows.
func sizeFlags() []cli.Flag {
	size := func(name, usage string, aliases ...string) cli.Flag {
		return &cli.StringFlag{Name: name, Aliases: aliases, Category: sizesCategory, Usage: usage}
	}
	return []cli.Flag{
		size("depth", "layers: `SIZE`, such as 2x, +4 or 24", "layers"),
		size("width", "hidden, ffn, heads and kv heads together: `SIZE`, such as 2x"),
		size("hidden", "hidden size: `SIZE`, such as 768"),
		size("ffn", "intermediate size of the MLP: `SIZE`, such as x1.5"),
		size("heads", "query heads: `SIZE`, such as 12; kv heads are kept unless --kv is given"),
		size("kv", "key/value heads with their query heads: `SIZE`, such as 4"),
		size("head-dim", "elements of each head: `SIZE`, such as 2x; a whole multiple where there is a rotary embedding"),
		size("vocab", "vocabulary: `SIZE`, such as 50304; new rows hold the mean of the old rows"),
		&cli.IntFlag{Name: "vocab-multiple", Category: sizesCategory,
			DefaultText: "any size",
			Usage:       "round the vocabulary up to a multiple of `N`, such as 64"},
		&cli.BoolFlag{Name: "vocab-zero", Category: sizesCategory,
			Usage: "new rows of the vocabulary hold zero instead of the mean of the old rows"},
		size("positions", "context length: `SIZE`, such as 2x; learned tables are extended"),
		size("experts", "experts: `SIZE`, such as 8; a dense llama, mistral or qwen3 becomes a mixture"),
		size("top-k", "experts that a token uses: `SIZE`, such as 2"),
		size("expert-ffn", "intermediate size of each expert: `SIZE`, such as 2x"),
		size("like", "grow to the sizes of another model: its folder or config.json, `PATH`, such as big/"),
		size("params", "propose sizes for a number of parameters: `N`, such as 2x or 250M"),
	}
}

// growthFlags say how it grows.
func growthFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "method", Category: howCategory,
			Usage: "methods other than the axes' own: `NAMES`, such as lemon,stack; see famkit help growth"},
		&cli.StringFlag{Name: "place", Value: string(expand.Interleave), Category: howCategory,
			Usage: "where new layers go: `WHERE`: interleave, top, bottom or after:3,7"},
		choice("silent", "zero", "how new layers add nothing", "zero", "pairs").in(howCategory),
		choice("new", "copy", "what new layers read with, a neighbour's weights or random ones", "copy", "fresh").
			in(howCategory),
		choice("split", string(growth.SplitChoice), "how the copies of a neuron share what reads them",
			splitNames()...).in(howCategory),
		&cli.IntFlag{Name: "mlp-parts", Aliases: []string{"shards"}, Value: 1, Category: howCategory,
			Usage: "with --experts of a dense model: cut the MLP into `N` parts, each copied into experts"},
		&cli.StringFlag{Name: "rope", Category: howCategory, Usage: "another rotary scaling, which changes the function: " +
			"`TYPE:FACTOR`, such as linear:2; dynamic, yarn and llama3 scale from the context that the parent has"},
		&cli.BoolFlag{Name: "allow-inexact", Category: howCategory,
			Usage: "allow growths that change the function by a term that the plan names"},
		choice("optimizer", "", "what becomes of a training's optimizer state",
			string(expand.KeepState), string(expand.AsymmetricState), string(expand.ResetState),
			string(expand.DropState)).otherwise("keep, where there is one").in(howCategory),
		&cli.Uint64Flag{Name: "seed", Category: howCategory, Usage: "seed of all that is drawn: `N`"},
	}
}

func expandOutputFlags() []cli.Flag {
	return append(outputFlags(), &cli.BoolFlag{Name: "tensors", Category: outputCategory,
		Usage: "with -n: list what each tensor is made of"})
}

// outputFlags are what commands that write a checkpoint take.
func outputFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "max-shard", Category: outputCategory, Value: "50GB",
			Usage: "largest weights file: `SIZE`, such as 5GB"},
		&cli.BoolFlag{Name: "force", Aliases: []string{"f"}, Category: outputCategory, Usage: "replace DST"},
		&cli.BoolFlag{Name: "dry-run", Aliases: []string{"n"}, Category: outputCategory,
			Usage: "print what would be written, with bytes, free disk and memory; write nothing"},
	}
}

func splitNames() []string {
	var names []string
	for _, s := range growth.Splits {
		names = append(names, string(s))
	}
	return names
}

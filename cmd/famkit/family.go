package main

import (
	"time"

	"github.com/urfave/cli/v2"

	"famkit/internal/family"
	"famkit/internal/fault"
	"famkit/internal/units"
)

const familyDescription = `Makes a family of models from one recipe, a TOML file: the smallest
member is trained, grown, the growth proved, trained on, up to the largest (arXiv 2504.00623).
docs/family.md goes through it from an empty folder.`

func familyCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:        "family",
		Usage:       "plan, train and report a family of models from one recipe",
		Description: familyDescription + exitStatus,
		Subcommands: []*cli.Command{familyInitCommand(u), familyPlanCommand(u), familyRunCommand(u), familyStatusCommand(u),
			familyReportCommand(u)},
		Action: func(c *cli.Context) error { return u.page(commandHelp(c.Command, []string{"family"})) },
	}
}

const familyInitDescription = `Writes a recipe with a comment for each key. The smallest member is
a Llama type of about --params parameters, or the model of --config; each other one is --factor
times as large as the one before.

Examples:
   famkit family init recipe.toml --data text/ --params 1M --members 3
   famkit family init recipe.toml --data src/ --ext '.go,!_test.go' --vocab 4096
   famkit family init recipe.toml --data text/ --config config.json --tokenizer tok/ --factor 1.5`

func familyInitCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:        "init",
		Usage:       "write a recipe",
		ArgsUsage:   "RECIPE",
		Description: familyInitDescription + exitStatus,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "name", Value: "family", Usage: "of the family: `NAME`"},
			&cli.StringSliceFlag{Name: "data", Usage: "what is trained on, seen from the recipe's folder: `PATH` (may be " +
				"repeated), such as text/"},
			&cli.StringFlag{Name: "ext", Usage: "in folders take names with these endings: `LIST` such as .go,.md,!_test.go"},
			&cli.StringFlag{Name: "eval", Usage: "held-out data: `PATH`, such as held-out.txt"},
			&cli.Float64Flag{Name: "eval-fraction", Value: 0.01, Usage: "without --eval hold out this part of the rows"},
			&cli.StringFlag{Name: "tokenizer", Usage: "take the tokenizer of a folder: `DIR`, such as tok/"},
			&cli.IntFlag{Name: "vocab", Value: 4096, Usage: "make a tokenizer of `N` tokens of the data"},
			&cli.StringFlag{Name: "config", Usage: "config.json of the smallest member: `PATH`, such as small/config.json"},
			&cli.StringFlag{Name: "params", Value: "1M", Usage: "about so many parameters of the smallest member: `N`, such " +
				"as 1M or 1B"},
			&cli.BoolFlag{Name: "nominal", Usage: "let budgets count --params and its multiples, not what the shapes have"},
			&cli.IntFlag{Name: "members", Value: 3, Usage: "models of the family: `K`"},
			&cli.Float64Flag{Name: "factor", Value: 2, Usage: "by how much each is larger than the one before"},
			&cli.Float64Flag{Name: "tokens-per-parameter", Value: 20, Usage: "that a member trained alone gets: `N`"},
			choice("schedule", family.Trunk, "members are decays off a trunk, or each stage decays and then grows", family.Trunk,
				family.Decayed),
			&cli.BoolFlag{Name: "independent", Usage: "train each member from random weights too, to compare"},
			&cli.Float64Flag{Name: "lr", Value: 1e-3, Usage: "peak learning rate of the smallest member"},
			&cli.IntFlag{Name: "batch", Value: 8, Usage: "rows of a micro-batch: `N`"},
			&cli.IntFlag{Name: "seq", Value: 256, Usage: "tokens of a row: `N`"},
			&cli.IntFlag{Name: "accum", Value: 1, Usage: "micro-batches of a step: `N`"},
			&cli.BoolFlag{Name: "force", Aliases: []string{"f"}, Usage: "replace RECIPE"},
		},
		Action: func(c *cli.Context) error { return runFamilyInit(u, c) },
	}
}

func runFamilyInit(u *ui, c *cli.Context) error {
	if c.NArg() != 1 {
		return fault.Hint(fault.Usagef("family init takes the recipe to write, %d operands given", c.NArg()),
			"famkit family init --help")
	}
	if len(c.StringSlice("data")) == 0 {
		return fault.Usagef("--data is missing")
	}
	params, err := units.ParseCount(c.String("params"))
	if err != nil {
		return fault.Usagef("--params: %w", err)
	}
	o := family.InitOptions{Path: c.Args().First(), Name: c.String("name"), Data: c.StringSlice("data"),
		Ext:  c.String("ext"),
		Eval: c.String("eval"), EvalFraction: c.Float64("eval-fraction"), Tokenizer: c.String("tokenizer"),
		Vocab:  c.Int("vocab"),
		Config: c.String("config"), Params: float64(params), Nominal: c.Bool("nominal"), Members: c.Int("members"),
		Factor: c.Float64("factor"), TokensPerParameter: c.Float64("tokens-per-parameter"), Schedule: c.String("schedule"),
		Independent: c.Bool("independent"), LR: c.Float64("lr"), Batch: c.Int("batch"), Seq: c.Int("seq"),
		Accum: c.Int("accum"),
		Force: c.Bool("force")}
	r, err := family.Init(o)
	if err != nil {
		return err
	}
	return u.answer(r, familyInitText(r))
}

const familyPlanDescription = `Shows what a family takes, before anything is trained: tokens,
operations, time, disk and memory of each stage, the family that grows beside the same members
trained alone, and what growing saves. Time comes from a measurement of this machine, or from GPUs
of a kind (--gpu, --count, --mfu). Without a recipe, and given operations, GPU hours or days, it
answers the other way round: which family that buys.

Examples:
   famkit family plan recipe.toml
   famkit family plan recipe.toml --gpu h100 --count 64 --mfu 0.4
   famkit family plan --flops 7.68e21 --members 4
   famkit family plan --gpu-hours 1000 --gpu h100
   famkit family plan --days 2`

func familyPlanCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:        "plan",
		Usage:       "show what a family takes, or which family a budget buys",
		ArgsUsage:   "[RECIPE]",
		Description: familyPlanDescription + exitStatus,
		Flags: []cli.Flag{
			choice("gpu", "", "reckon time with GPUs of this kind", family.GPUKinds()...).otherwise("this machine, measured"),
			&cli.IntFlag{Name: "count", Value: 1, Usage: "of GPUs: `N`"},
			&cli.Float64Flag{Name: "mfu", Value: 0.4, Usage: "part of the GPUs' dense bfloat16 peak that training reaches"},
			&cli.Float64Flag{Name: "flops", Usage: "which family do so many operations buy: `N`, such as 1e21"},
			&cli.Float64Flag{Name: "gpu-hours", Usage: "which family do so many hours of one --gpu buy: `N`"},
			&cli.Float64Flag{Name: "days", Usage: "which family do so many days of this machine, or of --count GPUs, buy: `N`"},
			&cli.IntFlag{Name: "members", Value: 4, Usage: "of that family: `K`"},
			&cli.Float64Flag{Name: "factor", Value: 2, Usage: "by how much each is larger than the one before"},
			&cli.Float64Flag{Name: "tokens-per-parameter", Value: 20, Usage: "that a member trained alone gets: `N`"},
		},
		Action: func(c *cli.Context) error { return runFamilyPlan(u, c) },
	}
}

// probeTime is how long the speed of this machine is measured for each member.
const probeTime = 500 * time.Millisecond

func runFamilyPlan(u *ui, c *cli.Context) error {
	if c.NArg() == 0 && (c.IsSet("flops") || c.IsSet("gpu-hours") || c.IsSet("days")) {
		return runAfford(u, c)
	}
	if c.NArg() != 1 {
		return fault.Hint(fault.Usagef("family plan takes a recipe, %d operands given", c.NArg()),
			"famkit family plan --help")
	}
	for _, name := range []string{"flops", "gpu-hours", "days", "members", "factor", "tokens-per-parameter"} {
		if c.IsSet(name) {
			return fault.Usagef("--%s goes without a recipe: the recipe says it", name)
		}
	}
	r, err := family.Read(c.Args().First())
	if err != nil {
		return err
	}
	if _, err := family.MakePlan(r, nil); err != nil { // before the machine is measured
		return err
	}
	speed, err := familySpeed(u, c, r)
	if err != nil {
		return err
	}
	p, err := family.MakePlan(r, speed)
	if err != nil {
		return err
	}
	for _, w := range p.Warnings {
		u.warn("%s", w)
	}
	return u.answer(p, familyPlanText(p))
}

// familySpeed is that of the GPUs that were named, or is measured here.
func familySpeed(u *ui, c *cli.Context, r *family.Recipe) (*family.Speed, error) {
	if c.IsSet("gpu") {
		return family.GPUs(c.String("gpu"), c.Float64("mfu"), c.Int("count"))
	}
	if c.IsSet("mfu") || c.IsSet("count") {
		return nil, fault.Usagef("--mfu and --count go with --gpu")
	}
	u.note("measuring this machine")
	return family.Measure(c.Context, r, probeTime)
}

// runAfford answers which family a budget buys.
func runAfford(u *ui, c *cli.Context) error {
	b := family.Spend{FLOPs: c.Float64("flops"), GPUHours: c.Float64("gpu-hours"), Days: c.Float64("days"),
		GPU:   c.String("gpu"),
		Count: c.Int("count"), MFU: c.Float64("mfu")}
	flops, from, err := b.Operations(c.Context, probeTime)
	if err != nil {
		return err
	}
	a, err := family.Afford(flops, c.Int("members"), c.Float64("factor"), c.Float64("tokens-per-parameter"), from)
	if err != nil {
		return err
	}
	return u.answer(a, affordText(a))
}

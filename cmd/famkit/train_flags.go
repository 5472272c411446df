package main

import (
	"github.com/urfave/cli/v2"

	"famkit/internal/trainstate"
)

// trainFlags are the flags of famkit train. Those that are settings have the settings' names.
func trainFlags(d trainstate.Settings) []cli.Flag {
	var list []cli.Flag
	for _, g := range []flagGroup{{"Data", dataFlags(d)}, {"Length", lengthFlags(d)}, {"Optimizer", rateFlags(d)},
		{"Evaluation, saving and log", evalFlags()}, {"Run", runFlags(d)}} {
		for _, f := range g.flags {
			list = append(list, under(g.heading, f))
		}
	}
	return list
}

func dataFlags(d trainstate.Settings) []cli.Flag {
	list := []cli.Flag{
		&cli.StringSliceFlag{Name: "data",
			Usage: "text, folder of text, token files or recorded batches: `PATH`, such as text/ (may be repeated)"},
	}
	list = append(list, readingFlags()...)
	return append(list,
		&cli.StringFlag{Name: "tokenizer", Usage: "tokenizer.json, or the folder that has it; copied into OUT: `PATH`, " +
			"such as model/"},
		&cli.StringFlag{Name: "init", Usage: "train a new model of this configuration: `PATH`, such as config.json"},
		&cli.Uint64Flag{Name: "seed", Value: d.Seed, Usage: "of the data's order and of new weights: `N`"})
}

// readingFlags say how data is read.
func readingFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "ext",
			Usage: "in folders take names with these endings, not those after a !: `LIST`, such as .go,.md,!_test.go"},
		&cli.StringFlag{Name: "text-field", DefaultText: "text", Usage: "field of JSON rows that holds their text: `NAME`"},
		&cli.BoolFlag{Name: "as-text", Usage: "take JSON and tables as they stand"},
		&cli.StringFlag{Name: "separator", DefaultText: "the end of text",
			Usage: "what follows each document: `TOKEN`, by its text or its id, such as 0"},
		choice("token-dtype", "", "what raw token files hold", "uint16", "uint32"),
	}
}

func lengthFlags(d trainstate.Settings) []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "steps", DefaultText: "one pass over the data",
			Usage: "updates: `N`, such as 1000; 0 trains nothing and evaluates"},
		&cli.Float64Flag{Name: "epochs", DefaultText: "1", Usage: "passes over the data, instead of steps: `N`, such as 2"},
		&cli.StringFlag{Name: "tokens", Usage: "tokens to train on, instead of steps: `N`, such as 20M or 1.5B"},
		&cli.Float64Flag{Name: "flops", DefaultText: "any",
			Usage: "operations to spend, instead of steps: `N`, such as 1e15"},
		&cli.IntFlag{Name: "batch", Value: d.Batch, Usage: "rows of a micro-batch: `N`"},
		&cli.IntFlag{Name: "seq", Value: d.Seq, Usage: "tokens of a row: `N`"},
		&cli.IntFlag{Name: "accum", Value: d.Accum, Usage: "micro-batches of a step: `N`"},
	}
}

func rateFlags(d trainstate.Settings) []cli.Flag {
	return []cli.Flag{
		&cli.Float64Flag{Name: "lr", Value: d.LR, Usage: "peak learning rate: `RATE`"},
		choice("schedule", d.Schedule, "of the learning rate; wsd is constant, then a linear decay", "constant", "cosine",
			"wsd"),
		&cli.StringFlag{Name: "decay-from", DefaultText: "no branch",
			Usage: "OUT decays from this `STEP` of MODEL's training to its end, such as 5000 or now"},
		&cli.IntFlag{Name: "warmup", Value: d.Warmup, DefaultText: "a twentieth of the steps, at most 100",
			Usage: "steps of linear warm-up: `N`"},
		&cli.Float64Flag{Name: "min-lr", Value: d.MinLR,
			Usage: "learning rate at the end of cosine and wsd, a fraction of the peak"},
		&cli.Float64Flag{Name: "decay-fraction", Value: d.DecayFraction, Usage: "part of the steps in which wsd decays"},
		&cli.Float64Flag{Name: "hand-over", DefaultText: "none",
			Usage: "after a growth, part of the steps in which blocks hand half of what they write to their silent copies: " +
				"`X`, such as 0.03"},
		&cli.Float64Flag{Name: "weight-decay", Value: d.WeightDecay,
			Usage: "decoupled decay of tensors of two or more dimensions"},
		&cli.Float64Flag{Name: "beta1", Value: d.Beta1, Usage: "AdamW's first moment"},
		&cli.Float64Flag{Name: "beta2", Value: d.Beta2, Usage: "AdamW's second moment"},
		&cli.Float64Flag{Name: "eps", Value: d.Eps, Usage: "AdamW's epsilon"},
		choice("train-only", "", "after a growth, train the blocks that it added and leave the rest alone", "new").
			otherwise("all is trained"),
		&cli.Float64Flag{Name: "clip", Value: d.Clip, Usage: "largest global gradient norm, 0: any"},
	}
}

func evalFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "eval",
			Usage: "held-out data, of the same kinds: `[NAME=]PATH`, such as code=src.txt (may be repeated)"},
		&cli.Float64Flag{Name: "eval-fraction", DefaultText: "none",
			Usage: "hold out this `PART` of the training data's rows, such as 0.01"},
		&cli.IntFlag{Name: "eval-every", DefaultText: "before the first step and at the end",
			Usage: "evaluate also every `N` steps, such as 100"},
		&cli.IntFlag{Name: "save-every", DefaultText: "at the end", Usage: "save also every `N` steps, such as 500"},
		&cli.IntFlag{Name: "keep", DefaultText: "none", Usage: "keep the newest `N` checkpoints in OUT.kept, such as 3"},
		&cli.IntFlag{Name: "keep-every", DefaultText: "none",
			Usage: "save and keep those of every `N`-th step, such as 1000"},
		&cli.StringFlag{Name: "log",
			Usage: "write one JSON object a step to `FILE`, such as log.jsonl, - for standard output; a resumed training " +
				"goes on with its own"},
	}
}

func runFlags(d trainstate.Settings) []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "resume", Usage: "go on with the training in OUT, or with MODEL's in a new OUT"},
		&cli.BoolFlag{Name: "change", Usage: "with --resume: settings given here replace those of the training"},
		&cli.BoolFlag{Name: "fresh-optimizer", Usage: "leave MODEL's optimizer state behind"},
		&cli.BoolFlag{Name: "erase", Usage: "let the training in OUT go"},
		&cli.BoolFlag{Name: "force", Aliases: []string{"f"}, Usage: "replace an OUT that is no training, and a log"},
		engineFlag(d.Engine),
		choice("precision", "", "of the arithmetic; bf16 is for inputs of matrix products, f64 needs engine ref",
			"f32", "bf16", "f64").otherwise("the engine's own"),
		&cli.IntFlag{Name: "threads", DefaultText: "one per processor", Usage: "threads of the engine: `N`"},
		choice("dtype", "", "type of the saved weights",
			dtypeNames()...).alias(shortDTypes...).otherwise("that of the input"),
		&cli.BoolFlag{Name: "dry-run", Aliases: []string{"n"},
			Usage: "read the data, print what would be done; train nothing"},
	}
}

func trainSettings(c *cli.Context) trainstate.Settings {
	s := trainstate.Settings{
		Data: c.StringSlice("data"), Ext: c.String("ext"), TokenDType: c.String("token-dtype"),
		TextField: c.String("text-field"),
		AsText:    c.Bool("as-text"), Separator: c.String("separator"), Seed: c.Uint64("seed"),
		Steps: c.Int("steps"), Batch: c.Int("batch"), Seq: c.Int("seq"), Accum: c.Int("accum"),
		LR: c.Float64("lr"), Schedule: c.String("schedule"), Warmup: c.Int("warmup"), MinLR: c.Float64("min-lr"),
		DecayFraction: c.Float64("decay-fraction"), WeightDecay: c.Float64("weight-decay"), HandOver: c.Float64("hand-over"),
		TrainOnly: c.String("train-only"),
		Beta1:     c.Float64("beta1"), Beta2: c.Float64("beta2"), Eps: c.Float64("eps"), Clip: c.Float64("clip"),
		EvalEvery: c.Int("eval-every"), EvalFraction: c.Float64("eval-fraction"),
		SaveEvery: c.Int("save-every"), Keep: c.Int("keep"), KeepEvery: c.Int("keep-every"),
		Engine: c.String("engine"), Precision: c.String("precision"), Threads: c.Int("threads"), DType: c.String("dtype"),
	}
	s.Eval, s.MoreEval = evalSets(c.StringSlice("eval"))
	return s
}

// evalSets are the first set and the others.
func evalSets(list []string) (first string, more []string) {
	if len(list) == 0 {
		return "", nil
	}
	return list[0], list[1:]
}

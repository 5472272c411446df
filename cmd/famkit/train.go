package main

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"famkit/internal/fault"
	"famkit/internal/trainstate"
	"famkit/train"
)

const trainDescription = `Trains MODEL on and writes OUT, a Hugging Face directory with the optimizer's state beside the weights. With --init a
config.json gives a new model instead. DATA is text (a file, or a folder: --ext chooses by suffix), tokenised by the model's
tokenizer.json; or raw token files (--token-dtype, or llm.c's .bin); or a .safetensors file with a tensor "tokens" [steps, batch, seq+1],
whose batches are replayed as they are. The order of rows is a function of --seed, the epoch and the index.

Ctrl-C or SIGTERM finishes the micro-batch, saves and exits 130 or 143; the training goes on with --resume, bit for bit as if it had
not stopped. A second signal ends it at once.

Examples:
   famkit train grown/ trained/ --data text/ --ext .md,.txt --steps 1000 --batch 8 --seq 512
   famkit train grown/ trained/ --data src/ --ext '.go,!_test.go' --eval-fraction 0.01 --eval-every 100 --log log.jsonl
   famkit train --init config.json new/ --tokenizer model/ --data text/ --schedule wsd
   famkit train trained/ --resume
   famkit train grown/ trained/ --data text/ -n`

func trainCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:        "train",
		Usage:       "train a model, and resume a training",
		ArgsUsage:   "[MODEL] OUT",
		Description: trainDescription + exitStatus,
		Flags:       trainFlags(trainstate.Defaults()),
		Action:      func(c *cli.Context) error { return runTrain(u, c) },
	}
}

func trainFlags(d trainstate.Settings) []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "data", Usage: "text, folder of text, token files or recorded batches: `PATH` (may be repeated)"},
		&cli.StringFlag{Name: "ext", Usage: "in folders take names with these endings, not those after a !: `LIST` such as .go,.md,!_test.go"},
		&cli.StringFlag{Name: "token-dtype", Usage: "raw token files hold `uint16` or uint32"},
		&cli.StringFlag{Name: "tokenizer", Usage: "tokenizer.json, or the folder that has it; copied into OUT: `PATH`"},
		&cli.StringFlag{Name: "init", Usage: "train a new model of this `CONFIG.json`"},
		&cli.IntFlag{Name: "steps", Usage: "updates: `N` (default: one pass over the data)"},
		&cli.IntFlag{Name: "batch", Value: d.Batch, Usage: "rows of a micro-batch: `N`"},
		&cli.IntFlag{Name: "seq", Value: d.Seq, Usage: "tokens of a row: `N`"},
		&cli.IntFlag{Name: "accum", Value: d.Accum, Usage: "micro-batches of a step: `N`"},
		&cli.Float64Flag{Name: "lr", Value: d.LR, Usage: "peak learning rate"},
		&cli.StringFlag{Name: "schedule", Value: d.Schedule, Usage: "of the learning rate: constant, cosine or wsd (constant, then a linear decay)"},
		&cli.IntFlag{Name: "warmup", Value: d.Warmup, DefaultText: "a twentieth of the steps, at most 100", Usage: "steps of linear warm-up: `N`"},
		&cli.Float64Flag{Name: "min-lr", Value: d.MinLR, Usage: "learning rate at the end of cosine and wsd, a fraction of the peak"},
		&cli.Float64Flag{Name: "decay-fraction", Value: d.DecayFraction, Usage: "part of the steps in which wsd decays"},
		&cli.Float64Flag{Name: "weight-decay", Value: d.WeightDecay, Usage: "decoupled decay of tensors of two or more dimensions"},
		&cli.Float64Flag{Name: "beta1", Value: d.Beta1, Usage: "AdamW's first moment"},
		&cli.Float64Flag{Name: "beta2", Value: d.Beta2, Usage: "AdamW's second moment"},
		&cli.Float64Flag{Name: "eps", Value: d.Eps, Usage: "AdamW's epsilon"},
		&cli.Float64Flag{Name: "clip", Value: d.Clip, Usage: "largest global gradient norm, 0: any"},
		&cli.Uint64Flag{Name: "seed", Value: d.Seed, Usage: "of the data's order and of new weights"},
		&cli.StringFlag{Name: "eval", Usage: "held-out data, of the same kinds: `PATH`"},
		&cli.Float64Flag{Name: "eval-fraction", Usage: "hold out this part of the training data's rows"},
		&cli.IntFlag{Name: "eval-every", Usage: "evaluate every `N` steps, not only before and after"},
		&cli.IntFlag{Name: "save-every", Usage: "save every `N` steps, not only at the end"},
		&cli.BoolFlag{Name: "resume", Usage: "continue the training saved in OUT"},
		&cli.StringFlag{Name: "log", Usage: "write one JSON object a step to `FILE`"},
		&cli.StringFlag{Name: "engine", Value: d.Engine, Usage: "auto, cpu or ref"},
		&cli.StringFlag{Name: "precision", DefaultText: "the engine's own", Usage: "f32, bf16 (inputs of matrix products) or f64 (engine ref)"},
		&cli.IntFlag{Name: "threads", DefaultText: "one per processor", Usage: "threads of the engine: `N`"},
		&cli.StringFlag{Name: "dtype", DefaultText: "that of the input", Usage: "type of the saved weights: float32, bfloat16, float16 or float64"},
		&cli.BoolFlag{Name: "force", Aliases: []string{"f"}, Usage: "replace OUT; resume though settings that matter have changed"},
		&cli.BoolFlag{Name: "dry-run", Aliases: []string{"n"}, Usage: "read the data, print settings and memory; train nothing"},
	}
}

func runTrain(u *ui, c *cli.Context) error {
	o, err := trainOptions(c)
	if err != nil {
		return err
	}
	show := newTrainView(u)
	res, err := train.Run(c.Context, o, show.event)
	show.close()
	if err != nil {
		return err
	}
	return u.answer(trainAnswer{1, res}, func(w io.Writer) { printTrained(w, res) })
}

type trainAnswer struct {
	Schema int `json:"schema"`
	*train.Result
}

func trainOptions(c *cli.Context) (train.Options, error) {
	o := train.Options{Init: c.String("init"), Tokenizer: c.String("tokenizer"), Given: c.IsSet,
		Resume: c.Bool("resume"), Force: c.Bool("force"), DryRun: c.Bool("dry-run"), Log: c.String("log")}
	o.Settings = trainstate.Settings{Data: c.StringSlice("data"), Ext: c.String("ext"), TokenDType: c.String("token-dtype"),
		Steps: c.Int("steps"), Batch: c.Int("batch"), Seq: c.Int("seq"), Accum: c.Int("accum"),
		LR: c.Float64("lr"), Schedule: c.String("schedule"), Warmup: c.Int("warmup"), MinLR: c.Float64("min-lr"), DecayFraction: c.Float64("decay-fraction"),
		WeightDecay: c.Float64("weight-decay"), Beta1: c.Float64("beta1"), Beta2: c.Float64("beta2"), Eps: c.Float64("eps"), Clip: c.Float64("clip"),
		Seed: c.Uint64("seed"), Eval: c.String("eval"), EvalEvery: c.Int("eval-every"), EvalFraction: c.Float64("eval-fraction"), SaveEvery: c.Int("save-every"),
		Engine: c.String("engine"), Precision: c.String("precision"), Threads: c.Int("threads"), DType: c.String("dtype")}
	switch args := c.Args().Slice(); {
	case len(args) == 2 && o.Init == "":
		o.Model, o.Out = args[0], args[1]
	case len(args) == 1 && o.Init != "":
		o.Out = args[0]
	case len(args) == 1 && o.Resume:
		o.Model, o.Out = args[0], args[0]
	default:
		return o, fault.Hint(fault.Usagef("train takes MODEL and OUT, or OUT alone with --init or --resume; %d operands given", len(args)), "famkit train --help")
	}
	return o, nil
}

func printTrained(w io.Writer, r *train.Result) {
	s := r.Settings
	if r.DryRun {
		_, _ = fmt.Fprintf(w, "would train %s parameters for %d steps of %d x %d x %d tokens on %s in %s, %d threads\n",
			countText(r.Params), s.Steps, s.Batch, s.Accum, s.Seq, r.Engine, s.Precision, s.Threads)
		_, _ = fmt.Fprintf(w, "schedule %s to %g, %d steps of warm-up; weights saved as %s\n", s.Schedule, s.LR, s.Warmup, s.DType)
		_, _ = fmt.Fprintf(w, "memory %s, available %s\n", bytesText(r.Memory.Total), bytesText(r.Memory.Available))
		return
	}
	_, _ = fmt.Fprintf(w, "%s: step %d, %s tokens in %.1f s", r.Out, r.Step, countText(r.Tokens), r.Seconds)
	if r.Loss != 0 {
		_, _ = fmt.Fprintf(w, ", loss %.4f", r.Loss)
	}
	if r.EvalLoss != nil {
		_, _ = fmt.Fprintf(w, ", evaluation %.4f", *r.EvalLoss)
	}
	_, _ = fmt.Fprintln(w)
}

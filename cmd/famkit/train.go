package main

import (
	"errors"
	"io"

	"github.com/urfave/cli/v2"

	"famkit/internal/fault"
	"famkit/internal/trainstate"
	"famkit/internal/units"
	"famkit/train"
)

const trainDescription = `Trains MODEL on and writes OUT, a Hugging Face directory with the
optimizer's state beside the weights. With --init a config.json gives a new model instead. -n shows
what would be done and trains nothing.

DATA is text (files, or folders: --ext chooses by suffix), tokenised by the model's tokenizer.json;
or raw token files (--token-dtype, or llm.c's .bin); or a .safetensors file with a tensor "tokens"
[steps, batch, seq+1], whose batches are replayed as they are. Text may be packed by gzip or bzip2.
JSON lines give a document for each row, the field "text" or --text-field. Other JSON, tables and
binaries are refused, and passed over in folders. The order of rows is a function of --seed, the
epoch and the index.

Where MODEL comes from a training, or was grown from one, that training goes on in OUT: the
optimizer's state, every setting that is not given, and the place in the data are taken over. Steps,
schedule and log are OUT's own. --fresh-optimizer leaves the optimizer's state behind.

Four words that each allow one thing:
   --resume   goes on with the training in OUT (or with MODEL's, in a new OUT) with its own
              settings, bit for bit as if it had not stopped. More --steps extend it, also when
              it is finished
   --change   with --resume: settings that are given replace those of the training
   --erase    lets the training in OUT go
   --force    replaces an OUT that is no training

Ctrl-C or SIGTERM finishes the micro-batch, saves and exits 130 or 143. A second signal ends it at
once.

Examples:
   famkit train grown/ trained/ --data text/ --ext .md,.txt --epochs 1 --batch 8 --seq 512
   famkit train grown/ trained/ --data src/ --ext '.go,!_test.go' --eval-fraction 0.01 --log -
   famkit train --init config.json new/ --tokenizer model/ --data text/ --tokens 20M --schedule wsd
   famkit train trained/ --resume --steps 2000
   famkit train model/ --steps 0 --eval held-out.txt
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

func runTrain(u *ui, c *cli.Context) error {
	o, err := trainOptions(u, c)
	if err != nil {
		return err
	}
	show := newTrainView(u)
	res, err := train.Run(c.Context, o, show.event)
	show.close()
	if err != nil {
		return howToGoOn(err)
	}
	if res.NothingToDo {
		u.note("%s", nothingToDo(o, res))
	}
	if o.LogTo != nil { // standard output is the log's
		return u.lastRow(trainAnswer{1, "result", res})
	}
	return u.answer(trainAnswer{1, "", res}, func(w io.Writer) { printTrained(w, res) })
}

// trainAnswer is what train prints.
type trainAnswer struct {
	Schema int    `json:"schema"`
	Type   string `json:"type,omitempty"`
	*train.Result
}

// howToGoOn adds the command that continues a training that was interrupted.
func howToGoOn(err error) error {
	var stop *train.Interrupted
	if errors.As(err, &stop) && stop.Saved {
		return fault.Hint(err, "famkit train %s --resume goes on", shellWord(stop.Out))
	}
	return err
}

func trainOptions(u *ui, c *cli.Context) (train.Options, error) {
	o := train.Options{Init: c.String("init"), Tokenizer: c.String("tokenizer"), Given: c.IsSet, DryRun: c.Bool("dry-run"),
		Log: c.String("log"), DecayFrom: c.String("decay-from"),
		Words: train.Words{Resume: c.Bool("resume"), Change: c.Bool("change"), Erase: c.Bool("erase"), Force: c.Bool("force"),
			FreshOptimizer: c.Bool("fresh-optimizer")}}
	if o.Log == "-" {
		o.Log, o.LogTo = "", u.out
	}
	o.Settings = trainSettings(c)
	o.Budget = train.Budget{Epochs: c.Float64("epochs"), FLOPs: c.Float64("flops")}
	if c.IsSet("tokens") {
		n, err := units.ParseCount(c.String("tokens"))
		if err != nil {
			return o, fault.Usagef("--tokens: %w", err)
		}
		o.Budget.Tokens = n
	}
	onlyEvaluates := c.IsSet("steps") && c.Int("steps") == 0
	switch args := c.Args().Slice(); {
	case len(args) == 2 && o.Init == "":
		o.Model, o.Out = args[0], args[1]
	case len(args) == 1 && o.Init != "":
		o.Out = args[0]
	case len(args) == 1 && o.Resume:
		o.Model, o.Out = args[0], args[0]
	case len(args) == 1 && onlyEvaluates:
		o.Model = args[0]
	default:
		err := fault.Usagef("train takes MODEL and OUT, or OUT alone with --init or --resume; %d operands given", len(args))
		return o, fault.Hint(err, "famkit train --help")
	}
	return o, nil
}

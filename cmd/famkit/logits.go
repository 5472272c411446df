package main

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/urfave/cli/v2"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/decoder"
	"famkit/internal/engine"
	"famkit/internal/fault"
	"famkit/internal/tensor"
)

const logitsDescription = `Runs a model on token ids and writes its logits, for comparing with other programs. The ids are tensor input_ids
[B,T] of type I32 or I64 in a safetensors file, other tensors in it are ignored; OUT gets tensor logits [B,T,V], of type F64
from an engine in float64 and F32 from others. No padding, no mask: every row is one sequence from position 0.

Examples:
   famkit logits model/ --ids ids.safetensors --out logits.safetensors
   famkit logits model/ --ids ids.safetensors --out exact.safetensors --engine ref --precision f64`

// groupRows bounds the rows of one forward pass, where sequences are shorter.
const groupRows = 2048

func logitsCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:        "logits",
		Usage:       "write a model's logits for given token ids",
		ArgsUsage:   "MODEL",
		Description: logitsDescription + exitStatus,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "ids", Usage: "take tensor input_ids [B,T] from safetensors `FILE`"},
			&cli.StringFlag{Name: "out", Usage: "write tensor logits [B,T,V] to `FILE`, which ends in .safetensors"},
			&cli.StringFlag{Name: "engine", Usage: "`auto`, cpu or ref", Value: "auto"},
			&cli.StringFlag{Name: "precision", Usage: "`f64` (engine ref), f32 or bf16 (default: the most exact of the engine)"},
			&cli.IntFlag{Name: "threads", Usage: "threads of the engine (default: one per processor)"},
			&cli.BoolFlag{Name: "force", Aliases: []string{"f"}, Usage: "replace the output"},
		},
		Action: func(c *cli.Context) error { return runLogits(u, c) },
	}
}

func runLogits(u *ui, c *cli.Context) error {
	if err := checkLogitsUsage(c); err != nil {
		return err
	}
	how, err := engineFor(c.String("engine"), c.String("precision"))
	if err != nil {
		return err
	}
	model, idsPath, out := c.Args().First(), c.String("ids"), c.String("out")
	h, ck, err := u.openCheckpoint(model)
	if err != nil {
		return err
	}
	defer func() { _ = h.Close() }()
	if isLone(ck) {
		return fault.Inputf("%s: has no config.json, without which its logits are not defined", model)
	}
	ids, batch, seq, err := readIDs(idsPath)
	if err != nil {
		return err
	}
	if err := inVocabulary(idsPath, ids, seq, ck.Model.Vocab); err != nil {
		return err
	}
	if ck.Model.MaxPos > 0 && seq > ck.Model.MaxPos {
		u.warn("%s: %d tokens are more than the model's max_position_embeddings of %d", idsPath, seq, ck.Model.MaxPos)
	}
	e, err := how.Create(engine.Options{Threads: c.Int("threads")})
	if err != nil {
		return err
	}
	defer func() { _ = e.Close() }()
	l, err := newLogits(e, ck, ids, batch, seq)
	if err != nil {
		return err
	}
	return l.write(u, c, out, format.WriteOptions{Force: c.Bool("force"), Inputs: []string{modelPath(model, ck), idsPath}, Workers: 1, NoDigests: true})
}

func checkLogitsUsage(c *cli.Context) error {
	switch {
	case c.NArg() != 1:
		return fault.Hint(fault.Usagef("logits takes one MODEL, %d operands given", c.NArg()), "famkit logits --help")
	case c.String("ids") == "" || c.String("out") == "":
		return fault.Hint(fault.Usagef("logits needs --ids and --out"), "famkit logits --help")
	case !strings.HasSuffix(c.String("out"), ".safetensors"):
		return fault.Usagef("--out %s: must end in .safetensors", c.String("out"))
	case c.Int("threads") < 0:
		return fault.Usagef("--threads cannot be negative")
	}
	return nil
}

// engineFor finds the engine that the flags ask for, in its most exact precision where none is given.
func engineFor(name, precision string) (engine.Choice, error) {
	how, err := engine.Choose(name, engine.Precision(precision))
	if err == nil && precision == "" {
		how, err = engine.Choose(how.Name, how.Exact())
	}
	if err == nil {
		return how, nil
	}
	var have []string
	for _, c := range engine.Candidates() {
		for _, s := range c.Specs {
			have = append(have, fmt.Sprintf("--engine %s --precision %s", c.Name, s.Precision))
		}
	}
	return how, fault.Hint(err, "there are %s", strings.Join(have, ", "))
}

// inVocabulary refuses ids that the embedding has no row for.
func inVocabulary(path string, ids []int32, seq, vocab int) error {
	for i, id := range ids {
		if id < 0 || int(id) >= vocab {
			return fault.Inputf("%s: input_ids: row %d, position %d: token id %d is outside the vocabulary of %d", path, i/seq, i%seq, id, vocab)
		}
	}
	return nil
}

// logits is the tensor [B,T,V] of a model's logits, computed when it is read: a group of sequences at a time, a few of its rows
// at a time. It should be read from start to end.
type logits struct {
	d          *decoder.Decoder
	e          engine.Engine
	info       tensor.Info
	ids        []int32
	batch, seq int
	group      int // sequences in a forward pass
	ran        int // the group that the decoder holds, -1 none
	rows       []byte
	first      int        // row that rows starts with
	sum        engine.Buf // of the logits, which tells whether all are finite
	infinite   bool
}

func newLogits(e engine.Engine, ck *arch.Checkpoint, ids []int32, batch, seq int) (*logits, error) {
	l := &logits{e: e, ids: ids, batch: batch, seq: seq, group: min(batch, max(1, groupRows/seq)), ran: -1}
	o := decoder.Options{Batch: l.group, SeqLen: seq}
	need, available := decoder.Plan(ck.Model, e.Spec(), o).Total(), e.Available()
	if available > 0 && need > available {
		return nil, fault.Failedf("too little memory: wanted %s, available %s", bytesText(need), bytesText(available))
	}
	var err error
	if l.d, err = decoder.New(e, ck.Model, o); err != nil {
		return nil, err
	}
	l.info = tensor.Info{Name: "logits", DType: tensor.F32, Shape: []int{batch, seq, ck.Model.Vocab}}
	if e.Spec().Act == engine.F64 {
		l.info.DType = tensor.F64
	}
	if l.sum, err = e.Alloc(engine.F64, 1); err != nil {
		return nil, err
	}
	return l, l.d.Load(ck)
}

// write stores the logits and says what it wrote.
func (l *logits) write(u *ui, c *cli.Context, out string, o format.WriteOptions) error {
	bar := u.progressBytes("computing logits", l.info.Size())
	o.Progress = bar.set
	_, err := format.Write(c.Context, out, format.FromTensors([]tensor.Tensor{l}, nil, nil), o)
	bar.finish()
	if err != nil {
		return err
	}
	if l.infinite {
		u.warn("%s: some logits are not finite numbers", out)
	}
	answer := struct {
		Schema int    `json:"schema"`
		Output string `json:"output"`
		Shape  []int  `json:"shape"`
		DType  string `json:"dtype"`
		Engine string `json:"engine"`
	}{1, out, l.info.Shape, l.info.DType.String(), l.e.Name()}
	return u.answer(answer, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "%s: logits %v, %s, by engine %s\n", out, l.info.Shape, l.info.DType, l.e.Name())
	})
}

func (l *logits) Info() tensor.Info { return l.info }

// ReadAt computes the rows that hold the bytes asked for.
func (l *logits) ReadAt(b []byte, off int64) (int, error) {
	width := int64(l.info.Shape[2]) * int64(l.info.DType.Bits()/8)
	n := 0
	for n < len(b) {
		at := off + int64(n)
		if at >= int64(l.batch*l.seq)*width {
			return n, io.EOF
		}
		if err := l.hold(int(at/width), width); err != nil {
			return n, err
		}
		n += copy(b[n:], l.rows[at-int64(l.first)*width:])
	}
	return n, nil
}

// hold has rows contain the logits of a row.
func (l *logits) hold(row int, width int64) error {
	if held := int(int64(len(l.rows)) / width); row >= l.first && row < l.first+held {
		return nil
	}
	g := row / (l.group * l.seq)
	start := g * l.group * l.seq
	total := min(l.group*l.seq, l.batch*l.seq-start)
	if g != l.ran {
		if err := l.d.Forward(total/l.seq, l.seq, l.ids[start:start+total]); err != nil {
			return err
		}
		l.ran = g
	}
	first := row - start
	rows := min(l.d.MaxLogitRows(), total-first)
	z, err := l.d.LogitRows(first, rows)
	if err != nil {
		return err
	}
	if err := l.look(z); err != nil {
		return err
	}
	if size := rows * int(width); cap(l.rows) < size {
		l.rows = make([]byte, size)
	} else {
		l.rows = l.rows[:size]
	}
	l.first = row
	return l.e.Download(l.rows, l.info.DType, z)
}

// look notes whether logits are finite.
func (l *logits) look(z engine.Buf) error {
	var s [1]float64
	l.e.Zero(l.sum)
	l.e.Sum(l.sum, z)
	err := l.e.Read(s[:], l.sum)
	l.infinite = l.infinite || math.IsNaN(s[0]) || math.IsInf(s[0], 0)
	return err
}

package job

import (
	"context"
	"strings"

	"famkit/format"
	"famkit/internal/engine"
	"famkit/internal/fault"
	"famkit/internal/tensor"
)

// LogitsOptions say what Logits computes and how.
type LogitsOptions struct {
	Model string
	// IDs is a safetensors file with tensor input_ids [B, T]; Output gets tensor logits [B, T, V].
	IDs, Output string
	// Engine is a name, or "auto"; Precision is "" for the engine's most exact.
	Engine, Precision string
	// Threads of the engine, 0 for one for each processor.
	Threads int
	// Force replaces the output.
	Force bool
}

// Logits is the result of WriteLogits.
type Logits struct {
	Schema int    `json:"schema"`
	Output string `json:"output"`
	Shape  []int  `json:"shape"`
	DType  string `json:"dtype"`
	Engine string `json:"engine"`
}

// WriteLogits runs a model on token ids and writes its logits. They are computed while they are written.
func WriteLogits(ctx context.Context, o LogitsOptions, on Observer) (*Logits, error) {
	how, err := chooseEngine(o.Engine, o.Precision)
	if err != nil {
		return nil, err
	}
	h, ck, err := openToRun(&o.Model, "its logits are not defined", on)
	if err != nil {
		return nil, err
	}
	defer func() { _ = h.Close() }()
	ids, batch, seq, err := readIDs(o.IDs)
	if err != nil {
		return nil, err
	}
	if err := inVocabulary(o.IDs, ids, seq, ck.Model.Vocab); err != nil {
		return nil, err
	}
	if ck.Model.MaxPos > 0 && seq > ck.Model.MaxPos {
		on.warn("%s: %d tokens are more than the model's max_position_embeddings of %d", o.IDs, seq, ck.Model.MaxPos)
	}
	e, err := how.Create(engine.Options{Threads: o.Threads})
	if err != nil {
		return nil, err
	}
	defer func() { _ = e.Close() }()
	l, err := newLogits(e, ck, ids, batch, seq)
	if err != nil {
		return nil, err
	}
	at, err := home(o.Model, h)
	if err != nil {
		return nil, err
	}
	_, err = format.Write(ctx, o.Output, format.FromTensors([]tensor.Tensor{l}, nil, nil),
		format.WriteOptions{Force: o.Force,
			Inputs: []string{at, o.IDs}, Workers: 1, NoDigests: true, Progress: on.task("computing logits", l.info.Size())})
	if err != nil {
		return nil, err
	}
	if l.infinite {
		on.warn("%s: some logits are not finite numbers", o.Output)
	}
	return &Logits{1, o.Output, l.info.Shape, l.info.DType.String(), e.Name()}, nil
}

// chooseEngine finds the engine that is asked for, in its most exact precision where none is given.
func chooseEngine(name, precision string) (engine.Choice, error) {
	how, err := engine.Choose(name, engine.Precision(precision))
	if err == nil && precision == "" {
		how, err = engine.Choose(how.Name, how.Exact())
	}
	if err == nil {
		return how, nil
	}
	var have []any
	for _, c := range engine.Candidates() {
		for _, s := range c.Specs {
			have = append(have, fault.Arg("engine", c.Name), fault.Arg("precision", s.Precision))
		}
	}
	return how, fault.Hint(err, "there are "+strings.TrimSuffix(strings.Repeat("%v %v, ", len(have)/2), ", "), have...)
}

package job

import (
	"context"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/tensor"
)

// InspectOptions say what Inspect looks at.
type InspectOptions struct {
	Path string
	// Tensors lists every tensor; without it they are listed where something is wrong.
	Tensors bool
	// Strict refuses what draws a warning, and asks a second, independent reader.
	Strict bool
	// Values reads all weights and refuses NaN and infinity.
	Values bool
}

// Inspection is the result of Inspect.
type Inspection struct {
	Schema int `json:"schema"`
	*format.Summary
	Model    *ModelSummary  `json:"model,omitempty"`
	Findings []arch.Finding `json:"findings"`
	// Lineage is what happened to the model, as the files beside it claim.
	Lineage    []Origin        `json:"lineage,omitempty"`
	Second     []SecondReading `json:"second_reader,omitempty"`
	Values     *ValueSummary   `json:"values,omitempty"`
	TensorList []ListedTensor  `json:"tensor_list,omitempty"`

	refused error
}

// ModelSummary is what config.json resolves to.
type ModelSummary struct {
	// ByNames: there is no config.json; what names and shapes do not tell is 0.
	ByNames  bool    `json:"by_names,omitempty"`
	Arch     string  `json:"arch"`
	Class    string  `json:"class"`
	DType    string  `json:"dtype,omitempty"`
	Layers   int     `json:"layers"`
	Hidden   int     `json:"hidden"`
	FFN      int     `json:"ffn"`
	Heads    int     `json:"heads"`
	KVHeads  int     `json:"kv_heads"`
	HeadDim  int     `json:"head_dim"`
	Vocab    int     `json:"vocab"`
	MaxPos   int     `json:"max_position"`
	Tied     bool    `json:"tied"`
	Act      string  `json:"activation"`
	Eps      float64 `json:"eps"`
	RopeType string  `json:"rope_type"`
	Theta    float64 `json:"rope_theta"`
	BOS      []int   `json:"bos,omitempty"`
	EOS      []int   `json:"eos,omitempty"`
}

// ListedTensor is a tensor with what is wrong with it.
type ListedTensor struct {
	format.TensorSummary
	Mark arch.Code `json:"mark,omitempty"`
}

// SecondReading says whether a second reader of a file agrees with the first.
type SecondReading struct {
	File  string `json:"file"`
	Agree bool   `json:"agree"`
	Note  string `json:"note,omitempty"`
}

// ValueSummary lists the tensors that hold what is not a finite number.
type ValueSummary struct {
	Bad     []format.BadValues `json:"bad"`
	Skipped int                `json:"skipped"` // tensors of types that are not real numbers
}

// Inspect says what a checkpoint is and whether it is sound. What is refused comes with the inspection as far as it
// went, so that it can be shown.
func Inspect(ctx context.Context, o InspectOptions, on Observer) (*Inspection, error) {
	if err := locate(on, &o.Path); err != nil {
		return nil, err
	}
	h, err := Open(o.Path, on)
	if err != nil {
		return nil, err
	}
	defer func() { _ = h.Close() }()
	r := &Inspection{Schema: 1, Findings: []arch.Finding{}}
	if r.Summary, err = format.Summarize(h); err != nil {
		return nil, err
	}
	if m := r.recognise(h); m != nil {
		at, err := home(o.Path, h)
		if err != nil {
			return nil, err
		}
		r.Lineage = origins(h, m, at, on)
	}
	if o.Strict {
		r.strict()
	}
	if o.Values {
		if err := r.scan(ctx, h); err != nil {
			return nil, err
		}
	}
	if o.Tensors || r.refused != nil {
		if err := r.list(h); err != nil {
			return nil, err
		}
	}
	return r, r.refused
}

// refuse keeps the first refusal.
func (r *Inspection) refuse(err error) {
	if r.refused == nil {
		r.refused = err
	}
}

// recognise holds config.json and tensors against each other, and goes by the tensors' names where there is no
// config.json. It gives the model that the config describes, nil where there is none.
func (r *Inspection) recognise(h format.Handle) *arch.Model {
	if _, ok := format.ReadFile(h, configFile); !ok {
		if ck, err := arch.BindLone(h); err == nil {
			r.Model = summarizeModel(ck.Model)
			r.Model.ByNames = true
		}
		return nil
	}
	ck, findings, err := arch.Check(h)
	r.Findings = append(r.Findings, findings...)
	if err != nil {
		r.refuse(err)
	}
	if ck == nil {
		return nil
	}
	r.Model = summarizeModel(ck.Model)
	return ck.Model
}

func summarizeModel(m *arch.Model) *ModelSummary {
	s := &ModelSummary{
		Arch: m.Spec.Name, Class: m.Spec.Class, Layers: m.Layers, Hidden: m.Hidden, FFN: m.FFN, Heads: m.Heads,
		KVHeads: m.KVHeads, HeadDim: m.HeadDim, Vocab: m.Vocab, MaxPos: m.MaxPos, Tied: m.Tied, Act: string(m.Act),
		Eps: m.Eps, RopeType: m.Rope.Type, Theta: m.Rope.Theta, BOS: m.BOS, EOS: m.EOS,
	}
	if m.DType != tensor.Invalid {
		s.DType = m.DType.Torch()
	}
	return s
}

// strict refuses warnings and asks a second reader.
func (r *Inspection) strict() {
	if len(r.Warnings) > 0 {
		r.refuse(fault.Inputf("%s: %s", r.Path, r.Warnings[0]))
	}
	if r.Container != "safetensors" {
		return
	}
	for _, f := range r.Files {
		checked, note, err := format.SecondOpinion(f.Path)
		if err != nil {
			note = err.Error()
			r.refuse(err)
		}
		r.Second = append(r.Second, SecondReading{f.Path, checked && err == nil, note})
	}
}

func (r *Inspection) scan(ctx context.Context, h format.Handle) error {
	bad, skipped, err := format.ScanValues(ctx, h)
	if err != nil {
		return err
	}
	r.Values = &ValueSummary{append([]format.BadValues{}, bad...), skipped}
	if len(bad) > 0 {
		b := bad[0]
		r.refuse(fault.Inputf("%s: %d tensors hold values that are not finite, the first is %q: %d NaN and %d infinite, "+
			"wanted none",
			r.Path, len(bad), b.Name, b.NaN, b.Inf))
	}
	return nil
}

// list describes the tensors, with a mark on those that checking found something about, the missing ones at the end.
func (r *Inspection) list(h format.Handle) error {
	rows, err := format.ListTensors(h)
	if err != nil {
		return err
	}
	marks := map[string]arch.Code{}
	for _, f := range r.Findings {
		if f.Tensor != "" {
			marks[f.Tensor] = f.Code
		}
	}
	for _, t := range rows {
		r.TensorList = append(r.TensorList, ListedTensor{t, marks[t.Name]})
	}
	for _, f := range r.Findings {
		if f.Code == arch.Missing && f.Tensor != "" {
			missing := format.TensorSummary{Name: f.Tensor, DType: "-", Shape: []int{}}
			r.TensorList = append(r.TensorList, ListedTensor{missing, f.Code})
		}
	}
	return nil
}

package expand

import (
	"fmt"
	"math/big"
	"strings"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/tensor"
)

// column is a growth that the table shows for every architecture.
type column struct {
	name string
	ask  func(m *arch.Model) Request
}

func times(n int64) Change {
	return Change{text: fmt.Sprintf("%dx", n), factor: big.NewRat(n, 1)}
}

func to(n int) Change { return Change{text: itoa(n), size: n} }

// columns are what the compiler is asked. Where heads fill the hidden size, both are asked for together.
var columns = []column{
	{"layers", func(*arch.Model) Request { return Request{Depth: times(2)} }},
	{"layers, pairs", func(*arch.Model) Request { return Request{Depth: times(2), Pairs: true} }},
	{"hidden x4", func(*arch.Model) Request { return Request{Hidden: times(4)} }},
	{"hidden x2", func(*arch.Model) Request { return Request{Hidden: times(2)} }},
	{"hidden, uneven", func(m *arch.Model) Request { return Request{Hidden: to(m.Hidden + m.Heads*m.HeadDim/2)} }},
	{"ffn", func(*arch.Model) Request { return Request{FFN: Change{text: "x1.5", factor: big.NewRat(3, 2)}} }},
	{"kv heads x2", func(m *arch.Model) Request { return withHidden(m, Request{KV: times(2)}, 2*m.Hidden) }},
	{"kv heads, uneven", func(m *arch.Model) Request { return withHidden(m, Request{KV: to(m.KVHeads + 1)}, m.Hidden+m.HeadDim) }},
	{"query heads", func(m *arch.Model) Request { return Request{Heads: times(2), KV: to(m.KVHeads)} }},
	{"head_dim x4", func(m *arch.Model) Request { return withHidden(m, Request{HeadDim: times(4)}, 4*m.Hidden) }},
	{"head_dim x2", func(m *arch.Model) Request { return withHidden(m, Request{HeadDim: times(2)}, 2*m.Hidden) }},
	{"vocab", func(m *arch.Model) Request { return Request{Vocab: to(m.Vocab + 64)} }},
	{"positions", func(*arch.Model) Request { return Request{Positions: times(2)} }},
	{"experts", func(m *arch.Model) Request {
		if m.MoE != nil {
			return Request{Experts: times(2), TopK: times(2)}
		}
		return Request{Experts: to(8), TopK: to(2)}
	}},
}

func withHidden(m *arch.Model, r Request, hidden int) Request {
	if m.Spec.HeadsAreHidden {
		r.Hidden = to(hidden)
		if r.HeadDim.Given() {
			r.Heads, r.KV = to(m.Heads), to(m.KVHeads)
		}
	}
	return r
}

// reasons puts what the compiler says into few words, by a part of its message.
var reasons = [][2]string{
	{"has no axis experts", "none"},
	{"has no axis", "none"},
	{"which transformers asks of", "refused: heads must divide hidden"},
	{"norms what a block adds", "refused: post-norms"},
	{"norms q and k over all heads", "refused: norm over all heads"},
	{"all norms share", "refused: norm of each head"},
}

// Table is the generated overview of what each architecture's axes allow, in Markdown: every cell is what the compiler
// answers for a small model of that architecture.
func Table() (string, error) {
	var b strings.Builder
	b.WriteString("| growth |")
	specs := arch.Specs()
	for _, s := range specs {
		b.WriteString(" " + s.Name + " |")
	}
	b.WriteString("\n|" + strings.Repeat(" --- |", len(specs)+1) + "\n")
	cks := make([]*arch.Checkpoint, len(specs))
	for i, s := range specs {
		var err error
		if cks[i], err = sample(s); err != nil {
			return "", err
		}
	}
	for _, c := range columns {
		b.WriteString("| " + c.name + " |")
		for _, ck := range cks {
			b.WriteString(" " + verdict(ck, c.ask(ck.Model)) + " |")
		}
		b.WriteString("\n")
	}
	return b.String(), nil
}

// verdict is one cell.
func verdict(ck *arch.Checkpoint, r Request) string {
	g, err := Compile(ck, r)
	switch {
	case err != nil:
		for _, k := range reasons {
			if strings.Contains(err.Error(), k[0]) {
				return k[1]
			}
		}
		return "refused: " + err.Error()
	case len(g.Plan.Inexact) > 0:
		return "inexact"
	case len(g.Plan.Rounding) > 0:
		return "rounded"
	case ck.Model.Spec.HeadsAreHidden && r.Hidden.Given() && (r.KV.Given() || r.HeadDim.Given()):
		return "exact, with hidden"
	}
	return "exact"
}

// sample is a model of an architecture's defaults, cut to two layers, of which only the headers exist.
func sample(s *arch.Spec) (*arch.Checkpoint, error) {
	cfg := arch.EmptyConfig()
	cfg.Set("model_type", s.Name)
	m, err := arch.Resolve(cfg)
	if err != nil {
		return nil, err
	}
	m.TakeLayers([]int{0, 1})
	m.Vocab = 1024
	if cfg, err = arch.NewConfig(m); err != nil {
		return nil, err
	}
	if m, err = arch.Resolve(cfg); err != nil {
		return nil, err
	}
	ck := &arch.Checkpoint{Model: m, Config: cfg, Source: format.FromTensors(nil, nil, nil)}
	for _, l := range m.Layout() {
		ck.Tensors = append(ck.Tensors, arch.Bound{Spec: l.Spec, Layer: l.Layer, Expert: l.Expert,
			Tensor: header{tensor.Info{Name: l.Name, DType: tensor.F32, Shape: l.Shape}}})
	}
	return ck, nil
}

// header is a tensor without numbers.
type header struct{ info tensor.Info }

func (h header) Info() tensor.Info { return h.info }

// ReadAt reads nothing: compiling a plan needs headers only.
func (h header) ReadAt([]byte, int64) (int, error) {
	return 0, fmt.Errorf("tensor %q has no numbers", h.info.Name)
}

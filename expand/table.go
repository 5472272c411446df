package expand

import (
	"fmt"
	"math/big"
	"slices"
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
	{"kv heads, uneven", func(m *arch.Model) Request {
		return withHidden(m, Request{KV: to(m.KVHeads + 1)},
			m.Hidden+m.HeadDim)
	}},
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

// Table is what each architecture's axes allow. Every cell is what the compiler answers for a small model of that
// architecture: exact, rounded, inexact, none (no such axis), or refused with the reason.
type Table struct {
	Architectures []string `json:"architectures"`
	Rows          []Row    `json:"rows"`
}

// Row is one growth of all architectures, in the table's order.
type Row struct {
	Growth string   `json:"growth"`
	Cells  []string `json:"cells"`
}

// NewTable asks the compiler.
func NewTable() (*Table, error) {
	t := &Table{}
	var cks []*arch.Checkpoint
	for _, s := range arch.Specs() {
		ck, err := sample(s)
		if err != nil {
			return nil, err
		}
		t.Architectures, cks = append(t.Architectures, s.Name), append(cks, ck)
	}
	for _, c := range columns {
		row := Row{Growth: c.name}
		for _, ck := range cks {
			row.Cells = append(row.Cells, verdict(ck, c.ask(ck.Model)))
		}
		t.Rows = append(t.Rows, row)
	}
	return t, nil
}

// Markdown is the table as docs/growth.md carries it.
func (t *Table) Markdown() string {
	var b strings.Builder
	b.WriteString("| growth | " + strings.Join(t.Architectures, " | ") + " |\n")
	b.WriteString("|" + strings.Repeat(" --- |", len(t.Architectures)+1) + "\n")
	for _, r := range t.Rows {
		b.WriteString("| " + r.Growth + " | " + strings.Join(r.Cells, " | ") + " |\n")
	}
	return b.String()
}

// Text is the table for a terminal, a paragraph for each growth: the answers, and for each the architectures that get
// it.
func (t *Table) Text() string {
	var b strings.Builder
	for _, r := range t.Rows {
		fmt.Fprintf(&b, "   %s\n", r.Growth)
		for _, answer := range r.answers() {
			var of []string
			for i, c := range r.Cells {
				if c == answer {
					of = append(of, t.Architectures[i])
				}
			}
			who := strings.Join(of, " ")
			if len(of) == len(r.Cells) {
				who = "all"
			}
			fmt.Fprintf(&b, "      %s: %s\n", answer, who)
		}
	}
	return b.String()
}

// answers are the row's different cells in order of appearance.
func (r Row) answers() []string {
	var list []string
	for _, c := range r.Cells {
		if !slices.Contains(list, c) {
			list = append(list, c)
		}
	}
	return list
}

// verdict is one cell.
func verdict(ck *arch.Checkpoint, r Request) string {
	g, err := Compile(ck, r)
	switch {
	case ReasonOf(err) == NoAxis:
		return string(NoAxis)
	case ReasonOf(err) != "":
		return "refused: " + string(ReasonOf(err))
	case err != nil:
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

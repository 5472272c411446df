package expand

import (
	"fmt"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/fault"
)

// Compile turns a request into a plan for ck, or says why the growth would not keep the function. Only headers are read.
func Compile(ck *arch.Checkpoint, r Request) (*Plan, error) {
	to, err := r.resolve(ck.Model)
	if err != nil {
		return nil, err
	}
	m := ck.Model
	p := &Plan{Schema: PlanSchema, Arch: m.Spec.Name, From: sizesOf(m), To: to, Tied: m.Tied,
		Split: splitChoice, Seed: r.Seed, Maps: map[arch.Axis]AxisMap{}}
	if p.Layers, err = growLayers(p.From.Layers, to.Layers, r.Place); err != nil {
		return nil, fault.Usagef("--place: %w", err)
	}
	for _, a := range growable {
		from, n := axisSize(p.From, a), axisSize(to, a)
		if from == n {
			continue
		}
		if a == arch.Hidden {
			p.Maps[a] = streamMap(from, n)
		} else {
			p.Maps[a] = copyMap(from, n)
		}
	}
	exprs, err := p.Exprs(ck)
	if err != nil {
		return nil, err
	}
	p.Rounding = roundings(exprs)
	return p, nil
}

// RoleExpr is an expression with the role and layer of the tensor that it makes.
type RoleExpr struct {
	Role  arch.Role
	Layer int
	Expr
}

// Exprs compiles the plan against its parent: one expression for each tensor of the child, in the spec's order.
func (p *Plan) Exprs(ck *arch.Checkpoint) ([]RoleExpr, error) {
	if got := sizesOf(ck.Model); got != p.From || ck.Model.Tied != p.Tied || ck.Model.Spec.Name != p.Arch {
		return nil, fault.Inputf("the plan grows a %s of %+v, tied %v; the parent is a %s of %+v, tied %v",
			p.Arch, p.From, p.Tied, ck.Model.Spec.Name, got, ck.Model.Tied)
	}
	c := &compiler{plan: p, gathers: map[string]*gather{}}
	var out []RoleExpr
	blocks := make(map[int][]arch.Bound)
	var first, last []arch.Bound
	for _, b := range ck.Tensors {
		switch {
		case b.Layer >= 0:
			blocks[b.Layer] = append(blocks[b.Layer], b)
		case len(blocks) == 0:
			first = append(first, b)
		default:
			last = append(last, b)
		}
	}
	add := func(bs []arch.Bound, layer int, silent bool) error {
		for _, b := range bs {
			e, err := c.expr(b, layer, silent)
			if err != nil {
				return err
			}
			out = append(out, RoleExpr{b.Spec.Role, layer, *e})
		}
		return nil
	}
	if err := add(first, -1, false); err != nil {
		return nil, err
	}
	for i, l := range p.Layers {
		if err := add(blocks[l.Src], i, l.Silent); err != nil {
			return nil, err
		}
	}
	return out, add(last, -1, false)
}

// compiler is the only code that knows uses, ties and silent writers.
type compiler struct {
	plan    *Plan
	gathers map[string]*gather // dimensions with the same use, axes and size share one
}

func (c *compiler) expr(b arch.Bound, layer int, silent bool) (*Expr, error) {
	info := b.Info()
	e := &Expr{From: info.Name, Info: info, rows: &gather{from: 1, to: 1}, factor: 1}
	e.Info.Shape = slices.Clone(info.Shape)
	if layer >= 0 {
		e.Info.Name = b.Spec.FullName(layer, b.Expert)
	}
	dims := b.Spec.Dims
	for i, d := range dims {
		g := c.gather(d, info.Shape[i])
		e.Info.Shape[i] = g.to
		if i == len(dims)-1 {
			e.cols = g
		} else {
			e.rows = g
		}
	}
	if len(dims) > 2 || e.rows.slot != nil {
		return nil, fmt.Errorf("tensor %q: no rule to grow a tensor of %d dimensions %v", info.Name, len(dims), dims)
	}
	if b.Spec.Role == arch.FinalNorm && c.plan.Tied {
		c.tiedHead(e)
	}
	if b.Spec.Role == arch.Head && c.plan.Tied {
		return nil, fmt.Errorf("tensor %q: a tied model has no head of its own", info.Name)
	}
	e.Zero = silent && writesStream(b.Spec)
	if !e.moves() && !info.DType.Real() {
		return nil, fault.Inputf("tensor %q is %s: its numbers must be scaled, which needs F16, BF16, F32 or F64", info.Name, info.DType)
	}
	e.choice = newChoice(c.plan.Seed, e.Info.Name)
	return e, nil
}

// tiedHead: with a tied head the embedding is writer and reader at once, and its columns are not shared among the copies.
// Of c copies written with a, the head reads c a^2 = to/from times the parent's value, which the final norm's gain takes back.
func (c *compiler) tiedHead(e *Expr) {
	if _, grows := c.plan.Maps[arch.Hidden]; !grows {
		return
	}
	g := *e.cols
	g.scale = nil
	e.cols = &g
	e.factor = float64(c.plan.From.Hidden) / float64(c.plan.To.Hidden)
}

// writesStream reports whether a block's tensor writes the residual stream: what a silent block has zero.
func writesStream(t *arch.TensorSpec) bool {
	d := t.Dims[0]
	return d.Use == arch.Writes && slices.Equal(d.Axes, []arch.Axis{arch.Hidden})
}

func (c *compiler) gather(d arch.Dim, size int) *gather {
	key := fmt.Sprint(d, size)
	g, ok := c.gathers[key]
	if !ok {
		g = newGather(d, size, func(a arch.Axis) axisGrowth {
			ag := axisGrowth{from: axisSize(c.plan.From, a)}
			if m, ok := c.plan.Maps[a]; ok {
				ag.m = &m
			}
			return ag
		})
		c.gathers[key] = g
	}
	return g
}

// roundings lists the roles whose stored numbers the growth rounds, each once.
func roundings(exprs []RoleExpr) []Rounding {
	var out []Rounding
	for i := range exprs {
		e := &exprs[i]
		r := Rounding{e.Role, e.Info.DType.String()}
		if e.rounds() && !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}

// ChildModel is the grown model's description.
func (p *Plan) ChildModel(m *arch.Model) *arch.Model {
	c := *m
	c.Layers, c.Hidden, c.FFN = p.To.Layers, p.To.Hidden, p.To.FFN
	c.Heads, c.KVHeads = p.To.Heads, p.To.KVHeads
	c.Window = fromLayers(p.Layers, m.Window)
	c.LayerType = fromLayers(p.Layers, m.LayerType)
	return &c
}

func fromLayers[T any](layers []LayerFrom, of []T) []T {
	if of == nil {
		return nil
	}
	out := make([]T, len(layers))
	for i, l := range layers {
		out[i] = of[l.Src]
	}
	return out
}

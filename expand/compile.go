package expand

import (
	"fmt"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/growth"
	"famkit/internal/tensor"
)

// RoleExpr is an expression with the role, layer and expert of the tensor that it makes.
type RoleExpr struct {
	arch.Key
	Expr
}

// newCompiler makes the compiler of a growth.
func newCompiler(g *Growth) *compiler {
	ck := g.parent
	return &compiler{plan: g.Plan, source: ck, parent: ck.Model, child: g.child, dtype: ck.DType(),
		gathers: map[gatherKey]*gather{}}
}

func (c *compiler) exprs() ([]RoleExpr, error) {
	var out []RoleExpr
	for _, s := range c.slots() {
		e, err := c.expr(s)
		if err != nil {
			return nil, err
		}
		out = append(out, RoleExpr{arch.Key{Role: s.spec.Role, Layer: s.layer, Expert: s.expert}, *e})
	}
	return out, nil
}

// slot is one tensor of the child.
type slot struct {
	spec          *arch.TensorSpec
	layer, expert int
	from          growth.LayerFrom // of a block's tensor
	shape         []int            // where the parent has none
}

// compiler makes the expressions of a growth; rules.go knows what each use of each axis asks for.
type compiler struct {
	plan          *growth.Plan
	source        *arch.Checkpoint
	parent, child *arch.Model
	grad          bool                  // expressions of gradients; see moments.go
	dtype         tensor.DType          // of what the parent has nothing for
	gathers       map[gatherKey]*gather // layers and experts that grow alike share them
}

// gatherKey is what a gather depends on: dimension dim, of size elements, of what a spec names, and how the rules
// differ.
type gatherKey struct {
	spec          *arch.TensorSpec
	dim, size     int
	pairs         bool
	shard, copies int
}

// slots lists the child's tensors. A child of the same architecture has the tensors that its parent has, so that a lone
// file, whose sizes are not all known, can be grown too.
func (c *compiler) slots() []slot {
	ck := c.source
	var out []slot
	if c.plan.ChildArch != "" {
		for _, s := range c.child.Layout() {
			k := slot{spec: s.Spec, layer: s.Layer, expert: s.Expert, shape: s.Shape}
			if s.Layer >= 0 {
				k.from = c.plan.Layers[s.Layer]
			}
			out = append(out, k)
		}
		return out
	}
	first := slices.IndexFunc(ck.Tensors, func(b arch.Bound) bool { return b.Layer >= 0 })
	last := len(ck.Tensors)
	for last > 0 && ck.Tensors[last-1].Layer < 0 {
		last--
	}
	for _, b := range ck.Tensors[:max(0, first)] {
		out = append(out, slot{spec: b.Spec, layer: -1, expert: -1})
	}
	for i, l := range c.plan.Layers {
		for _, b := range ck.Tensors[max(0, first):last] {
			if b.Layer == l.Src {
				out = append(out, c.blockSlots(b, i, l)...)
			}
		}
	}
	for _, b := range ck.Tensors[last:] {
		out = append(out, slot{spec: b.Spec, layer: -1, expert: -1})
	}
	return out
}

// blockSlots are the slots that take the place of one tensor of a block; the first expert's stands for all experts.
func (c *compiler) blockSlots(b arch.Bound, layer int, from growth.LayerFrom) []slot {
	if b.Expert < 0 {
		return []slot{{spec: b.Spec, layer: layer, expert: -1, from: from}}
	}
	var out []slot
	for e := range c.plan.To.Experts {
		if b.Expert == 0 {
			out = append(out, slot{spec: b.Spec, layer: layer, expert: e, from: from})
		}
	}
	return out
}

// sourceOf gives the parent's tensor that a slot is made of, and the same of the next block.
func (c *compiler) sourceOf(s slot) (b, next arch.Bound, ok bool) {
	at := arch.Key{Role: s.spec.Role, Layer: -1, Expert: -1}
	if s.layer >= 0 {
		at.Layer = s.from.Src
	}
	if s.expert >= 0 && c.plan.Upcycle == nil {
		at.Expert = s.expert
		if m, grows := c.plan.Maps[arch.Experts]; grows {
			at.Expert = int(m.Src[s.expert])
		}
	}
	b, ok = c.source.At(at)
	if s.layer >= 0 && c.plan.NextLayer {
		at.Layer = min(at.Layer+1, c.plan.From.Layers-1)
		next, _ = c.source.At(at)
	}
	return b, next, ok
}

func (c *compiler) expr(s slot) (*Expr, error) {
	b, next, ok := c.sourceOf(s)
	name := s.spec.FullName(s.layer, s.expert)
	e := &Expr{rows: &gather{from: 1, to: 1}, factor: 1, split: c.plan.Split, sigma: c.plan.InitRange,
		choice:     newChoice(c.plan.Seed, name),
		shareAlike: s.spec.Role == arch.Router}
	e.Info = tensor.Info{Shape: s.shape, DType: c.dtype}
	switch {
	case ok:
		e.Info, e.From = b.Info(), b.Info().Name
	case s.spec.Role == arch.Router:
		e.random = true
	default:
		return nil, fmt.Errorf("tensor %q: the parent has no %s to make it of", name, s.spec.Role)
	}
	if len(s.spec.Dims) > 2 {
		return nil, fmt.Errorf("tensor %q: no rule to grow a tensor of %d dimensions", name, len(s.spec.Dims))
	}
	e.Info.Name = name
	c.dimensions(e, s)
	c.special(e, s, next)
	if !e.simple() && !e.Zero && !e.Info.DType.Real() {
		return nil, fault.Inputf("tensor %q is %s: its numbers must be computed, which needs F16, BF16, F32 or F64", e.From,
			e.Info.DType)
	}
	return e, nil
}

// dimensions makes the gathers of rows and columns.
func (c *compiler) dimensions(e *Expr, s slot) {
	r := &rules{plan: c.plan, parent: c.parent, child: c.child, layer: s.layer >= 0, pairs: s.from.Pairs, shard: -1,
		grad: c.grad, copies: 1}
	if c.plan.Upcycle != nil && s.expert >= 0 {
		r.shard = s.expert % c.plan.Upcycle.Shards
	}
	if m, ok := c.plan.Maps[arch.Experts]; ok && s.expert >= 0 && c.plan.Upcycle == nil {
		r.copies = int(m.Counts(c.plan.From.Experts)[m.Src[s.expert]])
	}
	shape := slices.Clone(e.Info.Shape)
	for i, d := range s.spec.Dims {
		key := gatherKey{s.spec, i, shape[i], r.pairs, r.shard, r.copies}
		g, ok := c.gathers[key]
		if !ok {
			g = r.dimension(s.spec.Role, d, shape[i])
			c.gathers[key] = g
		}
		shape[i], e.rows, e.cols = g.to, e.cols, g
	}
	if e.rows == nil {
		e.rows = &gather{from: 1, to: 1}
	}
	e.Info.Shape = shape
}

// special applies what holds for a whole tensor: the offset of stored gains, silent and fresh blocks, experts.
func (c *compiler) special(e *Expr, s slot, next arch.Bound) {
	if c.grad {
		e.Zero = s.from.Silent // nothing is known of what a silent block will be taught
		if c.plan.Upcycle != nil && (s.expert >= 0 || s.spec.Role == arch.Router) {
			e.Zero, e.Info.Shape = true, slices.Clone(s.shape) // nor of which tokens an expert will get
		}
		return
	}
	use := s.spec.Dims[0].Use
	if use == arch.Scales {
		e.offset = c.parent.GainOffset
	}
	l, writes := s.from, s.layer >= 0 && s.spec.WritesStream()
	adds := writes // what a block adds to the stream last
	if c.parent.PostNorm {
		adds = isPostNorm(s.spec.Role)
	}
	switch {
	case l.Silent && adds && (!l.Pairs || s.spec.Role.IsBias()):
		e.Zero = true
	case l.Fresh && use == arch.Scales:
		e.cols = allFresh(e.cols, freshOne)
	case l.Fresh && (use == arch.Shifts || s.spec.Role.IsBias()):
		e.Zero = true
	case l.Fresh:
		e.random = true
	case l.Writers != 0 && adds:
		e.factor = l.Writers
	}
	if c.plan.Upcycle != nil {
		upcycled(c.plan.Upcycle, e, s, c.plan.Seed)
	}
	if c.plan.NextLayer && next.Tensor != nil && use != arch.Scales && use != arch.Shifts {
		e.Next = next.Info().Name
	}
}

// allFresh is a dimension of the same size without any source.
func allFresh(g *gather, f fresh) *gather {
	h := &gather{from: g.from, to: g.to, use: g.use, src: make([]int32, g.to), fresh: make([]fresh, g.to)}
	for t := range h.src {
		h.src[t], h.fresh[t] = growth.Fresh, f
	}
	return h
}

// roundings lists the roles whose stored numbers the growth rounds, each once.
func roundings(exprs []RoleExpr) []growth.Rounding {
	var out []growth.Rounding
	for i := range exprs {
		e := &exprs[i]
		r := growth.Rounding{Role: e.Role, DType: e.Info.DType.String()}
		if e.rounds() && !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}

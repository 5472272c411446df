package proof

import (
	"fmt"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/rowsum"
)

// inner is the relation of a dimension over heads or neurons, and where the part of each role lies in it.
type inner struct {
	*rowsum.Relation
	at map[arch.Role][]int32
}

// inner builds the relation of a dimension of a tensor from its axes; fused ones from their parts.
func (s *space) inner(b arch.Bound, d arch.Dim) (inner, error) {
	parts := partsOf(b.Spec.Role, d)
	turns, rels := rowsum.Identity(1), make([]*rowsum.Relation, len(parts))
	if d.Interleave != "" {
		var err error
		if turns, err = s.axis(b.Layer, d.Interleave); err != nil {
			return inner{}, err
		}
	}
	for i, part := range parts {
		axes := part.Axes
		if d.Interleave != "" {
			axes = axes[1:]
		}
		rels[i] = rowsum.Identity(1)
		for _, a := range axes {
			r, err := s.axisOf(b.Layer, a, b.Expert)
			if err != nil {
				return inner{}, err
			}
			rels[i] = rels[i].Times(r)
		}
	}
	return layParts(parts, rels, turns, func(r arch.Role) float64 { return s.rowScale(r, b.Expert, d.Use) }), nil
}

// partsOf lists the projections in a dimension: those of a fused one, of a fused bias their biases, else the tensor's
// own.
func partsOf(role arch.Role, d arch.Dim) []arch.Part {
	if d.Parts == nil {
		return []arch.Part{{Role: role, Axes: d.Axes}}
	}
	parts := slices.Clone(d.Parts)
	for i := range parts {
		if role.IsBias() {
			parts[i].Role = parts[i].Role.Bias()
		}
	}
	return parts
}

// layParts puts the parts side by side, turn after turn.
func layParts(parts []arch.Part, rels []*rowsum.Relation, turns *rowsum.Relation, scale func(arch.Role) float64) inner {
	turn := 0 // the parent's elements in one turn
	for _, r := range rels {
		turn += r.From
	}
	out := inner{&rowsum.Relation{From: turn * turns.From}, map[arch.Role][]int32{}}
	var k []float64
	scaled := false
	for _, o := range turns.Src {
		start := int32(0)
		for i, part := range parts {
			by := scale(part.Role)
			scaled = scaled || by != 1
			for _, src := range rels[i].Src {
				from := int32(NoSource)
				if o >= 0 && src >= 0 {
					from = o*int32(turn) + start + src
				}
				out.at[part.Role] = append(out.at[part.Role], int32(len(out.Src)))
				out.Src = append(out.Src, from)
				k = append(k, by)
			}
			start += int32(rels[i].From)
		}
	}
	if scaled {
		out.Scale = k
	}
	return out
}

// Places gives where the parts of a dimension lie in a model's tensor, by role.
func Places(m *arch.Model, role arch.Role, d arch.Dim) map[arch.Role][]int32 {
	parts := partsOf(role, d)
	turns, rels := 1, make([]*rowsum.Relation, len(parts))
	for i, part := range parts {
		axes, n := part.Axes, 1
		if d.Interleave != "" {
			turns, axes = m.Size(d.Interleave), axes[1:]
		}
		for _, a := range axes {
			n *= m.Size(a)
		}
		rels[i] = rowsum.Identity(n)
	}
	return layParts(parts, rels, rowsum.Identity(turns), func(arch.Role) float64 { return 1 }).at
}

// rowScale is the factor of rows of a role over the parent's, or of the columns that read: q makes up for another score
// factor, unless its norm does; what is cut into parts counts only a part each.
func (s *space) rowScale(r arch.Role, expert int, use arch.Use) float64 {
	m := s.parent.Model
	switch {
	case use == arch.Reads && r == arch.Down && expert >= 0 && s.shards > 1:
		return 1 / float64(s.shards)
	case use == arch.Writes && r.Weight() == arch.Q && !m.QKNorm && !m.QKNormFull:
		return s.kappa
	}
	return 1
}

// streamRule is what stands at fresh indices of the stream.
func (s *space) streamRule() rowsum.FreshRule {
	if s.parent.Model.LayerNorm {
		return rowsum.Mean
	}
	return rowsum.Zeros
}

// side builds one dimension of a tensor; places tell where the parts of a fused dimension lie.
//
//	embedding  child's columns are the parent's, times a(t) m / m'; fresh ones zero, or the mean
//	readers    sums of W' over copies are the parent's, times k (1 behind a norm); fresh columns are free
//	writers    rows are the parent's, times a(t); fresh ones zero, or the mean
func (s *space) side(b arch.Bound, d arch.Dim) (side rowsum.Side, places inner, err error) {
	axis := arch.Axis("")
	if d.Parts == nil && len(d.Axes) == 1 {
		axis = d.Axes[0]
	}
	switch {
	case d.Use == arch.Looks || d.Use == arch.Writes && axis == arch.Vocab:
		r, err := s.axis(-1, axis)
		return rowsum.Side{Relation: r, Fresh: rowsum.Anything}, places, err
	case d.Use == arch.Writes && axis == arch.Hidden:
		k := s.stream.Scale
		if b.Spec.Role == arch.Embed {
			k = s.embed
		}
		return rowsum.Side{Relation: s.stream.Scaled(k), Fresh: s.streamRule()}, places, nil
	case d.Use == arch.Reads && axis == arch.Hidden:
		var k []float64
		if !s.parent.Model.PreNorm && b.Spec.Role != arch.Head {
			k = s.stream.Scale
		}
		return rowsum.Side{Relation: s.stream.Scaled(k), Reads: true, Fresh: rowsum.Anything}, places, nil
	case d.Use == arch.Writes || d.Use == arch.Reads:
		places, err = s.inner(b, d)
		return rowsum.Side{Relation: places.Relation, Reads: d.Use == arch.Reads, Fresh: rowsum.Noted,
			Partial: b.Expert >= 0 && s.shards > 1}, places, err
	}
	return side, places, fmt.Errorf("no condition is known for a dimension that %s %v", d.Use, d.Axes)
}

// matrix judges a weight or a bias by the sides of its dimensions.
func (p *pass) matrix(w *rowsum.Worker, order int, b, source arch.Bound, cond string) error {
	c, places, err := p.comparison(b, source)
	if err != nil {
		p.refusef(cond, order, b.Info().Name, "%v", err)
		return nil
	}
	if c.Parent, c.Child, err = p.withoutConstants(w, c, b, source); err != nil {
		return err
	}
	o, err := w.Compare(c)
	if err != nil {
		return err
	}
	p.outcome(o, order, b, places, cond)
	return nil
}

// comparison is the condition on a tensor; places tell where the parts of its dimensions lie.
func (p *pass) comparison(b, source arch.Bound) (c *rowsum.Comparison, places [2]inner, err error) {
	if streamAlong(b.Spec) != streamAlong(source.Spec) {
		return nil, places, fmt.Errorf("its rows are what the columns of %s are", source.Info().Name)
	}
	c = &rowsum.Comparison{Cols: rowsum.Lone()}
	c.Parent, c.Child = sameType(source.Tensor, b.Tensor)
	c.MayRound, c.Roundings = p.rounds(b.Spec)
	for i, d := range b.Spec.Dims {
		side, at, err := p.side(b, d)
		if err != nil {
			return nil, places, err
		}
		places[i] = at
		if i == 0 {
			c.Rows = side
		} else {
			c.Cols = side
		}
	}
	return c, places, nil
}

// streamAlong is the dimension of a tensor that runs along the stream, -1 where none does. Families that are compared
// with each other could store their matrices the other way round.
func streamAlong(t *arch.TensorSpec) int {
	return slices.IndexFunc(t.Dims, func(d arch.Dim) bool { return slices.Contains(d.Axes, arch.Hidden) })
}

// outcome takes in what a comparison of a tensor showed.
func (p *pass) outcome(o *rowsum.Outcome, order int, b arch.Bound, places [2]inner, cond string) {
	p.judge(cond, order, b.Info().Name, o)
	if b.Layer >= 0 {
		p.layers[b.Layer].note(b.Expert, places[0], o.RowSet, b.Spec.Dims[0].Use == arch.Reads)
		p.layers[b.Layer].note(b.Expert, places[1], o.ColSet, len(b.Spec.Dims) > 1 && b.Spec.Dims[1].Use == arch.Reads)
	}
}

// finiteOnly judges a tensor whose values do not matter.
func (p *pass) finiteOnly(w *rowsum.Worker, cond string, order int, b arch.Bound) error {
	bad, _, err := w.Scan(b.Tensor)
	if err != nil {
		return err
	}
	p.judge(cond, order, b.Info().Name, &rowsum.Outcome{Bad: bad, Bytes: b.Info().Size()})
	return nil
}

package verify

import (
	"fmt"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/tensor"
)

// source finds the parent's tensor that one of the child must agree with. An expert that is grown from a dense MLP has
// that MLP's.
func (p *prover) source(b arch.Bound, layer int) (arch.Bound, bool) {
	k := slotKey{b.Spec.Role, layer, b.Expert}
	if b.Expert >= 0 {
		if p.parent.Model.MoE == nil {
			k.expert = -1
		} else if s := p.axis(b.Layer, arch.Experts).src[b.Expert]; s >= 0 {
			k.expert = int(s)
		}
	}
	if k.role == arch.Head && p.parent.Model.Tied {
		k.role = arch.Embed
	}
	s, ok := p.bound[k]
	return s, ok
}

// sourceless judges a tensor of a kept layer, or outside the blocks, that the parent lacks.
func (p *prover) sourceless(w *worker, order int, b arch.Bound) error {
	if b.Spec.Role == arch.Router && p.parent.Model.MoE == nil {
		return p.newRouter(w, order, b)
	}
	p.refusef(condConfig, 1000+order, b.Info().Name, "the parent has no such tensor")
	return nil
}

// inner is the relation of a dimension over heads or neurons, and where the part of each role lies in it.
type inner struct {
	*relation
	at map[arch.Role][]int32
}

// inner builds the relation of a dimension of a tensor from its axes; fused ones from their parts.
func (p *prover) inner(b arch.Bound, d arch.Dim) inner {
	parts := d.Parts
	if parts == nil {
		parts = []arch.Part{{Role: b.Spec.Role, Axes: d.Axes}}
	} else if isBias(b.Spec.Role) {
		parts = slices.Clone(parts)
		for i := range parts {
			parts[i].Role = parts[i].Role.Bias()
		}
	}
	turns := sameRelation(1)
	if d.Interleave != "" {
		turns = p.axis(b.Layer, d.Interleave)
	}
	rels := make([]*relation, len(parts))
	turn := 0
	for i, part := range parts {
		axes := part.Axes
		if d.Interleave != "" {
			axes = axes[1:]
		}
		rels[i] = sameRelation(1)
		for _, a := range axes {
			rels[i] = rels[i].times(p.axisOf(b.Layer, a, b.Expert))
		}
		turn += rels[i].from
	}
	return layParts(parts, rels, turns, turn, func(r arch.Role) float64 { return p.rowScale(r, b.Expert, d.Use) })
}

// layParts puts the parts side by side, turn after turn. turn is the parent's elements in one turn.
func layParts(parts []arch.Part, rels []*relation, turns *relation, turn int, scale func(arch.Role) float64) inner {
	out := inner{&relation{from: turn * turns.from}, map[arch.Role][]int32{}}
	scaled := false
	var k []float64
	for _, o := range turns.src {
		start := int32(0)
		for i, part := range parts {
			by := scale(part.Role)
			scaled = scaled || by != 1
			for _, s := range rels[i].src {
				from := int32(noSource)
				if o >= 0 && s >= 0 {
					from = o*int32(turn) + start + s
				}
				out.at[part.Role] = append(out.at[part.Role], int32(len(out.src)))
				out.src = append(out.src, from)
				k = append(k, by)
			}
			start += int32(rels[i].from)
		}
	}
	if scaled {
		out.k = k
	}
	return out
}

func isBias(r arch.Role) bool {
	return len(r) > 5 && r[len(r)-5:] == ".bias"
}

// rowScale is what rows of a role are written with, or what its columns read counts: q makes up for another score factor, unless its norm does.
func (p *prover) rowScale(r arch.Role, expert int, use arch.Use) float64 {
	if use == arch.Reads && r == arch.Down && expert >= 0 && p.shards() > 1 {
		return 1 / float64(p.shards()) // each part's expert counts that much
	}
	if use == arch.Writes && (r == arch.Q || r == arch.Q.Bias()) && !p.parent.Model.QKNorm && !p.parent.Model.QKNormFull {
		return p.kappa
	}
	return 1
}

// streamRule is what stands at fresh indices of the stream.
func (p *prover) streamRule() freshRule {
	if p.parent.Model.LayerNorm {
		return mean
	}
	return zeros
}

// side builds one dimension of a tensor; places tell where the parts of a fused dimension lie.
func (p *prover) side(b arch.Bound, d arch.Dim) (s side, places inner, err error) {
	role, expert := b.Spec.Role, b.Expert
	axis := arch.Axis("")
	if d.Parts == nil && len(d.Axes) == 1 {
		axis = d.Axes[0]
	}
	switch {
	case d.Use == arch.Looks || d.Use == arch.Writes && axis == arch.Vocab:
		return side{relation: p.axes[axis], fresh: anything}, places, nil
	case d.Use == arch.Writes && axis == arch.Hidden:
		k := p.stream.k
		if role == arch.Embed {
			k = p.embed
		}
		return side{relation: p.stream.scaled(k), fresh: p.streamRule()}, places, nil
	case d.Use == arch.Reads && axis == arch.Hidden:
		var k []float64
		if !p.parent.Model.PreNorm && role != arch.Head {
			k = p.stream.k
		}
		return side{relation: p.stream.scaled(k), reads: true, fresh: anything}, places, nil
	case d.Use == arch.Writes || d.Use == arch.Reads:
		places = p.inner(b, d)
		return side{relation: places.relation, reads: d.Use == arch.Reads, fresh: noted, partial: expert >= 0 && p.shards() > 1}, places, nil
	}
	return s, places, fmt.Errorf("no condition is known for a dimension that %s %v", d.Use, d.Axes)
}

// conditionOf says which condition a tensor belongs to.
func conditionOf(t *arch.TensorSpec) string {
	switch t.Role {
	case arch.Embed, arch.PosTable:
		return condEmbed
	case arch.Head, arch.Head.Bias():
		return condHead
	case arch.Router:
		return condExperts
	}
	for _, d := range t.Dims {
		if d.Use == arch.Writes && slices.Equal(d.Axes, []arch.Axis{arch.Hidden}) {
			return condWriters
		}
	}
	return condReaders
}

// matrix judges a weight or a bias.
func (p *prover) matrix(w *worker, order int, b, source arch.Bound) error {
	name, dims := b.Info().Name, b.Spec.Dims
	c := &product{name: name, parent: source.Tensor, child: b.Tensor, cols: lone(), roundings: p.claim.rounds(), rough: p.claim.Roundings > 0}
	var at [2]inner
	var reads [2]bool
	var err error
	for i, d := range dims {
		var s side
		if s, at[i%2], err = p.side(b, d); err != nil || i > 1 {
			p.refusef(conditionOf(b.Spec), order, name, "%v", err)
			return nil
		}
		reads[i] = d.Use == arch.Reads
		if i == 0 {
			c.rows = s
		} else {
			c.cols = s
		}
	}
	if b.Spec.Role == arch.Embed && p.parent.Model.EmbedScale != p.child.Model.EmbedScale {
		c.loose = 2 * unitRoundoff(b.Info().DType) // transformers rounds both factors to the weights' type
	}
	o, err := w.check(c)
	if err != nil {
		return err
	}
	p.judge(conditionOf(b.Spec), order, name, o)
	if b.Layer >= 0 {
		p.layers[b.Layer].note(b.Expert, at[0], o.rowSet, reads[0])
		p.layers[b.Layer].note(b.Expert, at[1], o.colSet, reads[1])
	}
	return p.nearZeros(w, order, b, source)
}

// finiteOnly judges a tensor whose values do not matter.
func (p *prover) finiteOnly(w *worker, cond string, order int, b arch.Bound) error {
	bad, _, n, err := scan(w, b)
	if err != nil {
		return err
	}
	p.judge(cond, order, b.Info().Name, &outcome{bad: bad, bytes: n})
	return nil
}

// scan reads a tensor of the child through: the first number that is not finite, and the first that is not zero.
func scan(w *worker, b arch.Bound) (bad, first *Counterexample, n int64, err error) {
	info := b.Info()
	e := info.DType.Bits() / 8
	size := info.Size()
	index := func(i int64) []int {
		if len(info.Shape) == 2 {
			return []int{int(i) / info.Shape[1], int(i) % info.Shape[1]}
		}
		return []int{int(i)}
	}
	for off := int64(0); off < size; off += blockBytes {
		if err := w.ctx.Err(); err != nil {
			return nil, nil, off, err
		}
		w.its = resized(w.its, int(min(blockBytes, size-off)))
		if err := tensor.ReadFull(b.Tensor, w.its, off); err != nil {
			return nil, nil, off, err
		}
		sound := tensor.NonFinite(w.its, info.DType) == 0
		if sound && (first != nil || allZero(w.its)) {
			continue
		}
		for i := 0; i < len(w.its) && (!sound && bad == nil || first == nil); i += e {
			x := w.its[i : i+e]
			at := (off + int64(i)) / int64(e)
			if !sound && bad == nil && tensor.NonFinite(x, info.DType) > 0 {
				bad = &Counterexample{Where: info.Name, Index: index(at), Text: "found " + element(x, 0, info.DType)}
			}
			var v [1]float64
			if tensor.Decode(v[:], x, info.DType); first == nil && v[0] != 0 {
				first = &Counterexample{Where: info.Name, Index: index(at), Text: fmt.Sprintf("found %v", v[0])}
			}
		}
	}
	return bad, first, size, nil
}

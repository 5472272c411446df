package verify

import (
	"fmt"
	"math"
	"slices"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/kern"
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
	return p.freshReads(w, order, b, source)
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

// vector reads a vector.
func vector(t tensor.Tensor) ([]float64, error) {
	raw, err := format.ReadAll(t)
	if err != nil {
		return nil, err
	}
	info := t.Info()
	out := make([]float64, len(raw)*8/info.DType.Bits())
	tensor.Decode(out, raw, info.DType)
	return out, nil
}

// normed is what a norm's gain must do: from elements that are in[t] times the parent's it makes elements that are out[t]
// times the parent's. rho is the mean square of what it reads over the parent's.
type normed struct {
	rel     *relation
	in, out func(t int) float64
	rho     float64
	offset  float64
	shift   bool // a norm's bias
	// roundings and rough are product's.
	roundings float64
	rough     bool
	fresh     float64 // the largest gain where nothing of the parent stands
}

// normOf says what norm a gain belongs to.
func (p *prover) normOf(b arch.Bound) (normed, error) {
	one := func(int) float64 { return 1 }
	role, shift := b.Spec.Role, b.Spec.Dims[0].Use == arch.Shifts
	m := p.parent.Model
	n := normed{rel: p.stream, in: p.stream.scale, out: one, rho: p.rho, offset: m.GainOffset, shift: shift,
		roundings: p.claim.rounds(), rough: p.claim.Roundings > 0}
	switch trimBias(role) {
	case arch.AttnNorm, arch.MLPNorm:
	case arch.AttnPostNorm, arch.MLPPostNorm:
		n.out = p.stream.scale
	case arch.FinalNorm:
		if p.child.Model.Tied {
			n.out = p.tiedGain()
		}
	case arch.QNorm, arch.KNorm:
		n.rel = sameRelation(1)
		for _, a := range b.Spec.Dims[0].Axes {
			n.rel = n.rel.times(p.axis(b.Layer, a))
		}
		n.in = one
		if trimBias(role) == arch.QNorm {
			n.out = func(int) float64 { return p.kappa }
		}
		return n, p.headNorm(&n)
	default:
		return n, fmt.Errorf("no condition is known for a norm of role %s", role)
	}
	return n, nil
}

func trimBias(r arch.Role) arch.Role {
	if isBias(r) {
		return r[:len(r)-5]
	}
	return r
}

// tiedGain is what the final norm must give where the embedding is the head too: read through the same columns that wrote the
// stream, the copies of an index must add up to the parent's.
func (p *prover) tiedGain() func(t int) float64 {
	embed := p.stream.scaled(p.embed)
	read := make([]float64, p.stream.from)
	for t, s := range p.stream.src {
		if s >= 0 {
			read[s] += embed.scale(t) * p.stream.scale(t)
		}
	}
	return func(t int) float64 {
		if s := p.stream.src[t]; s >= 0 {
			return p.stream.scale(t) / read[s]
		}
		return 1
	}
}

// headNorm: a norm of q or k keeps its mean square under equal copies. With fresh elements the epsilon, which all norms
// share, would have to change with them.
func (p *prover) headNorm(n *normed) error {
	c := n.rel.copies()
	for s := range c {
		if c[s] != c[0] || c[s] == 0 {
			return fmt.Errorf("element %d has %d copies, element 0 %d: the norm over them is not kept", s, c[s], c[0])
		}
	}
	n.rho = float64(c[0]) * float64(n.rel.from) / float64(n.rel.to())
	if want := p.parent.Model.Eps * n.rho; !near(p.child.Model.Eps, want) {
		return fmt.Errorf("the norm's epsilon is %v, wanted %v for %d of %d elements", p.child.Model.Eps, want, n.rel.from*c[0], n.rel.to())
	}
	return nil
}

// norm judges a gain or a norm's bias.
func (p *prover) norm(w *worker, order int, b, source arch.Bound) error {
	name := b.Info().Name
	n, err := p.normOf(b)
	if err != nil {
		p.refusef(condNorms, order, name, "%v", err)
		return nil
	}
	was, err := vector(source.Tensor)
	if err != nil {
		return err
	}
	is, err := vector(b.Tensor)
	if err != nil {
		return err
	}
	n.fresh = math.Inf(1) // what stands there is zero
	if p.parent.Model.LayerNorm {
		n.fresh = kern.SumsWide * math.Max(p.usual(b), largestOf(was))
	}
	o := &outcome{bytes: source.Info().Size() + b.Info().Size()}
	d := b.Info().DType
	switch {
	case d != source.Info().DType:
		o.bad = &Counterexample{Where: name, Text: fmt.Sprintf("is %s, its source is %s", d, source.Info().DType)}
	case len(was) != n.rel.from || len(is) != n.rel.to():
		o.bad = &Counterexample{Where: name, Text: fmt.Sprintf("has %d elements, its source %d; wanted %d and %d", len(is), len(was), n.rel.to(), n.rel.from)}
	default:
		for t := 0; t < len(is) && o.bad == nil; t++ {
			o.bad = n.element(o, t, was, is, d)
			if o.bad != nil {
				o.bad.Where, o.bad.Index = name, []int{t}
			}
		}
	}
	p.judge(condNorms, order, name, o)
	return nil
}

// element judges one gain: offset + stored must be the parent's times out sqrt(rho) / in.
func (n *normed) element(o *outcome, t int, was, is []float64, d tensor.DType) *Counterexample {
	if math.IsNaN(is[t]) || math.IsInf(is[t], 0) {
		return &Counterexample{Text: fmt.Sprintf("found %v", is[t])}
	}
	s := n.rel.src[t]
	if s < 0 {
		if n.shift && is[t] != 0 {
			return &Counterexample{Text: fmt.Sprintf("wanted 0 where nothing of the parent stands, found %v", is[t])}
		}
		if !(math.Abs(is[t]) <= n.fresh) {
			return &Counterexample{Text: fmt.Sprintf("what is normed there is zero but for rounding: wanted at most %.3g, found %v", n.fresh, is[t])}
		}
		return nil
	}
	f, offset := n.out(t)*math.Sqrt(n.rho)/n.in(t), n.offset
	if n.shift {
		f, offset = n.out(t), 0
	}
	var want sum
	want.addProduct(was[s], f)
	want.addProduct(offset, f)
	want.add(-offset)
	diff := math.Abs(sum{hi: is[t]}.minus(want))
	if diff == 0 {
		o.rounded = o.rounded || !isPower(f) && want.hi != 0
		return nil
	}
	size := math.Max(math.Abs(want.hi), math.Abs(is[t]))
	held := size
	if n.rough {
		held += math.Abs(offset) // what was rounded in between
	}
	bound := n.roundings * (roundingBound(d, held) + claimError*math.Abs(offset))
	h, l := twoSum(want.hi, want.lo)
	sure := isPower(f) && !n.rough && !(offset != 0 && d == tensor.F64) // an offset may round once more in float64
	if sure && !want.lossy && representable(h, l, d) || !(diff <= bound) {
		return &Counterexample{Text: fmt.Sprintf("wanted %v, %v times the parent's, found %v", h, f, is[t])}
	}
	o.rounded = true
	o.worst = math.Max(o.worst, diff/ulpOf(size, d))
	return nil
}

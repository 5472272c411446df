package decoder

import "famkit/internal/engine"

// mixtureForward computes y = add + the weighted sum of the experts that each row is routed to. Rows are gathered expert by
// expert, so that each expert's products run over its own rows.
func (d *Decoder) mixtureForward(b *block, y, add engine.Buf) {
	d.forward(&b.router, b.normed2, b.routed, engine.Buf{})
	d.e.Route(d.route(b))
	d.gather(b)
	d.eachExpert(b, func(p *mlp, at, rows int) {
		d.forwardRows(&p.in, d.expertRows(d.gathered, at, p.in.in), d.expertRows(b.gu, at, p.in.out), engine.Buf{}, rows)
	})
	d.e.Gate(d.gate(b))
	d.eachExpert(b, func(p *mlp, at, rows int) {
		d.forwardRows(&p.down, d.expertRows(b.h, at, p.down.in), d.expertRows(b.expertOut, at, p.down.out), engine.Buf{}, rows)
	})
	c := d.combine(b)
	c.Y, c.Add = y, add
	d.e.Combine(c)
}

// mixtureBackward takes dy, the gradient of the mixture's output, back to dn, that of its input.
func (d *Decoder) mixtureBackward(b *block, dy engine.Buf) {
	c := d.combine(b)
	c.DY, c.DX, c.DWeight = dy, d.dexpert, d.drouting
	d.e.CombineGrad(c)
	d.gather(b)
	d.eachExpert(b, func(p *mlp, at, rows int) {
		d.backwardRows(&p.down, d.expertRows(b.h, at, p.down.in), d.expertRows(d.dexpert, at, p.down.out), d.expertRows(d.dh, at, p.down.in), rows)
	})
	d.e.GateGrad(d.gate(b))
	d.eachExpert(b, func(p *mlp, at, rows int) {
		d.backwardRows(&p.in, d.expertRows(d.gathered, at, p.in.in), d.expertRows(b.gu, at, p.in.out), d.expertRows(d.dexpert, at, p.in.in), rows)
	})
	d.e.RouteGrad(d.route(b))
	d.backwardRows(&b.router, b.normed2, d.drouted, d.dn, d.rows)
	g := d.gathering(b)
	g.DTable, g.DY = d.dn, d.dexpert
	d.e.EmbedGrad(g)
}

// eachExpert calls f with every expert that has rows, and where these begin. f is not kept.
func (d *Decoder) eachExpert(b *block, f func(p *mlp, at, rows int)) {
	at := 0
	for x, rows := range b.counts {
		if rows > 0 {
			f(&b.mlps[x], at, rows)
		}
		at += rows
	}
}

func (d *Decoder) expertRows(x engine.Buf, at, width int) engine.Buf { return rest(x, at*width) }

// gather copies what the experts read next to each other.
func (d *Decoder) gather(b *block) {
	g := d.gathering(b)
	g.Table, g.Y = b.normed2, d.gathered
	d.e.Embed(g)
}

// gathering describes the places of experts as a lookup of rows.
func (d *Decoder) gathering(b *block) *engine.Embed {
	d.ops.embed = engine.Embed{Rows: d.rows * d.m.MoE.TopK, Dim: d.m.Hidden, Vocab: d.rows, Scale: 1, IDs: b.source}
	return &d.ops.embed
}

func (d *Decoder) route(b *block) *engine.Route {
	m := d.m.MoE
	d.ops.route = engine.Route{Rows: d.rows, Experts: m.Experts, TopK: m.TopK, Normalise: m.NormTopK, Logits: b.routed, P: b.chances,
		Weight: b.routing, Chosen: b.chosen, Place: b.place, Source: b.source, Counts: b.counts, DWeight: d.drouting, DLogits: d.drouted}
	return &d.ops.route
}

func (d *Decoder) combine(b *block) *engine.Combine {
	d.ops.combine = engine.Combine{Rows: d.rows, TopK: d.m.MoE.TopK, Dim: d.m.Hidden, X: b.expertOut, Weight: b.routing, Place: b.place}
	return &d.ops.combine
}

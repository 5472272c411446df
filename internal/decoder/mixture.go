package decoder

import "famkit/internal/engine"

// mixtureInner computes what each expert gives for the rows that are routed to it. Rows are gathered expert by
// expert, so that each expert's products run over its own rows.
func (d *Decoder) mixtureInner(b *block) {
	d.forward(&b.router, b.normed2, b.routed, engine.Buf{})
	d.e.Route(d.route(b))
	d.gather(b)
	d.grouped(b, b.mlp.in.product(d.gathered, b.gu, d.slots()))
	d.e.Gate(d.gate(b))
	d.grouped(b, b.mlp.down.product(b.h, b.expertOut, d.slots()))
}

// mixtureBackward takes dy, the gradient of the mixture's output, back to dn, that of its input.
func (d *Decoder) mixtureBackward(b *block, dy engine.Buf) {
	c := d.combine(b)
	c.DY, c.DX, c.DWeight = dy, d.dexpert, d.drouting
	d.e.CombineGrad(c)
	d.gather(b)
	p := &b.mlp
	d.grouped(b, p.down.weightGrad(b.h, d.dexpert, d.slots()))
	d.grouped(b, p.down.inputGrad(d.dexpert, d.dh, d.slots()))
	d.e.GateGrad(d.gate(b))
	d.grouped(b, p.in.weightGrad(d.gathered, b.gu, d.slots()))
	d.grouped(b, p.in.inputGrad(b.gu, d.dexpert, d.slots()))
	d.e.RouteGrad(d.route(b))
	d.backwardRows(&b.router, b.normed2, d.drouted, d.dn, d.rows)
	c = d.combine(b) // each row gets back what its places got
	c.X, c.Weight, c.Y, c.Add = d.dexpert, engine.Buf{}, d.dn, d.dn
	d.e.Combine(c)
}

// slots is how many rows the experts work on together.
func (d *Decoder) slots() int { return d.rows * d.m.MoE.TopK }

// grouped runs a product for every expert over its rows.
func (d *Decoder) grouped(b *block, mm engine.MatMul) {
	d.ops.grouped = engine.Grouped{MatMul: mm, Groups: d.m.MoE.Experts, Step: b.mlp.step, Starts: b.starts}
	d.e.Grouped(&d.ops.grouped)
}

// gather copies what the experts read next to each other.
func (d *Decoder) gather(b *block) {
	d.ops.embed = engine.Embed{Rows: d.slots(), Dim: d.m.Hidden, Vocab: d.rows, Scale: 1, Table: b.normed2, IDs: b.source,
		Y: d.gathered}
	d.e.Embed(&d.ops.embed)
}

func (d *Decoder) route(b *block) *engine.Route {
	m := d.m.MoE
	d.ops.route = engine.Route{Rows: d.rows, Experts: m.Experts, TopK: m.TopK, Normalise: m.NormTopK, Logits: b.routed,
		P:      b.chances,
		Weight: b.routing, Chosen: b.chosen, Place: b.place, Source: b.source, Starts: b.starts, DWeight: d.drouting,
		DLogits: d.drouted}
	return &d.ops.route
}

func (d *Decoder) combine(b *block) *engine.Combine {
	d.ops.combine = engine.Combine{Rows: d.rows, TopK: d.m.MoE.TopK, Dim: d.m.Hidden, X: b.expertOut, Weight: b.routing,
		Place: b.place}
	return &d.ops.combine
}

package decoder

import "famkit/internal/arch"

// take hands out all memory. It runs twice: once to count, once to build.
func (d *Decoder) take(a *arenas) {
	d.takeWeights(a)
	d.takeActivations(a)
	d.takeWork(a)
}

// weights gives views of the arenas of weights and gradients.
type weights struct {
	*layout
	master, read, g *arena // what AdamW changes, and what products read
	train           bool
}

// matrix is a weight or table as products and lookups read it, and its gradient.
func (v *weights) matrix(layer, expert int, roles ...arch.Role) gain {
	return v.view(v.read, layer, expert, roles...)
}

// vector is a gain or bias, and its gradient.
func (v *weights) vector(layer, expert int, roles ...arch.Role) gain {
	return v.view(v.master, layer, expert, roles...)
}

func (v *weights) view(from *arena, layer, expert int, roles ...arch.Role) (t gain) {
	off, n, ok := v.span(layer, expert, roles...)
	if !ok || from.buf.Nil() {
		return t
	}
	t.w = from.buf.At(off, n)
	if v.train {
		t.dw = v.g.buf.At(off, n)
	}
	return t
}

func (v *weights) norm(layer int, role arch.Role) gain {
	t, b := v.vector(layer, -1, role), v.vector(layer, -1, role.Bias())
	t.b, t.db = b.w, b.dw
	return t
}

// product fills in a product's sizes and memory.
func (v *weights) product(p *linear, layer, expert, in, out int, roles ...arch.Role) {
	w, b := v.matrix(layer, expert, roles...), v.vector(layer, expert, biases(roles)...)
	p.w, p.dw, p.b, p.db, p.in, p.out = w.w, w.dw, b.w, b.dw, in, out
}

// experts has the views of the first expert's product reach to the end of the arenas, where those of the others are.
func (v *weights) experts(p *linear, layer int, role arch.Role) {
	if off, _, ok := v.span(layer, 0, role); ok && !v.read.buf.Nil() {
		p.w = v.read.buf.From(off)
		if v.train {
			p.dw = v.g.buf.From(off)
		}
	}
}

func (d *Decoder) takeWeights(a *arenas) {
	m, v := d.m, &weights{d.layout, &a.weights, &a.weights, &a.grads, d.o.Train}
	a.weights.take(d.layout.total)
	if d.spec.Copied() {
		a.copies.take(d.layout.total)
		v.read = &a.copies
	}
	if d.o.Train {
		a.grads.take(d.layout.total)
	}
	d.embed, d.pos = v.matrix(-1, -1, arch.Embed), v.matrix(-1, -1, arch.PosTable)
	d.finalNorm = v.norm(-1, arch.FinalNorm)
	v.product(&d.head, -1, -1, m.Hidden, m.Vocab, arch.Head)
	if m.Tied {
		d.head.w, d.head.dw = d.embed.w, d.embed.dw
	}
	for l := range d.blocks {
		d.takeBlock(v, l)
	}
}

func (d *Decoder) takeBlock(v *weights, l int) {
	m, b := d.m, &d.blocks[l]
	b.attnNorm, b.attnPost = v.norm(l, arch.AttnNorm), v.norm(l, arch.AttnPostNorm)
	b.mlpNorm, b.mlpPost = v.norm(l, arch.MLPNorm), v.norm(l, arch.MLPPostNorm)
	b.qNorm, b.kNorm = v.vector(l, -1, arch.QNorm), v.vector(l, -1, arch.KNorm)
	v.product(&b.qkv, l, -1, m.Hidden, d.qkvWidth(), joined(m, l, -1, arch.QKV, arch.Q, arch.K, arch.V)...)
	v.product(&b.o, l, -1, d.qWidth(), m.Hidden, arch.O)
	first := -1
	if b.mixture {
		first = 0
		v.product(&b.router, l, -1, m.Hidden, m.MoE.Experts, arch.Router)
	}
	ffn, _ := d.inner(b)
	roles := inner(m, l, first)
	v.product(&b.mlp.in, l, first, m.Hidden, d.halves()*ffn, roles...)
	v.product(&b.mlp.down, l, first, ffn, m.Hidden, arch.Down)
	if b.mixture {
		v.experts(&b.mlp.in, l, roles[0])
		v.experts(&b.mlp.down, l, arch.Down)
	}
}

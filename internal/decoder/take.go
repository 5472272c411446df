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
	w, g  *arena
	train bool
}

func (v *weights) tensor(layer, expert int, roles ...arch.Role) (t gain) {
	off, n, ok := v.span(layer, expert, roles...)
	if !ok || v.w.buf.Nil() {
		return t
	}
	t.w = v.w.buf.At(off, n)
	if v.train {
		t.dw = v.g.buf.At(off, n)
	}
	return t
}

func (v *weights) norm(layer int, role arch.Role) gain {
	t, b := v.tensor(layer, -1, role), v.tensor(layer, -1, role.Bias())
	t.b, t.db = b.w, b.dw
	return t
}

// product fills in a product's sizes and memory.
func (v *weights) product(p *linear, layer, expert, in, out int, roles ...arch.Role) {
	w, b := v.tensor(layer, expert, roles...), v.tensor(layer, expert, biases(roles)...)
	p.w, p.dw, p.b, p.db, p.in, p.out = w.w, w.dw, b.w, b.dw, in, out
}

func (d *Decoder) takeWeights(a *arenas) {
	m, v := d.m, &weights{d.layout, &a.weights, &a.grads, d.o.Train}
	a.weights.take(d.layout.total)
	if d.o.Train {
		a.grads.take(d.layout.total)
	}
	d.embed, d.pos = v.tensor(-1, -1, arch.Embed), v.tensor(-1, -1, arch.PosTable)
	d.finalNorm = v.norm(-1, arch.FinalNorm)
	v.product(&d.head, -1, -1, m.Hidden, m.Vocab, arch.Head)
	if m.Tied {
		d.head.w, d.head.dw = d.embed.w, d.embed.dw
	}
	for l := range d.blocks {
		b := &d.blocks[l]
		b.attnNorm, b.attnPost = v.norm(l, arch.AttnNorm), v.norm(l, arch.AttnPostNorm)
		b.mlpNorm, b.mlpPost = v.norm(l, arch.MLPNorm), v.norm(l, arch.MLPPostNorm)
		b.qNorm, b.kNorm = v.tensor(l, -1, arch.QNorm), v.tensor(l, -1, arch.KNorm)
		v.product(&b.qkv, l, -1, m.Hidden, d.qkvWidth(), joined(m, l, -1, arch.QKV, arch.Q, arch.K, arch.V)...)
		v.product(&b.o, l, -1, d.qWidth(), m.Hidden, arch.O)
		first := -1
		if b.mixture {
			first = 0
			v.product(&b.router, l, -1, m.Hidden, m.MoE.Experts, arch.Router)
		}
		ffn, _ := d.inner(b)
		for x := range b.mlps {
			v.product(&b.mlps[x].in, l, first+x, m.Hidden, d.halves()*ffn, inner(m, l, first+x)...)
			v.product(&b.mlps[x].down, l, first+x, ffn, m.Hidden, arch.Down)
		}
	}
}

func (d *Decoder) takeActivations(a *arenas) {
	m, rows := d.m, d.o.Batch*d.o.SeqLen
	for l := range d.blocks {
		b := &d.blocks[l]
		if l > 0 && !d.o.Train {
			b.saved = d.blocks[0].saved
			continue
		}
		d.takeStream(a, b)
		b.qkvOut = a.acts.take(rows * d.qkvWidth())
		if d.normsQK() {
			b.qk = a.acts.take(rows * d.qkWidth())
			b.qStat, b.kStat = a.acts.take(rows*m.Heads), a.acts.take(rows*m.KVHeads)
		}
		b.attn, b.lse = a.acts.take(rows*d.qWidth()), a.acts.take(rows*m.Heads)
		d.takeMLP(a, b)
	}
	if d.o.Train || m.Layers == 0 {
		d.last = a.acts.take(rows * m.Hidden)
	} else {
		d.last = d.blocks[0].x
	}
	d.finalOut, d.loss = a.acts.take(rows*m.Hidden), a.acts.take(rows)
	d.finalStat = d.takeStat(a)
}

// takeStream takes what stands along the residual stream.
func (d *Decoder) takeStream(a *arenas, b *block) {
	n := d.o.Batch * d.o.SeqLen * d.m.Hidden
	b.x, b.mid = a.acts.take(n), a.acts.take(n)
	b.normed1, b.normed2 = b.x, d.besideMLP(b)
	if d.m.PreNorm {
		b.normed1, b.normed2 = a.acts.take(n), a.acts.take(n)
		b.stat1, b.stat2 = d.takeStat(a), d.takeStat(a)
	}
	if d.m.PostNorm {
		b.attnOut, b.mlpOut = a.acts.take(n), a.acts.take(n)
		b.postStat1, b.postStat2 = d.takeStat(a), d.takeStat(a)
	}
}

func (d *Decoder) takeStat(a *arenas) (s stat) {
	rows := d.o.Batch * d.o.SeqLen
	s.scale = a.acts.take(rows)
	if d.m.LayerNorm {
		s.mean = a.acts.take(rows)
	}
	return s
}

// widest gives the rows times inner size of the MLPs that may use b's memory, which all do without training, and whether some
// are mixtures.
func (d *Decoder) widest(b *block) (n int, mixture bool) {
	for l := range d.blocks {
		c := &d.blocks[l]
		if d.o.Train && b != c {
			continue
		}
		ffn, slots := d.inner(c)
		n, mixture = max(n, d.o.Batch*d.o.SeqLen*slots*ffn), mixture || c.mixture
	}
	return n, mixture
}

func (d *Decoder) takeMLP(a *arenas, b *block) {
	n, mixture := d.widest(b)
	b.gu, b.h = a.acts.take(d.halves()*n), a.acts.take(n)
	if !mixture {
		return
	}
	m, rows := d.m.MoE, d.o.Batch*d.o.SeqLen
	b.routed, b.chances, b.routing = a.acts.take(rows*m.Experts), a.acts.take(rows*m.Experts), a.acts.take(rows*m.TopK)
	b.chosen, b.place, b.source = a.ints.take(rows*m.TopK), a.ints.take(rows*m.TopK), a.ints.take(rows*m.TopK)
	b.expertOut = a.acts.take(rows * m.TopK * d.m.Hidden)
	b.counts = make([]int, m.Experts)
}

package decoder

import "famkit/internal/arch"

// logitElems bounds the logits that exist at a time: 64 MB in float32. Fewer would read and write the head's
// gradient more often, once per chunk.
const logitElems = 16 << 20

// take hands out all memory. It runs twice: once to count, once to build.
func (d *Decoder) take(a *arenas) {
	d.takeWeights(a)
	d.takeActivations(a)
	d.takeWork(a)
}

func (d *Decoder) takeWeights(a *arenas) {
	m, y := d.m, d.layout
	w, g := a.weights.take(y.total), a.grads.take(0)
	if d.o.Train {
		g = a.grads.take(y.total)
	}
	vector := func(layer int, roles ...arch.Role) (v gain) {
		off, n, ok := y.span(layer, roles...)
		if !ok || w.Nil() {
			return v
		}
		v.w = w.At(off, n)
		if d.o.Train {
			v.dw = g.At(off, n)
		}
		return v
	}
	product := func(layer, in, out int, roles ...arch.Role) linear {
		biases := make([]arch.Role, len(roles))
		for i, r := range roles {
			biases[i] = r.Bias()
		}
		p, b := vector(layer, roles...), vector(layer, biases...)
		return linear{p.w, b.w, p.dw, b.dw, in, out}
	}
	d.embed = vector(-1, arch.Embed)
	d.finalNorm = vector(-1, arch.FinalNorm)
	d.head = product(-1, m.Hidden, m.Vocab, arch.Head)
	if m.Tied {
		d.head = linear{w: d.embed.w, dw: d.embed.dw, in: m.Hidden, out: m.Vocab}
	}
	d.blocks = make([]block, m.Layers)
	for l := range d.blocks {
		b := &d.blocks[l]
		b.attnNorm, b.mlpNorm = vector(l, arch.AttnNorm), vector(l, arch.MLPNorm)
		b.qNorm, b.kNorm = vector(l, arch.QNorm), vector(l, arch.KNorm)
		b.qkv = product(l, m.Hidden, d.qkvWidth(), arch.Q, arch.K, arch.V)
		b.o = product(l, d.qWidth(), m.Hidden, arch.O)
		b.gateUp = product(l, m.Hidden, 2*m.FFN, arch.Gate, arch.Up)
		b.down = product(l, m.FFN, m.Hidden, arch.Down)
		if len(m.Window) > 0 {
			b.window = m.Window[l]
		}
	}
}

// Widths of the packed heads of a row.
func (d *Decoder) qWidth() int   { return d.m.Heads * d.m.HeadDim }
func (d *Decoder) kvWidth() int  { return d.m.KVHeads * d.m.HeadDim }
func (d *Decoder) qkWidth() int  { return d.qWidth() + d.kvWidth() }
func (d *Decoder) qkvWidth() int { return d.qWidth() + 2*d.kvWidth() }

func (d *Decoder) takeActivations(a *arenas) {
	m, rows := d.m, d.o.Batch*d.o.SeqLen
	for l := range d.blocks {
		b := &d.blocks[l]
		if l > 0 && !d.o.Train {
			b.share(&d.blocks[0])
			continue
		}
		b.x, b.mid = a.acts.take(rows*m.Hidden), a.acts.take(rows*m.Hidden)
		b.normed1, b.normed2 = a.acts.take(rows*m.Hidden), a.acts.take(rows*m.Hidden)
		b.stat1, b.stat2 = a.acts.take(rows), a.acts.take(rows)
		b.qkvOut = a.acts.take(rows * d.qkvWidth())
		if m.QKNorm {
			b.qk = a.acts.take(rows * d.qkWidth())
			b.qStat, b.kStat = a.acts.take(rows*m.Heads), a.acts.take(rows*m.KVHeads)
		}
		b.attn, b.lse = a.acts.take(rows*d.qWidth()), a.acts.take(rows*m.Heads)
		b.gu, b.h = a.acts.take(rows*2*m.FFN), a.acts.take(rows*m.FFN)
	}
	if d.o.Train || m.Layers == 0 {
		d.last = a.acts.take(rows * m.Hidden)
	} else {
		d.last = d.blocks[0].x
	}
	d.finalOut, d.finalStat, d.loss = a.acts.take(rows*m.Hidden), a.acts.take(rows), a.acts.take(rows)
}

// share makes a block that keeps nothing use the activations of another.
func (b *block) share(o *block) {
	b.x, b.mid, b.normed1, b.normed2, b.stat1, b.stat2 = o.x, o.mid, o.normed1, o.normed2, o.stat1, o.stat2
	b.qkvOut, b.qk, b.qStat, b.kStat, b.attn, b.lse = o.qkvOut, o.qk, o.qStat, o.kStat, o.attn, o.lse
	b.gu, b.h = o.gu, o.h
}

// takeWork lays out what no pass leaves behind. The backward passes of the head, the MLP and the attention run one
// after the other, so that their temporaries lie over each other.
func (d *Decoder) takeWork(a *arenas) {
	m, rows := d.m, d.o.Batch*d.o.SeqLen
	d.ids, d.targets = a.ints.take(rows), a.ints.take(rows)
	d.cos, d.sin = a.work.take(d.o.SeqLen*len(d.invFreq)), a.work.take(d.o.SeqLen*len(d.invFreq))
	if d.o.Train {
		d.dx, d.dn = a.work.take(rows*m.Hidden), a.work.take(rows*m.Hidden)
	}
	start := a.work.off
	chunks := (rows*m.Vocab + logitElems - 1) / logitElems
	d.chunk = (rows + chunks - 1) / chunks
	d.logits = a.work.take(d.chunk * m.Vocab)
	if !d.o.Train {
		return
	}
	d.dfinal = a.work.take(rows * m.Hidden)
	a.work.off = start
	d.dh = a.work.take(rows * m.FFN)
	a.work.off = start
	d.dattn, d.dqkv = a.work.take(rows*d.qWidth()), a.work.take(rows*d.qkvWidth())
	if m.QKNorm {
		d.dqk = a.work.take(rows * d.qkWidth())
	}
	d.delta = a.work.take(rows * m.Heads)
}

package decoder

import (
	"famkit/internal/engine"
)

// EmbedForward looks up the batch's ids, and adds the positions where they are learned.
func (d *Decoder) EmbedForward() {
	d.lookup()
	d.ops.embed.Table, d.ops.embed.Y = d.embed.w, d.stream(0)
	if !d.pos.w.Nil() {
		d.ops.embed.Pos = d.pos.w.From(d.cache.past * d.m.Hidden)
	}
	d.e.Embed(&d.ops.embed)
}

// lookup describes the embedding of the batch.
func (d *Decoder) lookup() {
	scale := d.m.EmbedScale
	if scale == 0 {
		scale = 1
	}
	d.ops.embed = engine.Embed{Rows: d.rows, Dim: d.m.Hidden, Vocab: d.m.Vocab, T: d.seq, Scale: scale, IDs: d.ids,
		Order: d.order}
}

// stream is the residual stream before block l, or after the last.
func (d *Decoder) stream(l int) engine.Buf {
	if l == len(d.blocks) {
		return d.last
	}
	return d.blocks[l].x
}

// wide is the part of a [rows, hidden] buffer that the batch fills.
func (d *Decoder) wide(x engine.Buf) engine.Buf { return x.At(0, d.rows*d.m.Hidden) }

// BlockForward runs block l.
func (d *Decoder) BlockForward(l int) {
	b := &d.blocks[l]
	d.attentionInner(b)
	d.attentionOuter(b)
	d.mlpInner(b)
	d.mlpOuter(b, d.stream(l+1))
}

// attentionInner runs the attention of a block up to what it gives before the product with O, and that product too
// where it is normed.
func (d *Decoder) attentionInner(b *block) {
	if d.m.PreNorm {
		d.normForward(b.x, b.normed1, b.stat1, b.attnNorm)
	}
	d.forward(&b.qkv, b.normed1, b.qkvOut, engine.Buf{})
	if d.normsQK() {
		d.e.RMSNorm(d.qNorm(b))
		d.e.RMSNorm(d.kNorm(b))
	}
	a := d.attention(b)
	d.rotateQK(b, a.Q, a.K, a.StrideQ, false)
	if d.cache.on {
		d.keep(b, a)
	}
	d.e.Attention(a)
	if d.m.PostNorm {
		d.forward(&b.o, b.attn, b.attnOut, engine.Buf{})
	}
}

// attentionOuter adds what the attention gives to the stream.
func (d *Decoder) attentionOuter(b *block) {
	if d.m.PostNorm {
		d.join(b.attnOut, b.mid, b.x, b.postStat1, b.attnPost)
		return
	}
	d.forward(&b.o, b.attn, b.mid, b.x)
}

// mlpInner is attentionInner of the MLP.
func (d *Decoder) mlpInner(b *block) {
	if d.m.PreNorm {
		d.normForward(d.besideMLP(b), b.normed2, b.stat2, b.mlpNorm)
	}
	if b.mixture {
		d.mixtureInner(b)
	} else {
		d.forward(&b.mlp.in, b.normed2, b.gu, engine.Buf{})
		d.e.Gate(d.gate(b))
	}
	if d.m.PostNorm {
		d.mlpGives(b, b.mlpOut, engine.Buf{})
	}
}

// mlpOuter adds what the MLP gives to the stream: y is the stream after the block.
func (d *Decoder) mlpOuter(b *block, y engine.Buf) {
	if d.m.PostNorm {
		d.join(b.mlpOut, y, b.mid, b.postStat2, b.mlpPost)
		return
	}
	d.mlpGives(b, y, b.mid)
}

// mlpGives computes y = add + what the MLP gives.
func (d *Decoder) mlpGives(b *block, y, add engine.Buf) {
	if b.mixture {
		c := d.combine(b)
		c.Y, c.Add = y, add
		d.e.Combine(c)
		return
	}
	d.forward(&b.mlp.down, b.h, y, add)
}

// besideMLP is the stream that the MLP reads.
func (d *Decoder) besideMLP(b *block) engine.Buf {
	if d.m.Parallel {
		return b.x
	}
	return b.mid
}

// join computes y = x + the norm of what a branch gave.
func (d *Decoder) join(branch, y, x engine.Buf, s stat, g gain) {
	d.normForward(branch, y, s, g)
	d.e.AddTo(d.wide(y), d.wide(x))
}

// forward computes y = x w^T + b + add.
func (d *Decoder) forward(p *linear, x, y, add engine.Buf) {
	d.forwardRows(p, x, y, add, d.rows)
}

func (d *Decoder) forwardRows(p *linear, x, y, add engine.Buf, rows int) {
	d.ops.mm = p.product(x, y, rows)
	d.ops.mm.Bias, d.ops.mm.Add, d.ops.mm.LDAdd = p.b, add, p.out
	d.e.MatMul(&d.ops.mm)
}

// product is y = x w^T.
func (p *linear) product(x, y engine.Buf, rows int) engine.MatMul {
	mm := engine.MatMul{M: rows, N: p.out, K: p.in, A: x, B: p.w, C: y, LDA: p.in, LDB: p.in, LDC: p.out, TransB: true}
	if p.transposed {
		mm.TransB, mm.LDB = false, p.out
	}
	return mm
}

// norm describes an ordinary norm over the hidden axis.
func (d *Decoder) norm(x, y engine.Buf, s stat, g gain) *engine.Norm {
	d.ops.norm = engine.Norm{Rows: d.rows, Groups: 1, Dim: d.m.Hidden, StrideX: d.m.Hidden, StrideY: d.m.Hidden,
		X: x, Y: y, Gain: g.w, Bias: g.b, Stat: s.scale, Mean: s.mean, Eps: d.m.Eps, PlusOne: d.m.GainOffset}
	return &d.ops.norm
}

func (d *Decoder) normForward(x, y engine.Buf, s stat, g gain) {
	if d.m.LayerNorm {
		d.e.LayerNorm(d.norm(x, y, s, g))
		return
	}
	d.e.RMSNorm(d.norm(x, y, s, g))
}

// gate describes the activation of a block; its gradient overwrites gate and up.
func (d *Decoder) gate(b *block) *engine.Gate {
	ffn, slots := d.inner(b)
	n := d.halves()
	d.ops.gate = engine.Gate{Rows: d.rows * slots, Dim: ffn, StrideG: n * ffn, StrideH: ffn, Act: d.act,
		G: b.gu, H: b.h, DG: b.gu, DH: d.dh}
	if d.m.Gated {
		d.ops.gate.U = b.gu.From(ffn)
		d.ops.gate.DU = d.ops.gate.U
	}
	return &d.ops.gate
}

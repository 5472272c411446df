package decoder

import (
	"famkit/internal/engine"
)

// EmbedForward looks up the batch's ids.
func (d *Decoder) EmbedForward() {
	d.ops.embed = engine.Embed{Rows: d.rows, Dim: d.m.Hidden, Vocab: d.m.Vocab, Scale: 1,
		Table: d.embed.w, IDs: d.ids, Y: d.stream(0)}
	d.e.Embed(&d.ops.embed)
}

// stream is the residual stream before block l, or after the last.
func (d *Decoder) stream(l int) engine.Buf {
	if l == len(d.blocks) {
		return d.last
	}
	return d.blocks[l].x
}

// BlockForward runs block l.
func (d *Decoder) BlockForward(l int) {
	d.attentionForward(l)
	d.mlpForward(l)
}

func (d *Decoder) attentionForward(l int) {
	b := &d.blocks[l]
	d.normForward(b.x, b.normed1, b.stat1, b.attnNorm)
	d.forward(&b.qkv, b.normed1, b.qkvOut, engine.Buf{})
	if d.m.QKNorm {
		d.e.RMSNorm(d.qNorm(b))
		d.e.RMSNorm(d.kNorm(b))
	}
	a := d.attention(b)
	d.rotate(a.Q, d.m.Heads, a.StrideQ, false)
	d.rotate(a.K, d.m.KVHeads, a.StrideK, false)
	d.e.Attention(a)
	d.forward(&b.o, b.attn, b.mid, b.x)
}

func (d *Decoder) mlpForward(l int) {
	b := &d.blocks[l]
	d.normForward(b.mid, b.normed2, b.stat2, b.mlpNorm)
	d.forward(&b.gateUp, b.normed2, b.gu, engine.Buf{})
	d.e.Gate(d.gate(b))
	d.forward(&b.down, b.h, d.stream(l+1), b.mid)
}

// forward computes y = x w^T + b + add.
func (d *Decoder) forward(p *linear, x, y, add engine.Buf) {
	d.forwardRows(p, x, y, add, d.rows)
}

func (d *Decoder) forwardRows(p *linear, x, y, add engine.Buf, rows int) {
	d.ops.mm = engine.MatMul{M: rows, N: p.out, K: p.in, A: x, B: p.w, C: y, LDA: p.in, LDB: p.in, LDC: p.out,
		TransB: true, Bias: p.b, Add: add, LDAdd: p.out}
	d.e.MatMul(&d.ops.mm)
}

// norm describes an ordinary norm over the hidden axis.
func (d *Decoder) norm(x, y, stat engine.Buf, g gain) *engine.Norm {
	d.ops.norm = engine.Norm{Rows: d.rows, Groups: 1, Dim: d.m.Hidden, StrideX: d.m.Hidden, StrideY: d.m.Hidden,
		X: x, Y: y, Gain: g.w, Stat: stat, Eps: d.m.Eps}
	return &d.ops.norm
}

func (d *Decoder) normForward(x, y, stat engine.Buf, g gain) { d.e.RMSNorm(d.norm(x, y, stat, g)) }

// attention describes block b's attention. Its q and k are the normed ones where they have norms.
func (d *Decoder) attention(b *block) *engine.Attention {
	m, q, kv := d.m, d.qWidth(), d.kvWidth()
	rest := func(x engine.Buf, off int) engine.Buf { return x.At(off, x.N-off) }
	a := &d.ops.attn
	*a = engine.Attention{B: d.batch, T: d.seq, Heads: m.Heads, KVHeads: m.KVHeads, HeadDim: m.HeadDim,
		Scale: d.scale, Window: b.window, O: b.attn, StrideO: q, LSE: b.lse, DO: d.dattn, Delta: d.delta}
	packed, width := b.qkvOut, d.qkvWidth()
	a.V, a.StrideV = rest(packed, q+kv), width
	dpacked := d.dqkv
	if d.o.Train {
		a.DV = rest(dpacked, q+kv)
	}
	if m.QKNorm {
		packed, width, dpacked = b.qk, d.qkWidth(), d.dqk
	}
	a.Q, a.StrideQ, a.K, a.StrideK = packed, width, rest(packed, q), width
	if d.o.Train {
		a.DQ, a.DK = dpacked, rest(dpacked, q)
	}
	return a
}

// qNorm describes the norm of every query head.
func (d *Decoder) qNorm(b *block) *engine.Norm {
	return d.headNorm(b, 0, d.m.Heads, b.qStat, b.qNorm)
}

// kNorm describes the norm of every key head.
func (d *Decoder) kNorm(b *block) *engine.Norm {
	return d.headNorm(b, d.qWidth(), d.m.KVHeads, b.kStat, b.kNorm)
}

// headNorm describes the norm of packed heads that start at element off of a row.
func (d *Decoder) headNorm(b *block, off, heads int, stat engine.Buf, g gain) *engine.Norm {
	x, y := b.qkvOut.At(off, b.qkvOut.N-off), b.qk.At(off, b.qk.N-off)
	d.ops.norm = engine.Norm{Rows: d.rows, Groups: heads, Dim: d.m.HeadDim, StrideX: d.qkvWidth(), StrideY: d.qkWidth(),
		X: x, Y: y, Gain: g.w, Stat: stat, Eps: d.m.Eps}
	if d.o.Train {
		d.ops.norm.DGain = g.dw
		d.ops.norm.DX, d.ops.norm.DY = d.dqkv.At(off, d.dqkv.N-off), d.dqk.At(off, d.dqk.N-off)
	}
	return &d.ops.norm
}

func (d *Decoder) rotate(x engine.Buf, heads, stride int, inverse bool) {
	d.ops.rope = engine.Rope{Rows: d.rows, T: d.seq, Heads: heads, HeadDim: d.m.HeadDim, Dim: 2 * len(d.invFreq),
		Stride: stride, X: x, Cos: d.cos, Sin: d.sin, Inverse: inverse}
	d.e.Rope(&d.ops.rope)
}

// gate describes the gated activation of a block; its gradient overwrites gate and up.
func (d *Decoder) gate(b *block) *engine.Gate {
	f := d.m.FFN
	up := b.gu.At(f, b.gu.N-f)
	d.ops.gate = engine.Gate{Rows: d.rows, Dim: f, StrideG: 2 * f, StrideH: f, Act: d.act,
		G: b.gu, U: up, H: b.h, DG: b.gu, DU: up, DH: d.dh}
	return &d.ops.gate
}

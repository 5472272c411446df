package decoder

import "famkit/internal/engine"

// heads describes the shape of block b's attention over batch sequences of seq tokens.
func (d *Decoder) heads(b *block, batch, seq int) *engine.Attention {
	m, at := d.m, d.packed
	a := &d.ops.attn
	*a = engine.Attention{B: batch, T: seq, Heads: m.Heads, KVHeads: m.KVHeads, HeadDim: m.HeadDim, StepQ: at.stepQ,
		StepKV: at.stepKV,
		Scale:  d.scale, Softcap: m.AttnSoftcap, Window: b.window,
		StrideQ: d.qkvWidth(), StrideK: d.qkvWidth(), StrideV: d.qkvWidth(), StrideO: d.qWidth()}
	if d.normsQK() {
		a.StrideQ, a.StrideK = d.qkWidth(), d.qkWidth()
	}
	return a
}

// attention describes block b's attention. Its q and k are the normed ones where they have norms.
func (d *Decoder) attention(b *block) *engine.Attention {
	a, at := d.heads(b, d.batch, d.seq), d.packed
	a.O, a.LSE, a.DO, a.Delta, a.Work = b.attn, b.lse, d.dattn, d.delta, d.scores
	packed, dpacked := b.qkvOut, d.dqkv
	a.V = packed.From(at.v)
	if d.o.Train {
		a.DV = dpacked.From(at.v)
	}
	if d.normsQK() {
		packed, dpacked = b.qk, d.dqk
	}
	a.Q, a.K = packed, packed.From(at.k)
	if d.o.Train {
		a.DQ, a.DK = dpacked, dpacked.From(at.k)
	}
	return a
}

// qNorm describes the norm of the queries: of every head, or of all together.
func (d *Decoder) qNorm(b *block) *engine.Norm { return d.headNorm(0, d.m.Heads, b, b.qStat, b.qNorm) }

// kNorm describes the norm of the keys.
func (d *Decoder) kNorm(b *block) *engine.Norm {
	return d.headNorm(d.qWidth(), d.m.KVHeads, b, b.kStat, b.kNorm)
}

// headNorm describes the norm of packed heads that start at element off of a row.
func (d *Decoder) headNorm(off, heads int, b *block, s engine.Buf, g gain) *engine.Norm {
	dim := d.m.HeadDim
	if d.m.QKNormFull {
		heads, dim = 1, heads*dim
	}
	d.ops.norm = engine.Norm{Rows: d.rows, Groups: heads, Dim: dim, StrideX: d.qkvWidth(), StrideY: d.qkWidth(),
		X: b.qkvOut.From(off), Y: b.qk.From(off), Gain: g.w, Stat: s, Eps: d.m.Eps, PlusOne: d.m.GainOffset}
	if d.o.Train {
		d.ops.norm.DGain = g.dw
		d.ops.norm.DX, d.ops.norm.DY = d.dqkv.From(off), d.dqk.From(off)
	}
	return &d.ops.norm
}

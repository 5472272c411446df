package decoder

import "famkit/internal/engine"

// attention describes block b's attention. Its q and k are the normed ones where they have norms.
func (d *Decoder) attention(b *block) *engine.Attention {
	m, at := d.m, d.packed
	a := &d.ops.attn
	*a = engine.Attention{B: d.batch, T: d.seq, Heads: m.Heads, KVHeads: m.KVHeads, HeadDim: m.HeadDim, StepQ: at.stepQ, StepKV: at.stepKV,
		Scale: d.scale, Softcap: m.AttnSoftcap, Window: b.window, O: b.attn, StrideO: d.qWidth(), LSE: b.lse, DO: d.dattn, Delta: d.delta}
	packed, width := b.qkvOut, d.qkvWidth()
	a.V, a.StrideV = rest(packed, at.v), width
	dpacked := d.dqkv
	if d.o.Train {
		a.DV = rest(dpacked, at.v)
	}
	if d.normsQK() {
		packed, width, dpacked = b.qk, d.qkWidth(), d.dqk
	}
	a.Q, a.StrideQ, a.K, a.StrideK = packed, width, rest(packed, at.k), width
	if d.o.Train {
		a.DQ, a.DK = dpacked, rest(dpacked, at.k)
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
		X: rest(b.qkvOut, off), Y: rest(b.qk, off), Gain: g.w, Stat: s, Eps: d.m.Eps, PlusOne: d.m.GainOffset}
	if d.o.Train {
		d.ops.norm.DGain = g.dw
		d.ops.norm.DX, d.ops.norm.DY = rest(d.dqkv, off), rest(d.dqk, off)
	}
	return &d.ops.norm
}

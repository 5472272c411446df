package decoder

import "famkit/internal/engine"

// BlockBackward takes the residual gradient from after block l to before it and adds the block's weight gradients.
// It uses up the activations that BlockForward left.
func (d *Decoder) BlockBackward(l int) {
	d.mlpBackward(&d.blocks[l])
	d.attentionBackward(&d.blocks[l])
}

func (d *Decoder) mlpBackward(b *block) {
	d.backward(&b.down, b.h, d.dx, d.dh)
	d.e.GateGrad(d.gate(b))
	d.backward(&b.gateUp, b.normed2, b.gu, d.dn)
	d.normBackward(b.mid, d.dn, b.stat2, b.mlpNorm, true)
}

func (d *Decoder) attentionBackward(b *block) {
	d.backward(&b.o, b.attn, d.dx, d.dattn)
	a := d.attention(b)
	d.e.AttentionGrad(a)
	d.rotate(a.DQ, d.m.Heads, a.StrideQ, true)
	d.rotate(a.DK, d.m.KVHeads, a.StrideK, true)
	if d.m.QKNorm {
		d.e.RMSNormGrad(d.qNorm(b))
		d.e.RMSNormGrad(d.kNorm(b))
	}
	d.backward(&b.qkv, b.normed1, d.dqkv, d.dn)
	d.normBackward(b.x, d.dn, b.stat1, b.attnNorm, true)
}

// backward adds dy^T x to the weight's gradient and the column sums of dy to the bias's, and computes dx = dy w.
func (d *Decoder) backward(p *linear, x, dy, dx engine.Buf) { d.backwardRows(p, x, dy, dx, d.rows) }

func (d *Decoder) backwardRows(p *linear, x, dy, dx engine.Buf, rows int) {
	d.ops.mm = engine.MatMul{M: p.out, N: p.in, K: rows, A: dy, B: x, C: p.dw, LDA: p.out, LDB: p.in, LDC: p.in,
		TransA: true, Beta: 1}
	d.e.MatMul(&d.ops.mm)
	if !p.db.Nil() {
		d.e.BiasGrad(p.db, dy, rows, p.out, p.out)
	}
	d.ops.mm = engine.MatMul{M: rows, N: p.in, K: p.out, A: dy, B: p.w, C: dx, LDA: p.out, LDB: p.in, LDC: p.in}
	d.e.MatMul(&d.ops.mm)
}

// normBackward takes dy back through a norm into the residual gradient.
func (d *Decoder) normBackward(x, dy, stat engine.Buf, g gain, accumulate bool) {
	n := d.norm(x, engine.Buf{}, stat, g)
	n.DX, n.DY, n.DGain, n.Accumulate = d.dx, dy, g.dw, accumulate
	d.e.RMSNormGrad(n)
}

// EmbedBackward adds the residual gradient to the embedding rows that were looked up.
func (d *Decoder) EmbedBackward() {
	d.ops.embed = engine.Embed{Rows: d.rows, Dim: d.m.Hidden, Vocab: d.m.Vocab, Scale: 1,
		IDs: d.ids, DTable: d.embed.dw, DY: d.dx}
	d.e.EmbedGrad(&d.ops.embed)
}

// ZeroGrad clears all gradients.
func (d *Decoder) ZeroGrad() {
	if d.o.Train {
		d.e.Zero(d.mem.grads.buf)
	}
}

package decoder

import "famkit/internal/engine"

// BlockBackward takes the residual gradient from after block l to before it and adds the block's weight gradients.
// It uses up the activations that BlockForward left.
func (d *Decoder) BlockBackward(l int) {
	b := &d.blocks[l]
	if d.o.Recompute == RecomputeBlock {
		d.attentionAgain(b, true)
		d.mlpAgain(b, l)
	}
	d.mlpBackward(b)
	if d.o.Recompute == RecomputeAttention {
		d.attentionAgain(b, false)
	}
	d.attentionBackward(b)
	if d.m.Parallel {
		d.e.AddTo(d.wide(d.dx), d.wide(d.dside))
	}
}

// attentionAgain computes again what the attention's backward pass reads, and with outer the stream after it. A norm
// of what the branch gave is part of that for its statistics.
func (d *Decoder) attentionAgain(b *block, outer bool) {
	d.attentionInner(b)
	if outer || d.m.PostNorm {
		d.attentionOuter(b)
	}
}

// mlpAgain is attentionAgain of the MLP. What it may write is the stream after block l, which nobody reads any more.
func (d *Decoder) mlpAgain(b *block, l int) {
	d.mlpInner(b)
	if d.m.PostNorm {
		d.mlpOuter(b, d.stream(l+1))
	}
}

func (d *Decoder) mlpBackward(b *block) {
	dy := d.beforePost(b.mlpOut, b.postStat2, b.mlpPost)
	if b.mixture {
		d.mixtureBackward(b, dy)
	} else {
		d.backward(&b.mlp.down, b.h, dy, d.dh)
		d.e.GateGrad(d.gate(b))
		d.backward(&b.mlp.in, b.normed2, b.gu, d.dn)
	}
	if d.m.Parallel { // what attention gets is the gradient of its output, without this part of its input's
		d.beforeBranch(d.besideMLP(b), d.dside, b.stat2, b.mlpNorm, false)
		return
	}
	d.beforeBranch(d.besideMLP(b), d.dx, b.stat2, b.mlpNorm, true)
}

func (d *Decoder) attentionBackward(b *block) {
	d.backward(&b.o, b.attn, d.beforePost(b.attnOut, b.postStat1, b.attnPost), d.dattn)
	a := d.attention(b)
	d.e.AttentionGrad(a)
	d.rotateQK(b, a.DQ, a.DK, a.StrideQ, true)
	if d.normsQK() {
		d.e.RMSNormGrad(d.qNorm(b))
		d.e.RMSNormGrad(d.kNorm(b))
	}
	d.backward(&b.qkv, b.normed1, d.dqkv, d.dn)
	d.beforeBranch(b.x, d.dx, b.stat1, b.attnNorm, true)
}

// beforePost takes the stream's gradient back through the norm of what a branch gave, where there is one.
func (d *Decoder) beforePost(branch engine.Buf, s stat, g gain) engine.Buf {
	if !d.m.PostNorm {
		return d.dx
	}
	d.normBackward(branch, d.dx, d.dpost, s, g, false)
	return d.dpost
}

// beforeBranch takes dn, the gradient of what a branch read, back to the stream x. It is added to dx, or overwrites it.
func (d *Decoder) beforeBranch(x, dx engine.Buf, s stat, g gain, accumulate bool) {
	switch {
	case d.m.PreNorm:
		d.normBackward(x, d.dn, dx, s, g, accumulate)
	case accumulate:
		d.e.AddTo(d.wide(dx), d.wide(d.dn))
	default:
		d.e.Copy(d.wide(dx), d.wide(d.dn))
	}
}

// backward adds dy^T x to the weight's gradient and the column sums of dy to the bias's, and computes dx = dy w.
func (d *Decoder) backward(p *linear, x, dy, dx engine.Buf) { d.backwardRows(p, x, dy, dx, d.rows) }

func (d *Decoder) backwardRows(p *linear, x, dy, dx engine.Buf, rows int) {
	mm := &d.ops.mm
	*mm = p.weightGrad(x, dy, rows)
	d.e.MatMul(mm)
	if !p.db.Nil() {
		d.e.BiasGrad(p.db, dy, rows, p.out, p.out)
	}
	*mm = p.inputGrad(dy, dx, rows)
	d.e.MatMul(mm)
}

// weightGrad is dw += dy^T x.
func (p *linear) weightGrad(x, dy engine.Buf, rows int) engine.MatMul {
	if p.transposed {
		return engine.MatMul{M: p.in, N: p.out, K: rows, A: x, B: dy, C: p.dw, LDA: p.in, LDB: p.out, LDC: p.out,
			TransA: true, Beta: 1}
	}
	return engine.MatMul{M: p.out, N: p.in, K: rows, A: dy, B: x, C: p.dw, LDA: p.out, LDB: p.in, LDC: p.in, TransA: true,
		Beta: 1}
}

// inputGrad is dx = dy w.
func (p *linear) inputGrad(dy, dx engine.Buf, rows int) engine.MatMul {
	mm := engine.MatMul{M: rows, N: p.in, K: p.out, A: dy, B: p.w, C: dx, LDA: p.out, LDB: p.in, LDC: p.in}
	if p.transposed {
		mm.TransB, mm.LDB = true, p.out
	}
	return mm
}

// normBackward takes dy back through a norm of x into dx.
func (d *Decoder) normBackward(x, dy, dx engine.Buf, s stat, g gain, accumulate bool) {
	n := d.norm(x, engine.Buf{}, s, g)
	n.DX, n.DY, n.DGain, n.DBias, n.Accumulate = dx, dy, g.dw, g.db, accumulate
	if d.m.LayerNorm {
		d.e.LayerNormGrad(n)
		return
	}
	d.e.RMSNormGrad(n)
}

// EmbedBackward adds the residual gradient to the embedding rows that were looked up, and to the positions.
func (d *Decoder) EmbedBackward() {
	d.lookup()
	d.ops.embed.DTable, d.ops.embed.DPos, d.ops.embed.DY = d.embed.dw, d.pos.dw, d.dx
	d.e.EmbedGrad(&d.ops.embed)
}

// ZeroGrad clears all gradients, and the sum of losses.
func (d *Decoder) ZeroGrad() {
	if d.o.Train {
		d.e.Zero(d.mem.grads.buf)
	}
	d.e.Zero(d.sums.loss)
}

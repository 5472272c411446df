package decoder

// logitElems bounds the logits that exist at a time: 64 MB in float32. Fewer would read and write the head's
// gradient more often, once per chunk.
const logitElems = 16 << 20

// takeWork lays out what no pass leaves behind. The backward passes of the head, the MLP and the attention run one
// after the other, so that their temporaries lie over each other.
func (d *Decoder) takeWork(a *arenas) {
	m, rows := d.m, d.o.Batch*d.o.SeqLen
	d.ids, d.targets = a.ints.take(rows), a.ints.take(rows)
	for _, t := range []*turns{&d.turn, &d.local} {
		t.cos, t.sin = a.work.take(d.o.SeqLen*t.half), a.work.take(d.o.SeqLen*t.half)
	}
	if d.o.Train {
		d.takeGradients(a)
	}
	start := a.work.off
	chunks := (rows*m.Vocab + logitElems - 1) / logitElems
	d.chunk = (rows + chunks - 1) / chunks
	d.logits = a.work.take(d.chunk * m.Vocab)
	if d.o.Train {
		d.dfinal = a.work.take(rows * m.Hidden)
	}
	a.work.off = start
	d.takeMLPWork(a)
	a.work.off = start
	if !d.o.Train {
		return
	}
	d.dattn, d.dqkv = a.work.take(rows*d.qWidth()), a.work.take(rows*d.qkvWidth())
	if d.normsQK() {
		d.dqk = a.work.take(rows * d.qkWidth())
	}
	d.delta = a.work.take(rows * m.Heads)
}

// takeGradients takes the gradients of streams, which all phases share.
func (d *Decoder) takeGradients(a *arenas) {
	n := d.o.Batch * d.o.SeqLen * d.m.Hidden
	d.dx, d.dn = a.work.take(n), a.work.take(n)
	if d.m.PostNorm {
		d.dpost = a.work.take(n)
	}
	if d.m.Parallel {
		d.dside = a.work.take(n)
	}
}

func (d *Decoder) takeMLPWork(a *arenas) {
	rows, widest, mixture := d.o.Batch*d.o.SeqLen, 0, false
	for l := range d.blocks {
		n, mixed := d.widest(&d.blocks[l])
		widest, mixture = max(widest, n), mixture || mixed
	}
	if d.o.Train {
		d.dh = a.work.take(widest)
	}
	if !mixture {
		return
	}
	m := d.m.MoE
	d.gathered = a.work.take(rows * m.TopK * d.m.Hidden)
	if d.o.Train {
		d.dexpert = a.work.take(rows * m.TopK * d.m.Hidden)
		d.drouting, d.drouted = a.work.take(rows*m.TopK), a.work.take(rows*m.Experts)
	}
}

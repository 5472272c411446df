package decoder

// takeWork lays out what no pass leaves behind. The backward passes of the head, the MLP and the attention run one
// after the other, so that their temporaries lie over each other.
func (d *Decoder) takeWork(a *arenas) {
	m, rows := d.m, d.o.Batch*d.o.SeqLen
	d.ids, d.targets = a.ints.take(rows), a.ints.take(rows)
	all := a.sums.take(4)
	if !all.Nil() { // not only counted
		if d.o.Train {
			d.sorting = newSorting(rows, m.Vocab)
		}
		d.sums = sums{loss: all.At(0, 1), norm: all.At(1, 1), factor: all.At(2, 1), evaluated: all.At(3, 1)}
	}
	for _, t := range []*turns{&d.turn, &d.local} {
		t.cos, t.sin = a.workStats.take(d.o.positions()*t.half), a.workStats.take(d.o.positions()*t.half)
	}
	if d.o.Train {
		d.order = a.ints.take(rows)
		d.takeGradients(a)
	}
	start, startStats := a.work.off, a.workStats.off
	for _, phase := range []func(*arenas){d.takeHead, d.takeMLPWork, d.takeAttentionWork} {
		a.work.off, a.workStats.off = start, startStats
		phase(a)
	}
}

// takeHead takes the logits of as many rows as suit the engine, in parts of about the same size.
func (d *Decoder) takeHead(a *arenas) {
	m, rows := d.m, d.o.Batch*d.o.SeqLen
	chunks := (rows*m.Vocab + d.spec.Logits - 1) / d.spec.Logits
	d.chunk = (rows + chunks - 1) / chunks
	d.logits = a.work.take(d.chunk * m.Vocab)
	if d.o.Train {
		d.dfinal = a.work.take(rows * m.Hidden)
	}
}

func (d *Decoder) takeAttentionWork(a *arenas) {
	m, rows := d.m, d.o.Batch*d.o.SeqLen
	if len(d.blocks) > 0 {
		h := d.heads(&d.blocks[0], d.o.Batch, d.o.SeqLen)
		h.Past = max(0, d.o.Cache-d.o.SeqLen)
		d.scores = a.workStats.take(d.spec.Scratch(h))
	}
	if !d.o.Train {
		return
	}
	d.dattn, d.dqkv = a.work.take(rows*d.qWidth()), a.work.take(rows*d.qkvWidth())
	if d.normsQK() {
		d.dqk = a.work.take(rows * d.qkWidth())
	}
	d.delta = a.workStats.take(rows * m.Heads)
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
		d.drouting, d.drouted = a.workStats.take(rows*m.TopK), a.work.take(rows*m.Experts)
	}
}

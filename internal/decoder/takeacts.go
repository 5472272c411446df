package decoder

// takeActivations takes what blocks keep. Without training all share the same memory; with it those parts that are
// computed again.
func (d *Decoder) takeActivations(a *arenas) {
	m, rows := d.m, d.o.Batch*d.o.SeqLen
	for l := range d.blocks {
		b, first := &d.blocks[l], &d.blocks[0]
		switch {
		case l > 0 && !d.o.Train:
			b.saved = first.saved
			continue
		case l > 0 && d.o.Recompute == RecomputeBlock:
			b.saved = first.saved
			b.x = a.acts.take(rows * m.Hidden)
			d.withoutNorms(b)
			continue
		}
		b.x, b.mid = a.acts.take(rows*m.Hidden), a.acts.take(rows*m.Hidden)
		if l > 0 && d.o.Recompute == RecomputeAttention {
			b.attentionSaved = first.attentionSaved
		} else {
			d.takeAttention(a, b)
		}
		d.takeMLP(a, b)
		d.withoutNorms(b)
	}
	if d.o.Train || m.Layers == 0 {
		d.last = a.acts.take(rows * m.Hidden)
	} else {
		d.last = d.blocks[0].x
	}
	d.takeCache(a)
	d.finalOut, d.loss = a.acts.take(rows*m.Hidden), a.stats.take(rows)
	d.finalStat = d.takeStat(a)
}

// withoutNorms has branches without norms before them read the stream itself.
func (d *Decoder) withoutNorms(b *block) {
	if !d.m.PreNorm {
		b.normed1, b.normed2 = b.x, d.besideMLP(b)
	}
}

func (d *Decoder) takeStat(a *arenas) (s stat) {
	rows := d.o.Batch * d.o.SeqLen
	s.scale = a.stats.take(rows)
	if d.m.LayerNorm {
		s.mean = a.stats.take(rows)
	}
	return s
}

func (d *Decoder) takeAttention(a *arenas, b *block) {
	m, rows := d.m, d.o.Batch*d.o.SeqLen
	if m.PreNorm {
		b.normed1, b.stat1 = a.acts.take(rows*m.Hidden), d.takeStat(a)
	}
	b.qkvOut = a.acts.take(rows * d.qkvWidth())
	if d.normsQK() {
		b.qk = a.acts.take(rows * d.qkWidth())
		b.qStat, b.kStat = a.stats.take(rows*m.Heads), a.stats.take(rows*m.KVHeads)
	}
	b.attn, b.lse = a.acts.take(rows*d.qWidth()), a.stats.take(rows*m.Heads)
	if m.PostNorm {
		b.attnOut, b.postStat1 = a.acts.take(rows*m.Hidden), d.takeStat(a)
	}
}

// widest gives the rows times inner size of the MLPs that may use b's memory, and whether some are mixtures.
func (d *Decoder) widest(b *block) (n int, mixture bool) {
	alone := d.o.Train && d.o.Recompute != RecomputeBlock
	for l := range d.blocks {
		c := &d.blocks[l]
		if alone && b != c {
			continue
		}
		ffn, slots := d.inner(c)
		n, mixture = max(n, d.o.Batch*d.o.SeqLen*slots*ffn), mixture || c.mixture
	}
	return n, mixture
}

func (d *Decoder) takeMLP(a *arenas, b *block) {
	rows := d.o.Batch * d.o.SeqLen
	if d.m.PreNorm {
		b.normed2, b.stat2 = a.acts.take(rows*d.m.Hidden), d.takeStat(a)
	}
	if d.m.PostNorm {
		b.mlpOut, b.postStat2 = a.acts.take(rows*d.m.Hidden), d.takeStat(a)
	}
	n, mixture := d.widest(b)
	b.gu, b.h = a.acts.take(d.halves()*n), a.acts.take(n)
	if !mixture {
		return
	}
	m := d.m.MoE
	b.routed, b.chances, b.routing = a.stats.take(rows*m.Experts), a.stats.take(rows*m.Experts), a.stats.take(rows*m.TopK)
	b.chosen, b.place, b.source = a.ints.take(rows*m.TopK), a.ints.take(rows*m.TopK), a.ints.take(rows*m.TopK)
	b.starts = a.ints.take(m.Experts + 1)
	b.expertOut = a.acts.take(rows * m.TopK * d.m.Hidden)
}

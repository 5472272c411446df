package cpu

import (
	"famkit/internal/engine"
	"famkit/internal/engine/host"
	"famkit/internal/kern"
)

type rope struct {
	e        *Engine
	o        engine.Rope
	x        []float32
	cos, sin []float32
}

// Rope splits rows.
func (e *Engine) Rope(o *engine.Rope) {
	e.tasks.rope = rope{e, *o, host.F32s(o.X), host.F32s(o.Cos), host.F32s(o.Sin)}
	e.run(&e.tasks.rope, o.Rows*o.Heads*o.Dim)
}

func (r *rope) part(i, n int) {
	o := &r.o
	lo, hi := share(o.Rows, 1, i, n)
	if lo >= hi {
		return
	}
	_ = r.x[(hi-1)*o.Stride+(o.Heads-1)*o.HeadDim+o.Dim-1]
	_, _ = r.cos[:min(hi, o.T)*o.Dim/2], r.sin[:min(hi, o.T)*o.Dim/2]
	r.e.k.Rope(lo, hi-lo, o.T, o.Heads, o.HeadDim, o.Dim, r.x, o.Stride, r.cos, r.sin, o.Inverse)
}

type gate struct {
	e                   *Engine
	o                   engine.Gate
	act                 kern.Act
	g, u, h, dg, du, dh []float32
	grad                bool
}

var acts = [...]kern.Act{engine.SiLU: kern.SiLU, engine.GELUTanh: kern.GELUTanh, engine.GELU: kern.GELU}

// Gate splits rows. Without U it is the activation alone.
func (e *Engine) Gate(o *engine.Gate) { e.gated(o, false) }

// GateGrad splits rows.
func (e *Engine) GateGrad(o *engine.Gate) { e.gated(o, true) }

func (e *Engine) gated(o *engine.Gate, grad bool) {
	e.tasks.gate = gate{e, *o, acts[o.Act], host.F32s(o.G), host.F32s(o.U), host.F32s(o.H),
		host.F32s(o.DG), host.F32s(o.DU), host.F32s(o.DH), grad}
	e.run(&e.tasks.gate, o.Rows*o.Dim)
}

func (t *gate) part(i, n int) {
	o := &t.o
	lo, hi := share(o.Rows, 1, i, n)
	if lo >= hi {
		return
	}
	g, u := rowsOf(t.g, lo, hi, o.StrideG, o.Dim), rowsOf(t.u, lo, hi, o.StrideG, o.Dim)
	switch {
	case u == nil && t.grad:
		t.e.k.ActGrad(t.act, hi-lo, o.Dim, g, rowsOf(t.dg, lo, hi, o.StrideG, o.Dim), o.StrideG,
			rowsOf(t.dh, lo, hi, o.StrideH, o.Dim), o.StrideH)
		return
	case u == nil:
		t.e.k.Act(t.act, hi-lo, o.Dim, g, o.StrideG, rowsOf(t.h, lo, hi, o.StrideH, o.Dim), o.StrideH)
		return
	case !t.grad:
		t.e.k.Gate(t.act, hi-lo, o.Dim, g, u, o.StrideG, rowsOf(t.h, lo, hi, o.StrideH, o.Dim), o.StrideH)
		return
	}
	t.e.k.GateGrad(t.act, hi-lo, o.Dim, g, u, rowsOf(t.dg, lo, hi, o.StrideG, o.Dim),
		rowsOf(t.du, lo, hi, o.StrideG, o.Dim), o.StrideG,
		rowsOf(t.dh, lo, hi, o.StrideH, o.Dim), o.StrideH)
}

type embed struct {
	e          *Engine
	o          engine.Embed
	table, pos []float32
	ids        []int32
	y          []float32
	grad       bool
}

// Embed splits rows.
func (e *Engine) Embed(o *engine.Embed) {
	e.tasks.embed = embed{e, *o, host.F32s(o.Table), host.F32s(o.Pos), host.I32s(o.IDs)[:o.Rows], host.F32s(o.Y), false}
	e.run(&e.tasks.embed, o.Rows*o.Dim)
}

// EmbedGrad splits columns, so that each element gets its rows in order.
func (e *Engine) EmbedGrad(o *engine.Embed) {
	e.tasks.embed = embed{e, *o, host.F32s(o.DTable), host.F32s(o.DPos), host.I32s(o.IDs)[:o.Rows], host.F32s(o.DY), true}
	e.run(&e.tasks.embed, o.Rows*o.Dim)
}

func (t *embed) part(i, n int) {
	if t.grad {
		lo, hi := share(t.o.Dim, 16, i, n)
		t.backward(lo, hi)
		return
	}
	lo, hi := share(t.o.Rows, 1, i, n)
	for r := lo; r < hi; r++ {
		t.forward(r)
	}
}

func (t *embed) forward(r int) {
	d, f := t.o.Dim, float32(t.o.Scale)
	src, dst := t.table[int(t.ids[r])*d:][:d], t.y[r*d:][:d]
	if f == 1 {
		copy(dst, src)
	} else {
		t.e.k.ScaledCopy(dst, src, f)
	}
	if t.pos != nil {
		t.e.k.Add(dst, t.pos[r%t.o.T*d:][:d])
	}
}

func (t *embed) backward(lo, hi int) {
	d, f := t.o.Dim, float32(t.o.Scale)
	for r, id := range t.ids {
		dy := t.y[r*d+lo : r*d+hi]
		t.e.k.ScaledAdd(t.table[int(id)*d+lo:int(id)*d+hi], dy, f)
		if t.pos != nil {
			at := r % t.o.T * d
			t.e.k.Add(t.pos[at+lo:at+hi], dy)
		}
	}
}

type loss struct {
	e      *Engine
	o      engine.CrossEntropy
	logits []float32
	target []int32
	loss   []float32
}

// CrossEntropy splits rows.
func (e *Engine) CrossEntropy(o *engine.CrossEntropy) {
	e.tasks.loss = loss{e, *o, host.F32s(o.Logits), host.I32s(o.Targets), host.F32s(o.Loss)}
	e.run(&e.tasks.loss, o.Rows*o.Vocab)
}

func (t *loss) part(i, n int) {
	o := &t.o
	lo, hi := share(o.Rows, 1, i, n)
	if lo < hi {
		t.e.k.CrossEntropy(hi-lo, o.Vocab, t.logits[lo*o.Vocab:hi*o.Vocab], t.target[lo:hi], t.loss[lo:hi], o.Grad,
			float32(o.Scale), float32(o.Softcap))
	}
}

package cpu

import (
	"sync/atomic"

	"famkit/internal/engine"
	"famkit/internal/engine/host"
	"famkit/internal/kern"
)

// attention hands out heads one after the other; every head is computed whole by one thread, so it does not matter by
// which.
type attention struct {
	e    *Engine
	o    engine.Attention
	grad bool
	args []kern.Attn // one for each thread
	next atomic.Int32
}

// Attention runs heads in parallel.
func (e *Engine) Attention(o *engine.Attention) { e.attend(o, false) }

// AttentionGrad runs key-value heads in parallel, each with its group of query heads.
func (e *Engine) AttentionGrad(o *engine.Attention) { e.attend(o, true) }

func (e *Engine) attend(o *engine.Attention, grad bool) {
	if o.Heads%o.KVHeads != 0 {
		panic("cpu: query heads are not a multiple of key-value heads")
	}
	if o.Past > 0 && o.B != 1 {
		panic("cpu: earlier keys belong to one sequence")
	}
	for i := range e.attnWork {
		if !e.scratch(&e.attnWork[i], e.k.AttnWork(o.Past+o.T, o.HeadDim)) {
			return
		}
	}
	a := &e.tasks.attn
	a.e, a.o, a.grad = e, *o, grad
	if a.args == nil {
		a.args = make([]kern.Attn, e.pool.n)
	}
	a.next.Store(0)
	e.run(a, o.B*o.Heads*o.T*(o.Past+o.T))
}

func (a *attention) part(i, _ int) {
	heads := a.o.Heads
	if a.grad {
		heads = a.o.KVHeads
	}
	for {
		j := int(a.next.Add(1)) - 1
		if j >= a.o.B*heads {
			return
		}
		if a.grad {
			a.backward(j/heads, j%heads, i)
		} else {
			a.forward(j/heads, j%heads, i)
		}
	}
}

// at is the memory of one head in the rows of sequence b.
func at(x engine.Buf, b, t, stride, off, width int) []float32 {
	if x.Nil() {
		return nil
	}
	return host.F32s(x)[b*t*stride+off:][:(t-1)*stride+width]
}

func (a *attention) common(k *kern.Attn, b, q, kv, group int) {
	o := &a.o
	d := o.HeadDim
	qAt, kvAt := o.QueryAt(q), o.KeyAt(kv)
	*k = kern.Attn{Past: o.Past, T: o.T, HeadDim: d, Group: group, Scale: float32(o.Scale), Softcap: float32(o.Softcap),
		Window: o.Window,
		Q:      at(o.Q, b, o.T, o.StrideQ, qAt, group*d), K: at(o.K, b, o.Past+o.T, o.StrideK, kvAt, d),
		V:       at(o.V, b, o.Past+o.T, o.StrideV, kvAt, d),
		O:       at(o.O, b, o.T, o.StrideO, q*d, group*d),
		StrideQ: o.StrideQ, StrideK: o.StrideK, StrideV: o.StrideV, StrideO: o.StrideO}
	if !o.LSE.Nil() {
		k.LSE = host.F32s(o.LSE)[(b*o.Heads+q)*o.T:][:group*o.T]
	}
}

func (a *attention) forward(b, h, thread int) {
	k := &a.args[thread]
	a.common(k, b, h, h/(a.o.Heads/a.o.KVHeads), 1)
	a.e.k.Attention(k, a.e.attnWork[thread])
}

func (a *attention) backward(b, kv, thread int) {
	o, k := &a.o, &a.args[thread]
	d, group := o.HeadDim, o.Heads/o.KVHeads
	a.common(k, b, kv*group, kv, group)
	k.DQ, k.DO = at(o.DQ, b, o.T, o.StrideQ, o.QueryAt(kv*group), group*d), at(o.DO, b, o.T, o.StrideO, kv*group*d,
		group*d)
	k.DK, k.DV = at(o.DK, b, o.T, o.StrideK, o.KeyAt(kv), d), at(o.DV, b, o.T, o.StrideV, o.KeyAt(kv), d)
	k.Delta = host.F32s(o.Delta)[(b*o.Heads+kv*group)*o.T:][:group*o.T]
	a.e.k.AttentionGrad(k, a.e.attnWork[thread])
}

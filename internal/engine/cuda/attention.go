//go:build linux && cgo

package cuda

import "famkit/internal/engine"

// Attention is products and a softmax over all scores of a few kv heads of one sequence, then of the next few: as
// many as the scratch memory holds. Scores are float32; what the products read of them afterwards is written over
// them in the format of activations.

// part is some kv heads of one sequence.
type part struct {
	*engine.Attention
	row0, kv0, n  int        // first row of the sequence, first kv head, kv heads
	group         int        // query heads of a kv head
	scores, dprob engine.Buf // [n, group, T, T]
	sums          engine.Buf // [2, n, T, HeadDim]
	pitch         int        // elements of Act between rows of what the softmax wrote
	stepQ, stepKV int
}

// parts calls f with one part after the other.
func (e *Engine) parts(o *engine.Attention, f func(*Engine, *part)) {
	unit := unitWork(o)
	p := &e.part
	*p = part{Attention: o, group: o.Heads / o.KVHeads, stepQ: o.StepQ, stepKV: o.StepKV,
		pitch: o.T * engine.F32.Size() / e.spec.Act.Size()}
	if p.stepQ == 0 {
		p.stepQ, p.stepKV = p.group*o.HeadDim, o.HeadDim
	}
	most := o.Work.N / unit
	if most == 0 || o.Work.Type != engine.F32 {
		panic("engine cuda: too little scratch memory for an attention")
	}
	for b := range o.B {
		p.row0 = b * o.T
		for p.kv0 = 0; p.kv0 < o.KVHeads; p.kv0 += most {
			p.n = min(most, o.KVHeads-p.kv0)
			square, row := p.n*p.group*o.T*o.T, p.n*o.T*o.HeadDim
			p.scores, p.dprob, p.sums = o.Work.At(0, square), o.Work.At(square, square), o.Work.At(2*square, 2*row)
			f(e, p)
		}
	}
}

// queries is where the query heads of the part start in a buffer of rows, keys where its keys or values do, and out
// is that of outputs.
func (p *part) queries(b engine.Buf) engine.Buf {
	return b.From(p.row0*p.StrideQ + p.kv0*p.stepQ)
}

func (p *part) keys(b engine.Buf, stride int) engine.Buf {
	return b.From(p.row0*stride + p.kv0*p.stepKV)
}

func (p *part) out(b engine.Buf) engine.Buf {
	return b.From(p.row0*p.StrideO + p.kv0*p.group*p.HeadDim)
}

// narrowed is the memory of scores seen as activations.
func (e *Engine) narrowed(b engine.Buf) engine.Buf {
	return engine.Buf{Ptr: b.Ptr, N: b.N * b.Type.Size() / e.spec.Act.Size(), Type: e.spec.Act}
}

// side is one matrix of a product for every head of a part: where the first head's is, and how far apart those of the
// query heads of a kv head lie, and those of kv heads.
type side struct {
	buf          engine.Buf
	ld           int
	head, kvHead int
}

// heads runs a product for every head of the part. What is added up over the query heads of a kv head has C's head 0.
func (e *Engine) heads(p *part, mm engine.MatMul, a, b, c side) {
	mm.LDA, mm.LDB, mm.LDC = a.ld, b.ld, c.ld
	summed := c.head == 0
	if p.group > p.n && !summed {
		for kv := range p.n {
			mm.A, mm.B, mm.C = a.buf.From(kv*a.kvHead), b.buf.From(kv*b.kvHead), c.buf.From(kv*c.kvHead)
			e.products(&mm, p.group, a.head, b.head, c.head)
		}
		return
	}
	for g := range p.group {
		mm.A, mm.B, mm.C = a.buf.From(g*a.head), b.buf.From(g*b.head), c.buf.From(g*c.head)
		if summed {
			mm.Beta = float64(flag(g > 0))
		}
		e.products(&mm, p.n, a.kvHead, b.kvHead, c.kvHead)
	}
}

func (p *part) querySide(b engine.Buf) side { return side{p.queries(b), p.StrideQ, p.HeadDim, p.stepQ} }

func (p *part) keySide(b engine.Buf, stride int) side {
	return side{p.keys(b, stride), stride, 0, p.stepKV}
}

func (p *part) outSide(b engine.Buf) side {
	return side{p.out(b), p.StrideO, p.HeadDim, p.group * p.HeadDim}
}

// wideSide is scores as products write them, narrowSide as they read them.
func (p *part) wideSide(b engine.Buf) side { return side{b, p.T, p.T * p.T, p.group * p.T * p.T} }

func (e *Engine) narrowSide(p *part, b engine.Buf) side {
	return side{e.narrowed(b), p.pitch, p.pitch * p.T, p.group * p.pitch * p.T}
}

func (e *Engine) attentionArgs(p *part) *attentionArgs {
	first := (p.row0/p.T*p.Heads + p.kv0*p.group) * p.T
	a := &e.args.attention
	*a = attentionArgs{s: at(p.scores), ds: at(p.dprob), strideO: int64(p.StrideO), heads: int32(p.n * p.group),
		t: int32(p.T), headDim: int32(p.HeadDim),
		window: int32(p.Window), scale: float32(p.Scale), cap: float32(p.Softcap)}
	if !p.LSE.Nil() {
		a.lse = is(p.LSE, engine.F32) + ptr(4*first)
	}
	return a
}

// Attention computes O and LSE.
func (e *Engine) Attention(o *engine.Attention) { e.parts(o, (*Engine).forward) }

func (e *Engine) forward(p *part) {
	e.scoresOf(p)
	overWarps(e, kSoftmax, p.n*p.group*p.T, e.attentionArgs(p))
	e.heads(p, engine.MatMul{M: p.T, N: p.HeadDim, K: p.T}, e.narrowSide(p, p.scores), p.keySide(p.V, p.StrideV),
		p.outSide(p.O))
}

// scoresOf computes q.k for all pairs.
func (e *Engine) scoresOf(p *part) {
	e.heads(p, engine.MatMul{M: p.T, N: p.T, K: p.HeadDim, TransB: true}, p.querySide(p.Q), p.keySide(p.K, p.StrideK),
		p.wideSide(p.scores))
}

// AttentionGrad computes the scores again.
func (e *Engine) AttentionGrad(o *engine.Attention) { e.parts(o, (*Engine).backward) }

func (e *Engine) backward(p *part) {
	rows := p.n * p.group * p.T
	a := e.attentionArgs(p)
	a.o, a.do, a.delta = is(p.out(p.O), e.spec.Act), is(p.out(p.DO), e.spec.Act), is(p.Delta, engine.F32)
	overWarps(e, kDelta, rows, a)
	e.scoresOf(p)
	e.heads(p, engine.MatMul{M: p.T, N: p.T, K: p.HeadDim, TransB: true}, p.outSide(p.DO), p.keySide(p.V, p.StrideV),
		p.wideSide(p.dprob))
	overWarps(e, kSoftmaxGrad, rows, a)
	prob, dscore := e.narrowSide(p, p.scores), e.narrowSide(p, p.dprob)
	e.heads(p, engine.MatMul{M: p.T, N: p.HeadDim, K: p.T}, dscore, p.keySide(p.K, p.StrideK), p.querySide(p.DQ))
	e.summed(p, prob, p.outSide(p.DO), p.DV, p.StrideV, 0)
	e.summed(p, dscore, p.querySide(p.Q), p.DK, p.StrideK, 1)
}

// summed computes the gradient of keys or values, x^T y added up over query heads in float32, and rounds it once.
func (e *Engine) summed(p *part, x, y side, to engine.Buf, stride, which int) {
	mm := engine.MatMul{M: p.T, N: p.HeadDim, K: p.T, TransA: true}
	if e.spec.Act == engine.F32 {
		e.heads(p, mm, x, y, p.keySide(to, stride))
		return
	}
	size := p.n * p.T * p.HeadDim
	sums := p.sums.At(which*size, size)
	e.heads(p, mm, x, y, side{sums, p.HeadDim, 0, p.T * p.HeadDim})
	e.args.unpack = unpackArgs{dst: is(p.keys(to, stride), e.spec.Act), src: at(sums), stride: int64(stride),
		step:  int64(p.stepKV),
		heads: int32(p.n), t: int32(p.T), dim: int32(p.HeadDim)}
	overRows(e, kUnpack, p.T, p.n*p.HeadDim, &e.args.unpack)
}

//go:build linux && cgo

package cuda

// #include "driver.h"
import "C"

import (
	"math"

	"famkit/internal/engine"
)

// Copy copies src, rounded where dst is narrower.
func (e *Engine) Copy(dst, src engine.Buf) {
	if dst.N != src.N {
		panic("engine cuda: copy between different lengths")
	}
	if dst.N == 0 || e.err != nil {
		return
	}
	a := &e.args.vector
	*a = vectorArgs{at(dst), at(src), int64(dst.N)}
	switch {
	case dst.Type == src.Type:
		if dst.Type == engine.I32 {
			clear(e.starts)
		}
		_ = e.fail(e.d.check(C.gpu_copy(e.d.c, C.device_ptr(a.dst), C.device_ptr(a.src), C.size_t(dst.N*dst.Type.Size()))))
	case dst.Type == e.spec.Act && src.Type == engine.F32:
		overElements(e, kNarrow, dst.N, a)
	case dst.Type == engine.F32 && src.Type == e.spec.Act:
		overElements(e, kWiden, dst.N, a)
	default:
		panic("engine cuda: no copy from " + src.Type.String() + " to " + dst.Type.String())
	}
}

// AddTo computes dst += src.
func (e *Engine) AddTo(dst, src engine.Buf) {
	if dst.N != src.N {
		panic("engine cuda: sum of different lengths")
	}
	e.args.vector = vectorArgs{is(dst, e.spec.Act), is(src, e.spec.Act), int64(dst.N)}
	overElements(e, kAdd, dst.N, &e.args.vector)
}

// Softcap computes z = c*tanh(z/c) in place.
func (e *Engine) Softcap(b engine.Buf, c float64) {
	e.args.softcap = softcapArgs{x: is(b, e.spec.Act), n: int64(b.N), cap: float32(c)}
	overElements(e, kSoftcap, b.N, &e.args.softcap)
}

// Sum adds in float64, a thread every 256th element.
func (e *Engine) Sum(dst, src engine.Buf) {
	a := &e.args.sum
	*a = sumArgs{dst: is(dst, engine.F64), n: int64(src.N)}
	if src.Type == engine.F32 {
		a.wide = at(src)
	} else {
		a.narrow = is(src, e.spec.Act)
	}
	launch(e, kSum, 1, 1, threads, a)
}

// squaresEach is how many elements a block adds up at least; squaresMost bounds the blocks.
const squaresEach, squaresMost = 16 << 10, 1024

// Clip adds squares in float64: in blocks, then over blocks.
func (e *Engine) Clip(o *engine.Clip) {
	partials := 0
	for _, g := range o.Grads {
		if g.N == 0 {
			continue
		}
		n := min((g.N+squaresEach-1)/squaresEach, squaresMost)
		if 8*(partials+n) > partialBytes {
			panic("engine cuda: too many gradients for one norm")
		}
		e.args.squares = squaresArgs{e.partial + ptr(8*partials), is(g, engine.F32), int64(g.N)}
		launch(e, kSquares, n, 1, threads, &e.args.squares)
		partials += n
	}
	e.args.clip = clipArgs{partial: e.partial, guard: is(o.Guard, engine.F64), norm: is(o.Norm, engine.F64),
		factor: is(o.Factor, engine.F64),
		max:    o.Max, partials: int32(partials), guards: int32(o.Guard.N)}
	launch(e, kClip, 1, 1, threads, &e.args.clip)
}

// AdamW is one step of decoupled AdamW, the copy included.
func (e *Engine) AdamW(o *engine.AdamW) {
	a := &e.args.adamw
	*a = adamwArgs{w: is(o.W, engine.F32), m: is(o.M, engine.F32), v: is(o.V, engine.F32), g: is(o.G, engine.F32),
		copy:   is(o.Copy, e.spec.Weight),
		factor: is(o.Factor, engine.F64), n: int64(o.W.N), step: float32(o.LR / o.C1), decay: float32(o.LR * o.Decay),
		beta1: float32(o.Beta1),
		beta2: float32(o.Beta2), rest1: float32(1 - o.Beta1), rest2: float32(1 - o.Beta2), eps: float32(o.Eps),
		root: float32(1 / math.Sqrt(o.C2))}
	overElements(e, kAdamW, o.W.N, a)
}

// chunks splits rows so that each part's sums of n columns fit into the partial memory; each is how many rows a part
// has.
func chunks(rows, n, sums int) (count, each int) {
	const least = 32
	most := max(1, min(mostGridY, partialBytes/(4*n*sums)))
	count = max(1, min((rows+least-1)/least, most, 512))
	each = (rows + count - 1) / count
	return (rows + each - 1) / each, each
}

// gather adds partial sums of columns to dst.
func (e *Engine) gather(dst engine.Buf, partial ptr, n, count int) {
	e.args.gather = gatherArgs{is(dst, engine.F32), partial, int32(n), int32(count)}
	launch(e, kGather, blocksFor(n, threads), 1, blockFor(n), &e.args.gather)
}

// BiasGrad adds up columns, a chunk of rows after the other.
func (e *Engine) BiasGrad(dBias, dY engine.Buf, rows, n, stride int) {
	count, each := chunks(rows, n, 1)
	e.args.columns = columnsArgs{partial: e.partial, y: is(dY, e.spec.Act), stride: int64(stride), rows: int32(rows),
		n: int32(n), chunk: int32(each)}
	launch(e, kColumns, blocksFor(n, threads), count, blockFor(n), &e.args.columns)
	e.gather(dBias, e.partial, n, count)
}

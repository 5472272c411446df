//go:build linux && cgo

package cuda

// #include "driver.h"
import "C"

import (
	"encoding/binary"

	"famkit/internal/engine"
)

// Types of numbers as cuBLAS counts them.
const (
	cublasF32  = 0
	cublasBF16 = 14
)

func cublasType(t engine.Type) C.int32_t {
	switch t {
	case engine.F32:
		return cublasF32
	case engine.BF16:
		return cublasBF16
	}
	panic("engine cuda: no products of " + t.String())
}

func cInt(b bool) C.int32_t { return C.int32_t(flag(b)) }

// product asks cuBLAS for a product: o's sizes, buffers and transpositions, and Beta.
func (e *Engine) product(o *engine.MatMul) { e.products(o, 1, 0, 0, 0) }

// products is product for a batch whose members lie so many elements apart.
func (e *Engine) products(o *engine.MatMul, batch, strideA, strideB, strideC int) {
	if e.err != nil || o.M == 0 || o.N == 0 || batch == 0 {
		return
	}
	if o.A.Type != o.B.Type {
		panic("engine cuda: product of " + o.A.Type.String() + " and " + o.B.Type.String())
	}
	e.args.product = C.product{a: C.device_ptr(at(o.A)), b: C.device_ptr(at(o.B)), c: C.device_ptr(at(o.C)),
		m: C.int32_t(o.M), n: C.int32_t(o.N),
		k: C.int32_t(o.K), lda: C.int32_t(o.LDA), ldb: C.int32_t(o.LDB), ldc: C.int32_t(o.LDC), trans_a: cInt(o.TransA),
		trans_b: cInt(o.TransB),
		in:      cublasType(o.A.Type), out: cublasType(o.C.Type), batch: C.int32_t(batch), beta: C.float(o.Beta),
		stride_a: C.int64_t(strideA), stride_b: C.int64_t(strideB), stride_c: C.int64_t(strideC)}
	_ = e.fail(e.d.check(C.gpu_product(e.d.c, &e.args.product)))
}

// MatMul has C hold what is added to the product first.
func (e *Engine) MatMul(o *engine.MatMul) {
	if o.Bias.Nil() && o.Add.Nil() {
		e.product(o)
		return
	}
	a := &e.args.begin
	*a = beginArgs{bias: is(o.Bias, engine.F32), add: is(o.Add, e.spec.Act), ldc: int64(o.LDC), ldadd: int64(o.LDAdd),
		m: int32(o.M), n: int32(o.N),
		keep: flag(o.Beta != 0)}
	if o.C.Type == engine.F32 {
		a.wide = at(o.C)
	} else {
		a.c = is(o.C, e.spec.Act)
	}
	overRows(e, kBegin, o.M, o.N, a)
	p := &e.one
	*p = *o
	p.Beta = 1
	e.product(p)
}

// Grouped asks for one product after the other. The host must know how many rows each group has: it waits for them
// once, until they may have changed.
func (e *Engine) Grouped(o *engine.Grouped) {
	starts := e.startsOf(o.Starts, o.Groups)
	p := &e.one
	for g := range o.Groups {
		if e.err != nil {
			return
		}
		first, rows := int(starts[g]), int(starts[g+1]-starts[g])
		if rows == 0 {
			continue
		}
		*p = o.MatMul
		p.A = o.A.From(first * o.LDA)
		if o.TransA {
			p.K, p.B, p.C = rows, o.B.From(first*o.LDB), o.C.From(g*o.Step)
		} else {
			p.M, p.B, p.C = rows, o.B.From(g*o.Step), o.C.From(first*o.LDC)
		}
		e.product(p)
	}
}

func (e *Engine) startsOf(b engine.Buf, groups int) []int32 {
	p := is(b, engine.I32)
	starts, ok := e.starts[p]
	if !ok || len(starts) != groups+1 {
		starts = make([]int32, groups+1)
		part := e.download(p, 4*len(starts))
		for i := range len(part) / 4 {
			starts[i] = int32(binary.LittleEndian.Uint32(part[4*i:]))
		}
		e.starts[p] = starts
	}
	return starts
}

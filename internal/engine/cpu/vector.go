package cpu

import (
	"fmt"
	"math"
	"unsafe"

	"famkit/internal/engine"
	"famkit/internal/engine/host"
	"famkit/internal/tensor"
)

type vectorOp int

const (
	opZero vectorOp = iota
	opCopy
	opAdd
	opSoftcap
	opSum
	opSquares
)

// vector is an elementwise operation or a sum.
type vector struct {
	e        *Engine
	op       vectorOp
	dst, src []float32
	ints     []int32 // of an I32 buffer to zero or copy
	from     []int32
	c        float32
}

func (e *Engine) elements(op vectorOp, dst, src engine.Buf, c float64) {
	v := &e.tasks.vec
	*v = vector{e: e, op: op, c: float32(c)}
	if dst.Type == engine.I32 {
		v.ints, v.from = host.I32s(dst), host.I32s(src)
	} else {
		v.dst, v.src = host.F32s(dst), host.F32s(src)
	}
	if !src.Nil() && src.N != dst.N {
		panic(fmt.Sprintf("cpu: %d elements meet %d", dst.N, src.N))
	}
	e.run(v, dst.N)
}

// Zero clears a buffer.
func (e *Engine) Zero(b engine.Buf) {
	if b.Type == engine.F64 {
		clear(host.F64s(b))
		return
	}
	e.elements(opZero, b, engine.Buf{}, 0)
}

// Copy copies src, which must be as long as dst.
func (e *Engine) Copy(dst, src engine.Buf) { e.elements(opCopy, dst, src, 0) }

// AddTo computes dst += src.
func (e *Engine) AddTo(dst, src engine.Buf) { e.elements(opAdd, dst, src, 0) }

// Softcap computes z = c*tanh(z/c) in place.
func (e *Engine) Softcap(b engine.Buf, c float64) { e.elements(opSoftcap, b, engine.Buf{}, c) }

// sumChunk elements are summed at a time, so that the order of a sum does not depend on threads.
const sumChunk = 1 << 15

// Sum adds up in float64.
func (e *Engine) Sum(dst, src engine.Buf) { host.F64s(dst)[0] += e.reduce(opSum, src) }

// Clip adds up squares in float64.
func (e *Engine) Clip(o *engine.Clip) {
	var s float64
	for _, g := range o.Grads {
		s += e.reduce(opSquares, g)
	}
	host.Clip(o, math.Sqrt(s))
}

func (e *Engine) reduce(op vectorOp, b engine.Buf) float64 {
	n := (b.N + sumChunk - 1) / sumChunk
	if len(e.sums) < n {
		e.sums = make([]float64, n)
	}
	e.tasks.vec = vector{e: e, op: op, src: host.F32s(b)}
	e.run(&e.tasks.vec, b.N)
	var s float64
	for _, x := range e.sums[:n] {
		s += x
	}
	return s
}

func (v *vector) part(i, n int) {
	if v.op >= opSum {
		v.sum(i, n)
		return
	}
	if v.ints != nil {
		lo, hi := share(len(v.ints), 16, i, n)
		switch v.op {
		case opZero:
			clear(v.ints[lo:hi])
		case opCopy:
			copy(v.ints[lo:hi], v.from[lo:hi])
		default:
			panic("cpu: arithmetic on integers")
		}
		return
	}
	lo, hi := share(len(v.dst), 16, i, n)
	d := v.dst[lo:hi]
	switch v.op {
	case opZero:
		clear(d)
	case opCopy:
		copy(d, v.src[lo:hi])
	case opAdd:
		v.e.k.Add(d, v.src[lo:hi])
	case opSoftcap:
		v.e.k.Softcap(d, v.c)
	}
}

func (v *vector) sum(i, n int) {
	lo, hi := share((len(v.src)+sumChunk-1)/sumChunk, 1, i, n)
	for c := lo; c < hi; c++ {
		x := v.src[c*sumChunk : min((c+1)*sumChunk, len(v.src))]
		if v.op == opSum {
			v.e.sums[c] = v.e.k.Sum(x)
		} else {
			v.e.sums[c] = v.e.k.SumSquares(x)
		}
	}
}

type adamw struct {
	e          *Engine
	o          engine.AdamW
	factor     float32
	w, g, m, v []float32
}

// AdamW splits the elements.
func (e *Engine) AdamW(o *engine.AdamW) {
	factor, ok := host.Factor(o)
	if !ok {
		return
	}
	e.tasks.adamw = adamw{e, *o, float32(factor), host.F32s(o.W), host.F32s(o.G), host.F32s(o.M), host.F32s(o.V)}
	e.run(&e.tasks.adamw, o.W.N)
}

func (a *adamw) part(i, n int) {
	lo, hi := share(len(a.w), 16, i, n)
	o := &a.o
	a.e.k.AdamW(a.w[lo:hi], a.g[lo:hi], a.m[lo:hi], a.v[lo:hi], float32(1-o.LR*o.Decay), float32(o.Beta1),
		float32(o.Beta2),
		float32(o.LR/o.C1), float32(1/math.Sqrt(o.C2)), float32(o.Eps), a.factor)
}

// cast moves elements between a buffer and bytes of a type.
type cast struct {
	e     *Engine
	x     []float32
	raw   []byte
	d     tensor.DType
	store bool
}

// Upload converts little-endian elements of type d into dst.
func (e *Engine) Upload(dst engine.Buf, src []byte, d tensor.DType) error {
	return e.convert(dst, src, d, false)
}

// Download rounds src to nearest even into little-endian elements of type d.
func (e *Engine) Download(dst []byte, d tensor.DType, src engine.Buf) error {
	return e.convert(src, dst, d, true)
}

func (e *Engine) convert(b engine.Buf, raw []byte, d tensor.DType, store bool) error {
	if !d.Real() {
		return fmt.Errorf("engine cpu: cannot compute with %s (F16, BF16, F32 and F64 only)", d)
	}
	if want := b.N * d.Bits() / 8; len(raw) != want {
		return fmt.Errorf("engine cpu: %d elements of %s are %d bytes, not %d", b.N, d, want, len(raw))
	}
	if b.Type == engine.F64 { // few numbers, which operators leave for the host
		if store {
			tensor.Encode(raw, host.F64s(b), d)
		} else {
			tensor.Decode(host.F64s(b), raw, d)
		}
		return nil
	}
	e.tasks.cast = cast{e, host.F32s(b), raw, d, store}
	e.run(&e.tasks.cast, b.N)
	e.tasks.cast.raw = nil // the caller's memory is not kept alive
	return nil
}

func (c *cast) part(i, n int) {
	lo, hi := share(len(c.x), 16, i, n)
	if lo >= hi {
		return
	}
	w := c.d.Bits() / 8
	x, raw := c.x[lo:hi], c.raw[lo*w:hi*w]
	h := halves(raw)
	switch {
	case h != nil && c.d == tensor.BF16 && c.store:
		c.e.k.F32ToBF16(h, x)
	case h != nil && c.d == tensor.BF16:
		c.e.k.BF16ToF32(x, h)
	case h != nil && c.d == tensor.F16 && c.store:
		c.e.k.F32ToF16(h, x)
	case h != nil && c.d == tensor.F16:
		c.e.k.F16ToF32(x, h)
	case c.store:
		tensor.Encode(raw, x, c.d)
	default:
		tensor.Decode(x, raw, c.d)
	}
}

// halves views bytes as 16-bit numbers where they are aligned and the machine is little-endian.
func halves(raw []byte) []uint16 {
	p := unsafe.Pointer(unsafe.SliceData(raw))
	one := uint16(1)
	if uintptr(p)%2 != 0 || *(*byte)(unsafe.Pointer(&one)) != 1 {
		return nil
	}
	return unsafe.Slice((*uint16)(p), len(raw)/2)
}

// Read copies; there is nothing to wait for.
func (e *Engine) Read(dst []float64, src engine.Buf) error {
	copy(dst, host.F64s(src)[:len(dst)])
	return e.err
}

// UploadInts copies len(src) ints to the start of dst.
func (e *Engine) UploadInts(dst engine.Buf, src []int32) { copy(host.I32s(dst)[:len(src)], src) }

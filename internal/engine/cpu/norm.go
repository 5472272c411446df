package cpu

import (
	"famkit/internal/engine"
	"famkit/internal/engine/host"
)

// chunks is the number of partial sums of the gradients of gains and biases: fixed, so that the result does not
// depend on threads.
const chunks = 16

// norm is an RMSNorm or a LayerNorm.
type norm struct {
	e            *Engine
	o            engine.Norm
	x, y, dx, dy []float32
	gain, stat   []float32
	bias, mean   []float32 // of a LayerNorm
	partials     []float32 // [chunks, columns]: the gain's gradient, then the bias's
	columns      int
	layer        bool
	backward     bool
}

func (e *Engine) normTask(o *engine.Norm, layer, backward bool) *norm {
	n := &e.tasks.norm
	*n = norm{e: e, o: *o, x: host.F32s(o.X), y: host.F32s(o.Y), dx: host.F32s(o.DX), dy: host.F32s(o.DY),
		gain: host.F32s(o.Gain)[:o.Dim], stat: host.F32s(o.Stat), layer: layer, backward: backward}
	if layer {
		n.mean = host.F32s(o.Mean)
	}
	if layer && !backward {
		n.bias = host.F32s(o.Bias)[:o.Dim]
	}
	return n
}

// RMSNorm splits rows.
func (e *Engine) RMSNorm(o *engine.Norm) { e.run(e.normTask(o, false, false), o.Rows*o.Groups*o.Dim) }

// LayerNorm splits rows.
func (e *Engine) LayerNorm(o *engine.Norm) { e.run(e.normTask(o, true, false), o.Rows*o.Groups*o.Dim) }

// RMSNormGrad splits rows; the gain's gradient is summed in a fixed number of chunks of rows.
func (e *Engine) RMSNormGrad(o *engine.Norm) { e.normGrad(e.normTask(o, false, true), o.Dim) }

// LayerNormGrad splits rows as RMSNormGrad.
func (e *Engine) LayerNormGrad(o *engine.Norm) { e.normGrad(e.normTask(o, true, true), 2*o.Dim) }

func (e *Engine) normGrad(n *norm, columns int) {
	o := &n.o
	if !o.DGain.Nil() {
		if !e.scratch(&e.partials, chunks*columns) {
			return
		}
		n.partials, n.columns = e.partials[:chunks*columns], columns
	}
	e.run(n, o.Rows*o.Groups*o.Dim)
	for c := 0; c < chunks && n.partials != nil; c++ {
		sums := n.partials[c*columns:][:columns]
		e.k.Add(host.F32s(o.DGain)[:o.Dim], sums[:o.Dim])
		if n.layer {
			e.k.Add(host.F32s(o.DBias)[:o.Dim], sums[o.Dim:])
		}
	}
}

func (n *norm) part(i, parts int) {
	if !n.backward {
		lo, hi := share(n.o.Rows, 1, i, parts)
		n.forward(lo, hi)
		return
	}
	first, last := share(chunks, 1, i, parts)
	for c := first; c < last; c++ {
		lo, hi := share(n.o.Rows, 1, c, chunks)
		var sums []float32
		if n.partials != nil {
			sums = n.partials[c*n.columns:][:n.columns]
			clear(sums)
		}
		n.back(lo, hi, sums)
	}
}

// rowsOf cuts rows [lo,hi) out of a matrix; the last row ends with its last column.
func rowsOf(s []float32, lo, hi, stride, width int) []float32 {
	if s == nil || lo >= hi {
		return nil
	}
	return s[lo*stride : (hi-1)*stride+width]
}

func (n *norm) forward(lo, hi int) {
	o := &n.o
	if lo >= hi {
		return
	}
	w := o.Groups * o.Dim
	x, y, stat := rowsOf(n.x, lo, hi, o.StrideX, w), rowsOf(n.y, lo, hi, o.StrideY, w),
		rowsOf(n.stat, lo, hi, o.Groups, o.Groups)
	if n.layer {
		n.e.k.LayerNorm(hi-lo, o.Groups, o.Dim, x, o.StrideX, y, o.StrideY, n.gain, n.bias, stat,
			rowsOf(n.mean, lo, hi, o.Groups, o.Groups),
			float32(o.Eps), float32(o.PlusOne))
		return
	}
	n.e.k.RMSNorm(hi-lo, o.Groups, o.Dim, x, o.StrideX, y, o.StrideY, n.gain, stat, float32(o.Eps), float32(o.PlusOne))
}

func (n *norm) back(lo, hi int, sums []float32) {
	o := &n.o
	if lo >= hi {
		return
	}
	w := o.Groups * o.Dim
	x, dy, dx := rowsOf(n.x, lo, hi, o.StrideX, w), rowsOf(n.dy, lo, hi, o.StrideY, w), rowsOf(n.dx, lo, hi, o.StrideX, w)
	stat := rowsOf(n.stat, lo, hi, o.Groups, o.Groups)
	if !n.layer {
		n.e.k.RMSNormGrad(hi-lo, o.Groups, o.Dim, x, o.StrideX, dy, o.StrideY, n.gain, stat, float32(o.PlusOne), dx, sums,
			o.Accumulate)
		return
	}
	var dgain, dbias []float32
	if sums != nil {
		dgain, dbias = sums[:o.Dim], sums[o.Dim:]
	}
	n.e.k.LayerNormGrad(hi-lo, o.Groups, o.Dim, x, o.StrideX, dy, o.StrideY, n.gain, stat,
		rowsOf(n.mean, lo, hi, o.Groups, o.Groups),
		float32(o.PlusOne), dx, dgain, dbias, o.Accumulate)
}

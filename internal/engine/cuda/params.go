//go:build linux && cgo

package cuda

// The arguments of kernels, field by field as kernels.cu has them: ptr is an address of the device, 0 for none.

type ptr uint64

type vectorArgs struct { // widen, narrow, add
	dst, src ptr
	n        int64
}

type softcapArgs struct {
	x   ptr
	n   int64
	cap float32
	_   int32
}

type sumArgs struct {
	dst, narrow, wide ptr
	n                 int64
}

type squaresArgs struct {
	partial, x ptr
	n          int64
}

type clipArgs struct {
	partial, guard, norm, factor ptr
	max                          float64
	partials, guards             int32
}

type adamwArgs struct {
	w, m, v, g, copy, factor                           ptr
	n                                                  int64
	step, decay, beta1, beta2, rest1, rest2, eps, root float32
}

type beginArgs struct {
	c, wide, bias, add ptr
	ldc, ldadd         int64
	m, n, keep         int32
	_                  int32
}

type columnsArgs struct {
	partial, y     ptr
	stride         int64
	rows, n, chunk int32
	_              int32
}

type gatherArgs struct {
	dst, partial ptr
	n, chunks    int32
}

type normArgs struct {
	x, y, gain, bias, stat, mean                ptr
	dx, dy, dgain, dbias                        ptr
	strideX, strideY                            int64
	rows, groups, dim, layer, accumulate, chunk int32
	eps, plusOne                                float32
}

type ropeArgs struct {
	x, cos, sin                            ptr
	stride                                 int64
	rows, t, heads, headDim, half, inverse int32
}

type attentionArgs struct {
	s, ds, lse, delta, o, do  ptr
	strideO                   int64
	heads, t, headDim, window int32
	scale, cap                float32
}

type unpackArgs struct {
	dst, src      ptr
	stride, step  int64
	heads, t, dim int32
	_             int32
}

type gateArgs struct {
	g, u, h, dg, du, dh ptr
	strideG, strideH    int64
	rows, dim, kind     int32
	_                   int32
}

type embedArgs struct {
	table, pos, ids, order, y, dy, dtable, dpos ptr
	rows, dim, t                                int32
	scale                                       float32
}

type routeArgs struct {
	logits, p, weight, chosen, place, source, starts, dweight, dlogits ptr
	rows, experts, topK, normalise                                     int32
}

type combineArgs struct {
	x, weight, place, y, add, dx, dy, dweight ptr
	rows, topK, dim                           int32
	_                                         int32
}

type lossArgs struct {
	logits, targets, loss ptr
	rows, vocab, grad     int32
	scale, cap            float32
	_                     int32
}

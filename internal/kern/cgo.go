//go:build cgo

package kern

// #cgo CFLAGS: -O3
// #cgo LDFLAGS: -lm
// #include "kern.h"
// #cgo noescape kern_gemm
// #cgo nocallback kern_gemm
// #cgo noescape kern_attn
// #cgo nocallback kern_attn
// #cgo noescape kern_attn_grad
// #cgo nocallback kern_attn_grad
// #cgo noescape kern_norm
// #cgo nocallback kern_norm
// #cgo noescape kern_norm_grad
// #cgo nocallback kern_norm_grad
// #cgo noescape kern_layer_norm
// #cgo nocallback kern_layer_norm
// #cgo noescape kern_layer_norm_grad
// #cgo nocallback kern_layer_norm_grad
// #cgo noescape kern_act
// #cgo nocallback kern_act
// #cgo noescape kern_act_grad
// #cgo nocallback kern_act_grad
// #cgo noescape kern_dot
// #cgo nocallback kern_dot
// #cgo noescape kern_rope
// #cgo nocallback kern_rope
// #cgo noescape kern_gate
// #cgo nocallback kern_gate
// #cgo noescape kern_gate_grad
// #cgo nocallback kern_gate_grad
// #cgo noescape kern_softcap
// #cgo nocallback kern_softcap
// #cgo noescape kern_cross_entropy
// #cgo nocallback kern_cross_entropy
// #cgo noescape kern_add
// #cgo nocallback kern_add
// #cgo noescape kern_scaled_add
// #cgo nocallback kern_scaled_add
// #cgo noescape kern_scaled_copy
// #cgo nocallback kern_scaled_copy
// #cgo noescape kern_column_sums
// #cgo nocallback kern_column_sums
// #cgo noescape kern_sum
// #cgo nocallback kern_sum
// #cgo noescape kern_sum_squares
// #cgo nocallback kern_sum_squares
// #cgo noescape kern_adamw
// #cgo nocallback kern_adamw
import "C"

import "unsafe"

// simd is one instruction set of the C kernels.
type simd struct {
	isa  C.int
	path Path
	bf16 bool // the processor multiplies bfloat16 pairs
}

var isas = map[Path]C.int{Portable: C.ISA_PORTABLE, AVX2: C.ISA_AVX2, AVX512: C.ISA_AVX512}

func cPaths() []Path {
	best := C.kern_best_isa()
	var all []Path
	for _, p := range []Path{Portable, AVX2, AVX512} {
		if isas[p] <= best {
			all = append(all, p)
		}
	}
	return all
}

func cKernels(p Path) Kernels {
	return simd{isas[p], p, p == AVX512 && C.kern_has_bf16() != 0}
}

func fp(s []float32) *C.float { return (*C.float)(unsafe.Pointer(unsafe.SliceData(s))) }
func hp(s []uint16) *C.ushort { return (*C.ushort)(unsafe.Pointer(unsafe.SliceData(s))) }
func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

func (k simd) Path() Path { return k.path }

func (k simd) Describe() string {
	switch {
	case k.bf16:
		return "C, AVX-512 with BF16"
	case k.path == AVX512:
		return "C, AVX-512 (bfloat16 emulated)"
	case k.path == AVX2:
		return "C, AVX2 and FMA (bfloat16 emulated)"
	}
	return "C, portable (bfloat16 emulated)"
}

func (simd) GemmWork() int { return int(C.kern_gemm_work()) }

func (simd) AttnWork(t, headDim int) int { return int(C.kern_attn_work(C.long(t), C.long(headDim))) }

func (k simd) Gemm(g *Gemm, m0, m1, n0, n1 int, work []float32) {
	if m0 >= m1 || n0 >= n1 {
		return
	}
	checkGemm(g, m0, m1, n0, n1)
	_ = work[:k.GemmWork()]
	mode := 0
	if g.BF16 {
		mode = 1
		if k.bf16 {
			mode = 2
		}
	}
	C.kern_gemm(k.isa, C.int(mode), flag(g.TransA), flag(g.TransB), C.long(m0), C.long(m1), C.long(n0), C.long(n1),
		C.long(g.K),
		fp(g.A), C.long(g.LDA), fp(g.B), C.long(g.LDB), fp(g.C), C.long(g.LDC), flag(g.Beta), fp(g.Bias), fp(g.Add),
		C.long(g.LDAdd), fp(work))
}

func (k simd) Attention(a *Attn, work []float32) {
	checkAttn(a, false)
	_ = work[:k.AttnWork(a.Past+a.T, a.HeadDim)]
	C.kern_attn(k.isa, C.long(a.Past), C.long(a.T), C.long(a.HeadDim), C.float(a.Scale), C.float(a.Softcap),
		C.long(a.Window), fp(a.Q), C.long(a.StrideQ),
		fp(a.K), C.long(a.StrideK), fp(a.V), C.long(a.StrideV), fp(a.O), C.long(a.StrideO), fp(a.LSE), fp(work))
}

func (k simd) AttentionGrad(a *Attn, work []float32) {
	checkAttn(a, true)
	_ = work[:k.AttnWork(a.T, a.HeadDim)]
	C.kern_attn_grad(k.isa, C.long(a.T), C.long(a.HeadDim), C.long(a.Group), C.float(a.Scale), C.float(a.Softcap),
		C.long(a.Window),
		fp(a.Q), C.long(a.StrideQ), fp(a.K), C.long(a.StrideK), fp(a.V), C.long(a.StrideV), fp(a.O), fp(a.DO),
		C.long(a.StrideO), fp(a.LSE),
		fp(a.DQ), fp(a.DK), fp(a.DV), fp(a.Delta), fp(work))
}

func (k simd) RMSNorm(rows, groups, dim int, x []float32, sx int, y []float32, sy int, gain, stat []float32, eps,
	plusOne float32) {
	C.kern_norm(k.isa, C.long(rows), C.long(groups), C.long(dim), fp(x), C.long(sx), fp(y), C.long(sy), fp(gain), fp(stat),
		C.float(eps), C.float(plusOne))
}

func (k simd) RMSNormGrad(rows, groups, dim int, x []float32, sx int, dy []float32, sy int, gain, stat []float32,
	plusOne float32, dx, dgain []float32, accumulate bool) {
	C.kern_norm_grad(k.isa, C.long(rows), C.long(groups), C.long(dim), fp(x), C.long(sx), fp(dy), C.long(sy), fp(gain),
		fp(stat), C.float(plusOne),
		fp(dx), fp(dgain), flag(accumulate))
}

func (k simd) LayerNorm(rows, groups, dim int, x []float32, sx int, y []float32, sy int, gain, bias, stat,
	mean []float32, eps, plusOne float32) {
	C.kern_layer_norm(k.isa, C.long(rows), C.long(groups), C.long(dim), fp(x), C.long(sx), fp(y), C.long(sy), fp(gain),
		fp(bias), fp(stat), fp(mean),
		C.float(eps), C.float(plusOne))
}

func (k simd) LayerNormGrad(rows, groups, dim int, x []float32, sx int, dy []float32, sy int, gain, stat,
	mean []float32, plusOne float32, dx, dgain, dbias []float32, accumulate bool) {
	C.kern_layer_norm_grad(k.isa, C.long(rows), C.long(groups), C.long(dim), fp(x), C.long(sx), fp(dy), C.long(sy),
		fp(gain), fp(stat), fp(mean),
		C.float(plusOne), fp(dx), fp(dgain), fp(dbias), flag(accumulate))
}

func (k simd) Rope(row0, rows, t, heads, headDim, dim int, x []float32, stride int, cos, sin []float32, inverse bool) {
	C.kern_rope(k.isa, C.long(row0), C.long(rows), C.long(t), C.long(heads), C.long(headDim), C.long(dim), fp(x),
		C.long(stride), fp(cos), fp(sin), flag(inverse))
}

func (k simd) Gate(act Act, rows, dim int, g, u []float32, sg int, h []float32, sh int) {
	C.kern_gate(k.isa, C.int(act), C.long(rows), C.long(dim), fp(g), fp(u), C.long(sg), fp(h), C.long(sh))
}

func (k simd) GateGrad(act Act, rows, dim int, g, u, dg, du []float32, sg int, dh []float32, sh int) {
	C.kern_gate_grad(k.isa, C.int(act), C.long(rows), C.long(dim), fp(g), fp(u), fp(dg), fp(du), C.long(sg), fp(dh),
		C.long(sh))
}

func (k simd) Act(act Act, rows, dim int, g []float32, sg int, h []float32, sh int) {
	C.kern_act(k.isa, C.int(act), C.long(rows), C.long(dim), fp(g), C.long(sg), fp(h), C.long(sh))
}

func (k simd) ActGrad(act Act, rows, dim int, g, dg []float32, sg int, dh []float32, sh int) {
	C.kern_act_grad(k.isa, C.int(act), C.long(rows), C.long(dim), fp(g), fp(dg), C.long(sg), fp(dh), C.long(sh))
}

func (k simd) Softcap(x []float32, c float32) {
	C.kern_softcap(k.isa, fp(x), C.long(len(x)), C.float(c))
}

func (k simd) CrossEntropy(rows, vocab int, logits []float32, targets []int32, loss []float32, grad bool, scale,
	softcap float32) {
	checkTargets(targets[:rows], vocab)
	C.kern_cross_entropy(k.isa, C.long(rows), C.long(vocab), fp(logits[:rows*vocab]),
		(*C.int)(unsafe.Pointer(unsafe.SliceData(targets))),
		fp(loss[:rows]), flag(grad), C.float(scale), C.float(softcap))
}

func (k simd) Add(dst, src []float32) {
	C.kern_add(k.isa, fp(dst), fp(src[:len(dst)]), C.long(len(dst)))
}

func (k simd) ScaledAdd(dst, src []float32, f float32) {
	C.kern_scaled_add(k.isa, fp(dst), fp(src[:len(dst)]), C.long(len(dst)), C.float(f))
}

func (k simd) ScaledCopy(dst, src []float32, f float32) {
	C.kern_scaled_copy(k.isa, fp(dst), fp(src[:len(dst)]), C.long(len(dst)), C.float(f))
}

func (k simd) ColumnSums(dst, y []float32, rows, stride int) {
	C.kern_column_sums(k.isa, fp(dst), fp(y), C.long(rows), C.long(len(dst)), C.long(stride))
}

func (k simd) Dot(x, y []float32) float64 {
	return float64(C.kern_dot(k.isa, fp(x), fp(y[:len(x)]), C.long(len(x))))
}

func (k simd) Sum(x []float32) float64 { return float64(C.kern_sum(k.isa, fp(x), C.long(len(x)))) }

func (k simd) SumSquares(x []float32) float64 {
	return float64(C.kern_sum_squares(k.isa, fp(x), C.long(len(x))))
}

func (k simd) AdamW(w, g, m, v []float32, decay, beta1, beta2, step, root, eps, gscale float32) {
	n := len(w)
	C.kern_adamw(k.isa, fp(w), fp(g[:n]), fp(m[:n]), fp(v[:n]), C.long(n), C.float(decay), C.float(beta1), C.float(beta2),
		C.float(step), C.float(root), C.float(eps), C.float(gscale))
}

func (k simd) Exp(dst, src []float32) {
	C.kern_exp(k.isa, fp(dst[:len(src)]), fp(src), C.long(len(src)))
}
func (k simd) Tanh(dst, src []float32) {
	C.kern_tanh(k.isa, fp(dst[:len(src)]), fp(src), C.long(len(src)))
}

func (k simd) BF16ToF32(dst []float32, src []uint16) {
	C.kern_bf16_to_f32(k.isa, fp(dst[:len(src)]), hp(src), C.long(len(src)))
}
func (k simd) F32ToBF16(dst []uint16, src []float32) {
	C.kern_f32_to_bf16(k.isa, hp(dst[:len(src)]), fp(src), C.long(len(src)))
}
func (k simd) F16ToF32(dst []float32, src []uint16) {
	C.kern_f16_to_f32(k.isa, fp(dst[:len(src)]), hp(src), C.long(len(src)))
}
func (k simd) F32ToF16(dst []uint16, src []float32) {
	C.kern_f32_to_f16(k.isa, hp(dst[:len(src)]), fp(src), C.long(len(src)))
}

// Package kern holds the compute kernels of the cpu engine: C with vector instructions chosen at run time, and
// a plain Go twin of each, which is the oracle in tests and the whole package where cgo is off.
//
// The best path that the processor supports is used: avx512 (with or without AVX512_BF16), avx2, portable C, or go. The
// environment variable FAMKIT_KERNELS=avx512|avx2|portable|go asks for a particular one.
//
// Every function works on the calling thread; callers split rows, columns or heads between threads. Slices need no
// alignment. Results do not depend on how a caller splits rows.
package kern

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// Path names an implementation of the kernels.
type Path string

// The paths, slowest first.
const (
	Go       Path = "go"
	Portable Path = "portable"
	AVX2     Path = "avx2"
	AVX512   Path = "avx512"
)

// Env is the environment variable that asks for a path.
const Env = "FAMKIT_KERNELS"

// Available lists the paths that run on this machine, slowest first.
func Available() []Path { return append([]Path{Go}, cPaths()...) }

// Default is the path that Env asks for, else the fastest available.
func Default() (Kernels, error) {
	all := Available()
	if want := os.Getenv(Env); want != "" {
		k, err := For(Path(want))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", Env, err)
		}
		return k, nil
	}
	return For(all[len(all)-1])
}

// For gives the kernels of one path, or an error that lists those available.
func For(p Path) (Kernels, error) {
	all := Available()
	if !slices.Contains(all, p) {
		var names []string
		for _, a := range all {
			names = append(names, string(a))
		}
		return nil, fmt.Errorf("no kernels %q here (have %s)", p, strings.Join(names, ", "))
	}
	if p == Go {
		return twins{}, nil
	}
	return cKernels(p), nil
}

// Gemm describes C[M,N] = op(A) op(B) + C (where Beta) + Bias + Add, row-major with leading dimensions. op(A) is
// [M,K], stored [K,M] with TransA; op(B) is [K,N], stored [N,K] with TransB. Bias [N] and Add [M,N] may be nil. BF16
// rounds A and B to bfloat16, nearest even, and accumulates in float32; where the processor does it itself denormals
// count as zero.
type Gemm struct {
	M, N, K        int
	A, B, C        []float32
	LDA, LDB, LDC  int
	TransA, TransB bool
	Beta           bool
	Bias, Add      []float32
	LDAdd          int
	BF16           bool
}

// Attn describes attention of one query head (forward), or of Group query heads on one key-value head (backward),
// over one sequence of T rows. Q, O and their gradients start at the first of these heads; rows lie Stride apart.
// Window 0 means all earlier rows; Softcap 0 none. Forward, K and V may have Past rows more, before those of the
// queries.
type Attn struct {
	T, HeadDim, Group                  int
	Past                               int
	Scale, Softcap                     float32
	Window                             int
	Q, K, V, O                         []float32
	StrideQ, StrideK, StrideV, StrideO int
	LSE                                []float32 // [Group*T]
	DQ, DK, DV, DO, Delta              []float32 // Delta [Group*T] is scratch
}

// Act is a gate's activation.
type Act int

// The activations.
const (
	SiLU Act = iota
	GELUTanh
	GELU
)

// Kernels is one implementation. Rows, Groups, Dim and strides mean what they mean in package engine.
type Kernels interface {
	Path() Path
	// Describe names the instruction set in words.
	Describe() string

	// GemmWork and AttnWork are the sizes, in elements, of the scratch that one thread needs.
	GemmWork() int
	AttnWork(t, headDim int) int

	// Gemm computes rows [m0,m1) and columns [n0,n1) of the product.
	Gemm(g *Gemm, m0, m1, n0, n1 int, work []float32)
	Attention(a *Attn, work []float32)
	AttentionGrad(a *Attn, work []float32)

	// RMSNorm: y = x * s * (gain + plusOne), s = 1/sqrt(mean(x^2) + eps) kept in stat [rows*groups].
	RMSNorm(rows, groups, dim int, x []float32, sx int, y []float32, sy int, gain, stat []float32, eps, plusOne float32)
	// RMSNormGrad overwrites (or with accumulate adds to) dx and adds to dgain; either may be nil.
	RMSNormGrad(rows, groups, dim int, x []float32, sx int, dy []float32, sy int, gain, stat []float32, plusOne float32,
		dx, dgain []float32, accumulate bool)
	// LayerNorm: y = (x - m) * s * (gain + plusOne) + bias, m the mean and s = 1/sqrt(variance + eps), kept in mean and
	// stat [rows*groups], which may both be nil.
	LayerNorm(rows, groups, dim int, x []float32, sx int, y []float32, sy int, gain, bias, stat, mean []float32, eps,
		plusOne float32)
	// LayerNormGrad overwrites (or with accumulate adds to) dx and adds to dgain and dbias; dx may be nil, and so may
	// both others.
	LayerNormGrad(rows, groups, dim int, x []float32, sx int, dy []float32, sy int, gain, stat, mean []float32,
		plusOne float32, dx, dgain, dbias []float32, accumulate bool)
	// Rope rotates rows [row0, row0+rows) of x in place; row r has position r % t.
	Rope(row0, rows, t, heads, headDim, dim int, x []float32, stride int, cos, sin []float32, inverse bool)

	Gate(act Act, rows, dim int, g, u []float32, sg int, h []float32, sh int)
	GateGrad(act Act, rows, dim int, g, u, dg, du []float32, sg int, dh []float32, sh int)
	// Act: h = act(g). ActGrad: dg = dh * act'(g).
	Act(act Act, rows, dim int, g []float32, sg int, h []float32, sh int)
	ActGrad(act Act, rows, dim int, g, dg []float32, sg int, dh []float32, sh int)
	Softcap(x []float32, c float32)
	// CrossEntropy: as engine.CrossEntropy, for rows of vocab logits.
	CrossEntropy(rows, vocab int, logits []float32, targets []int32, loss []float32, grad bool, scale, softcap float32)

	// Add: dst += src. ScaledAdd: dst += f*src. ScaledCopy: dst = f*src.
	Add(dst, src []float32)
	ScaledAdd(dst, src []float32, f float32)
	ScaledCopy(dst, src []float32, f float32)
	// ColumnSums: dst[j] += sum over rows of y[r*stride+j], for len(dst) columns.
	ColumnSums(dst, y []float32, rows, stride int)
	Dot(x, y []float32) float64
	Sum(x []float32) float64
	SumSquares(x []float32) float64
	// AdamW: x = gscale*g; m, v updated; w = w*decay - step * m / (sqrt(v)*root + eps).
	AdamW(w, g, m, v []float32, decay, beta1, beta2, step, root, eps, gscale float32)

	// Exp and Tanh are the elementwise functions that the others are made of, exposed for their error bounds.
	Exp(dst, src []float32)
	Tanh(dst, src []float32)

	// SumsHold compares rows of a block from one on, and gives the first that is not surely right, or their count. What
	// it accepts is beyond doubt: sums that were not rounded, or, where they may be, that are well inside a unit
	// roundoff of the terms' magnitude. It may refuse what a closer look accepts.
	SumsHold(p *SumPlan, b *SumBlock, from int) int

	BF16ToF32(dst []float32, src []uint16)
	F32ToBF16(dst []uint16, src []float32)
	F16ToF32(dst []float32, src []uint16)
	F32ToF16(dst []uint16, src []float32)
}

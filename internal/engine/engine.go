// Package engine defines what a compute engine offers the decoder: buffers and the operators of a
// transformer's forward and backward pass. Engines register themselves; they know nothing of models,
// checkpoints or training graphs.
package engine

import (
	"unsafe"

	"famkit/internal/tensor"
)

// Type of a buffer's elements.
type Type uint8

// The buffer types.
const (
	F32 Type = iota
	F64
	I32
)

// Size in bytes of one element.
func (t Type) Size() int { return [...]int{4, 8, 4}[t] }

// Buf is a view of engine memory: a value, so that taking views allocates nothing. Ptr is meaningful to
// the engine only (a host address outside the Go heap, a device address).
type Buf struct {
	Ptr  unsafe.Pointer
	N    int // elements
	Type Type
}

// Nil reports an absent buffer; operators treat an absent optional buffer as "not wanted".
func (b Buf) Nil() bool { return b.Ptr == nil }

// At is the view of n elements from off. It panics when that leaves the buffer.
func (b Buf) At(off, n int) Buf {
	if off < 0 || n < 0 || off+n > b.N {
		panic("engine: view outside its buffer")
	}
	return Buf{unsafe.Add(b.Ptr, off*b.Type.Size()), n, b.Type}
}

// Precision of matrix products. Everything else is computed in the engine's own type.
type Precision uint8

// The precisions.
const (
	// Full: the engine's own type (ref: float64, cpu: float32).
	Full Precision = iota
	// BFloat16: the inputs of matrix products rounded to bfloat16, accumulated in float32.
	BFloat16
)

// Options choose how an engine runs.
type Options struct {
	Threads   int // 0: one per processor
	Precision Precision
}

// MatMul computes C[M,N] = op(A) op(B) + Beta*C + Bias + Add, row-major. op(A) is [M,K]: A itself with
// leading dimension LDA, or with TransA the transpose of A stored [K,M]. Likewise op(B) is [K,N], or with
// TransB the transpose of B stored [N,K] (a Linear's weight). Beta is 0 (C is not read) or 1.
// Bias [N] is added to each row, Add [M,N] with leading dimension LDAdd elementwise; both optional.
type MatMul struct {
	M, N, K        int
	A, B, C        Buf
	LDA, LDB, LDC  int
	TransA, TransB bool
	Beta           float64
	Bias           Buf
	Add            Buf
	LDAdd          int
}

// Norm is a norm over vectors of Dim elements: Groups of them in each of Rows rows that lie Stride elements
// apart (X, Y, DX, DY share Stride; an ordinary norm has Groups 1 and Stride Dim; a per-head norm of packed heads has
// Groups heads). RMSNorm: y = x * rsqrt(mean(x^2) + Eps) * (Gain + PlusOne). LayerNorm: y = (x - mean(x)) *
// rsqrt(var(x) + Eps) * (Gain + PlusOne) + Bias, with the variance over Dim. Stat [Rows*Groups] keeps the rsqrt, and
// LayerNorm's Mean [Rows*Groups] the mean, for the backward pass. Backward: DX (+)= , DGain +=, DBias +=; Accumulate says
// whether DX is added to. Y may be X in the forward pass only when the backward pass is not needed; DX may be DY. RMSNorm
// ignores Bias, Mean and DBias.
type Norm struct {
	Rows, Groups, Dim int
	StrideX, StrideY  int // StrideX: X and DX; StrideY: Y and DY
	X, Y, Gain, Stat  Buf
	Bias, Mean        Buf
	Eps, PlusOne      float64
	DX, DY            Buf
	DGain, DBias      Buf
	Accumulate        bool
}

// Rope rotates Heads heads of HeadDim elements in each row in place, half-split as in transformers: pairs (i, i+Dim/2) for
// i < Dim/2, where Dim <= HeadDim is the rotated part. Row r has position r % T. Cos, Sin are [T, Dim/2].
// Inverse rotates back (the backward pass).
type Rope struct {
	Rows, T, Heads, HeadDim, Dim, Stride int
	X, Cos, Sin                          Buf
	Inverse                              bool
}

// Attention is causal grouped-query attention over B sequences of T rows. Row b*T+t of Q holds Heads heads of
// HeadDim elements, of K and V KVHeads heads; query head h reads kv head h / (Heads/KVHeads).
// Scores are Scale * q.k, then Softcap*tanh(s/Softcap) where Softcap > 0; position t sees u in (t-Window, t], or all u <= t where
// Window is 0. LSE [B*Heads*T] keeps the log-sum-exp for the backward pass, which overwrites DQ, DK, DV
// (strides as Q, K, V) and reads O and DO (stride StrideO). Delta [B*Heads*T] is scratch.
// Heads lie side by side; where q, k and v of each kv head follow each other instead, StepQ is the distance from the
// query heads of one kv head to those of the next, and StepKV that from one kv head to the next. 0 means side by side.
type Attention struct {
	B, T, Heads, KVHeads, HeadDim      int
	StepQ, StepKV                      int
	Scale, Softcap                     float64
	Window                             int
	Q, K, V, O                         Buf
	StrideQ, StrideK, StrideV, StrideO int
	LSE                                Buf
	DQ, DK, DV, DO, Delta              Buf
}

// QueryAt is where query head h starts in a row of Q.
func (a *Attention) QueryAt(h int) int {
	if a.StepQ == 0 {
		return h * a.HeadDim
	}
	group := a.Heads / a.KVHeads
	return h/group*a.StepQ + h%group*a.HeadDim
}

// KeyAt is where kv head h starts in a row of K and of V.
func (a *Attention) KeyAt(h int) int {
	if a.StepKV == 0 {
		return h * a.HeadDim
	}
	return h * a.StepKV
}

// Act is an activation function.
type Act uint8

// The activations.
const (
	SiLU Act = iota
	GELUTanh
	GELU
)

// Gate computes H = act(G) * U over Rows rows of Dim elements, or H = act(G) where U is absent. Backward: DG, DU from
// DH; DG may be G's memory and DU U's. StrideG serves G, U, DG, DU and StrideH serves H, DH.
type Gate struct {
	Rows, Dim        int
	StrideG, StrideH int
	Act              Act
	G, U, H          Buf
	DG, DU, DH       Buf
}

// Embed gathers: Y[r] = Scale * Table[IDs[r]] for Rows rows of Dim. Backward: DTable[IDs[r]] += Scale * DY[r], in
// an order that does not depend on threads.
type Embed struct {
	Rows, Dim, Vocab int
	Scale            float64
	Table, IDs, Y    Buf
	DTable, DY       Buf
}

// Route sends each of Rows rows to the TopK experts with the highest logits, of equals to the first. P is the softmax of
// a row's logits over all Experts; the weights are P of the chosen ones, divided by their sum where Normalise is set.
// Chosen [Rows*TopK] are a row's experts, best first, and Weight [Rows*TopK] their weights. The rows of one expert then
// stand together, experts in order and rows in order: place s of Rows*TopK is taken by row Source[s], and Place
// [Rows*TopK] is the place of each row's choices. Counts gets how many places each expert has, on the host.
// Backward: DLogits is overwritten from DWeight; both passes may share the memory of Logits and DLogits.
type Route struct {
	Rows, Experts, TopK   int
	Normalise             bool
	Logits, P             Buf // [Rows,Experts]
	Weight                Buf
	Chosen, Place, Source Buf // I32
	Counts                []int
	DWeight, DLogits      Buf
}

// Combine adds up what the experts give: Y[r] = Add[r] + the sum over k of Weight[r*TopK+k] * X[Place[r*TopK+k]], rows of Dim
// elements; Add is optional. Backward: DX[Place[r*TopK+k]] = Weight[r*TopK+k] * DY[r] and DWeight[r*TopK+k] = DY[r] . X[Place[r*TopK+k]].
type Combine struct {
	Rows, TopK, Dim  int
	X, Weight, Place Buf
	Y, Add           Buf
	DX, DY, DWeight  Buf
}

// CrossEntropy turns Rows rows of Vocab logits into losses: Loss[r] = logsumexp(row) - row[target], in nats; a negative
// target is ignored (loss 0, gradient 0). Where Grad is set the logits are overwritten by Scale * (softmax - onehot).
// Softcap > 0: logits are capped first, z -> c*tanh(z/c), and the gradient goes through it.
type CrossEntropy struct {
	Rows, Vocab           int
	Logits, Targets, Loss Buf // [Rows,Vocab], I32 [Rows], [Rows]
	Grad                  bool
	Scale, Softcap        float64
}

// AdamW is one step of decoupled AdamW as torch.optim.AdamW: g' = GradScale*g; w -= LR*Decay*w; m, v updated;
// w -= LR/C1 * m / (sqrt(v/C2) + Eps), with C1 = 1-Beta1^step and C2 = 1-Beta2^step given by the caller.
type AdamW struct {
	W, G, M, V               Buf
	LR, Beta1, Beta2, Eps    float64
	Decay, C1, C2, GradScale float64
}

// Engine runs operators. Calls take effect in order; those that return host values wait for them. Buffers live until
// Close. Operators panic on impossible arguments (programmer errors) and never allocate after the first call of a shape.
type Engine interface {
	Name() string
	// Real is the type of weights and activations: F64 for ref, F32 for cpu and cuda.
	Real() Type
	// Alloc gives n zeroed elements, or an error that says how much was wanted and available.
	Alloc(t Type, n int) (Buf, error)
	// Allocated is the bytes handed out so far.
	Allocated() int64

	// Upload converts little-endian elements of type d into dst (dst.N of them).
	Upload(dst Buf, src []byte, d tensor.DType) error
	// Download rounds src to nearest even into little-endian elements of type d.
	Download(dst []byte, d tensor.DType, src Buf) error
	UploadInts(dst Buf, src []int32)

	Zero(b Buf)
	Copy(dst, src Buf)
	// AddTo computes dst += src.
	AddTo(dst, src Buf)
	MatMul(*MatMul)
	// BiasGrad computes DBias[j] += sum over rows of DY[r*stride+j], n columns.
	BiasGrad(dBias, dY Buf, rows, n, stride int)
	RMSNorm(*Norm)
	RMSNormGrad(*Norm)
	LayerNorm(*Norm)
	LayerNormGrad(*Norm)
	Rope(*Rope)
	Attention(*Attention)
	AttentionGrad(*Attention)
	Gate(*Gate)
	GateGrad(*Gate)
	Route(*Route)
	RouteGrad(*Route)
	Combine(*Combine)
	CombineGrad(*Combine)
	Embed(*Embed)
	EmbedGrad(*Embed)
	CrossEntropy(*CrossEntropy)
	// Softcap computes z = c*tanh(z/c) in place.
	Softcap(b Buf, c float64)
	// Sum and SumSquares reduce in float64, in a fixed order for a given thread count.
	Sum(b Buf) float64
	SumSquares(b Buf) float64
	AdamW(*AdamW)

	Sync() error
	Close() error
}

// Candidate is a registered engine. Score ranks it; 0 means that it cannot run here, for the reason given.
type Candidate struct {
	Name   string
	Score  func() (int, string)
	Create func(Options) (Engine, error)
}

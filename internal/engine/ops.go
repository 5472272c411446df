package engine

// The arguments of operators. Each says of which of the engine's Formats its buffers are: Weight, Act, Stat, Master;
// ids, places and starts are I32, and what the host reads is F64.

// MatMul computes C[M,N] = op(A) op(B) + Beta*C + Bias + Add, row-major. op(A) is [M,K]: A itself with
// leading dimension LDA, or with TransA the transpose of A stored [K,M]. Likewise op(B) is [K,N], or with
// TransB the transpose of B stored [N,K] (a Linear's weight). Beta is 0 (C is not read) or 1.
// Bias [N] is added to each row, Add [M,N] with leading dimension LDAdd elementwise; both optional.
// A and B are Act or Weight, Bias is Master, Add is Act; C is Act, or Master (a weight's gradient), or Stat (a
// router's logits).
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

// Grouped is a MatMul for each of Groups groups of rows. Group g has rows Starts[g] to Starts[g+1] of those that M
// (or with TransA, K) counts for all groups together, and a weight of its own, Step elements after that of the group
// before. The weight is B, and C and A have the rows; with TransA the weight's gradient is C, and A and B have the
// rows. Beta of a group without rows is as if it were 1. Neither Bias nor Add is taken.
type Grouped struct {
	MatMul
	Groups, Step int
	Starts       Buf // [Groups+1]
}

// Norm is a norm over vectors of Dim elements: Groups of them in each of Rows rows that lie Stride elements
// apart (an ordinary norm has Groups 1 and Stride Dim; a per-head norm of packed heads has
// Groups heads). RMSNorm: y = x * rsqrt(mean(x^2) + Eps) * (Gain + PlusOne). LayerNorm: y = (x - mean(x)) *
// rsqrt(var(x) + Eps) * (Gain + PlusOne) + Bias, with the variance over Dim. Stat [Rows*Groups] keeps the rsqrt, and
// LayerNorm's Mean [Rows*Groups] the mean, for the backward pass. Backward: DX (+)= , DGain +=, DBias +=; Accumulate
// says whether DX is added to. Y may be X in the forward pass only when the backward pass is not needed; DX may be
// DY. RMSNorm ignores Bias, Mean and DBias. X, Y, DX, DY are Act, Gain, Bias and their gradients Master, Stat and
// Mean Stat.
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

// Rope rotates Heads heads of HeadDim elements in each row in place, half-split as in transformers: pairs (i,
// i+Dim/2) for i < Dim/2, where Dim <= HeadDim is the rotated part. Row r has position r % T. Cos, Sin are [T, Dim/2]
// of Stat, X is Act. Inverse rotates back (the backward pass).
type Rope struct {
	Rows, T, Heads, HeadDim, Dim, Stride int
	X, Cos, Sin                          Buf
	Inverse                              bool
}

// Attention is causal grouped-query attention over B sequences of T rows. Row b*T+t of Q holds Heads heads of
// HeadDim elements, of K and V KVHeads heads; query head h reads kv head h / (Heads/KVHeads).
// Scores are Scale * q.k, then Softcap*tanh(s/Softcap) where Softcap > 0; position t sees u in (t-Window, t], or all
// u <= t where Window is 0. LSE [B*Heads*T] keeps the log-sum-exp for the backward pass, which overwrites DQ, DK, DV
// (strides as Q, K, V) and reads O and DO (stride StrideO). Delta [B*Heads*T] and Work [Spec.AttentionWork] are
// scratch. LSE, Delta and Work are Stat, the others Act. Forward, K and V may begin with Past rows before those of
// the queries, where the engine's Spec says Cached: query t is then row Past+t of the Past+T keys, and B is 1. Heads
// lie side by side; where q, k and v of each kv head follow each other instead, StepQ is the distance from the query
// heads of one kv head to those of the next, and StepKV that from one kv head to the next. 0 means side by side.
type Attention struct {
	B, T, Heads, KVHeads, HeadDim      int
	Past                               int
	StepQ, StepKV                      int
	Scale, Softcap                     float64
	Window                             int
	Q, K, V, O                         Buf
	StrideQ, StrideK, StrideV, StrideO int
	LSE                                Buf
	DQ, DK, DV, DO, Delta              Buf
	Work                               Buf
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
// DH; DG may be G's memory and DU U's. StrideG serves G, U, DG, DU and StrideH serves H, DH. All are Act.
type Gate struct {
	Rows, Dim        int
	StrideG, StrideH int
	Act              Act
	G, U, H          Buf
	DG, DU, DH       Buf
}

// Embed looks up Y[r] = Scale * Table[IDs[r]] + Pos[r % T] for Rows rows of Dim; Pos [T, Dim] is optional. Backward:
// DTable[IDs[r]] += Scale * DY[r] and DPos[r % T] += DY[r], in an order that does not depend on threads. Order [Rows]
// lists the rows by their id, rows of one id in order (SortRows). Table and Pos are Weight, or Table is Act where
// rows of an activation are gathered (forward only); Y and DY are Act, DTable and DPos Master.
type Embed struct {
	Rows, Dim, Vocab int
	T                int
	Scale            float64
	Table, Pos       Buf
	IDs, Order       Buf
	Y, DY            Buf
	DTable, DPos     Buf
}

// Route sends each of Rows rows to the TopK experts with the highest logits, of equals to the first. P is the softmax
// of a row's logits over all Experts; the weights are P of the chosen ones, divided by their sum where Normalise is
// set. Chosen [Rows*TopK] are a row's experts, best first, and Weight [Rows*TopK] their weights. The rows of one
// expert then stand together, experts in order and rows in order: place s of Rows*TopK is taken by row Source[s], and
// Place [Rows*TopK] is the place of each row's choices. The places of expert x go from Starts[x] to Starts[x+1].
// Backward: DLogits is overwritten from DWeight. DLogits is Act, the other numbers are Stat.
type Route struct {
	Rows, Experts, TopK           int
	Normalise                     bool
	Logits, P                     Buf // [Rows,Experts]
	Weight                        Buf
	Chosen, Place, Source, Starts Buf // Starts [Experts+1]
	DWeight, DLogits              Buf
}

// Combine adds up what the experts give: Y[r] = Add[r] + the sum over k of Weight[r*TopK+k] * X[Place[r*TopK+k]],
// rows of Dim elements. Add is optional, and so is Weight: without it rows count alike. Y may be Add. Backward:
// DX[Place[r*TopK+k]] = Weight[r*TopK+k] * DY[r] and DWeight[r*TopK+k] = DY[r] . X[Place[r*TopK+k]]. Weight and
// DWeight are Stat, the others Act.
type Combine struct {
	Rows, TopK, Dim  int
	X, Weight, Place Buf
	Y, Add           Buf
	DX, DY, DWeight  Buf
}

// CrossEntropy turns Rows rows of Vocab logits into losses: Loss[r] = logsumexp(row) - row[target], in nats; a negative
// target is ignored (loss 0, gradient 0). Where Grad is set the logits are overwritten by Scale * (softmax - onehot).
// Softcap > 0: logits are capped first, z -> c*tanh(z/c), and the gradient goes through it. Logits are Act, Loss is
// Stat.
type CrossEntropy struct {
	Rows, Vocab           int
	Logits, Targets, Loss Buf // [Rows,Vocab], [Rows], [Rows]
	Grad                  bool
	Scale, Softcap        float64
}

// Clip measures all gradients together: Norm[0] is the Euclidean norm over all Grads (Master), and Factor[0] what
// brings it down to Max as torch.nn.utils.clip_grad_norm_ does, min(1, Max / (Norm + 1e-6)), or 1 where Max is 0.
// Factor is NaN where the norm or a number of Guard is not finite: AdamW then changes nothing, so that the host may
// look at both afterwards. Norm, Factor and Guard are F64.
type Clip struct {
	Grads        []Buf
	Max          float64
	Guard        Buf
	Norm, Factor Buf
}

// AdamW is one step of decoupled AdamW as torch.optim.AdamW: g' = Factor*g; w -= LR*Decay*w; m, v updated;
// w -= LR/C1 * m / (sqrt(v/C2) + Eps), with C1 = 1-Beta1^step and C2 = 1-Beta2^step given by the caller. Factor is
// F64 [1], absent for 1; nothing changes where it is NaN. W, G, M and V are Master; Copy, a Weight, gets the new
// weights where the engine's formats are Copied.
type AdamW struct {
	W, G, M, V            Buf
	Copy                  Buf
	Factor                Buf
	LR, Beta1, Beta2, Eps float64
	Decay, C1, C2         float64
}

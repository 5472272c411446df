// Package arch describes decoder architectures as data: their tensors, how each dimension is used and
// along which named axes, and what their config.json means. Growing, converting, checking and running
// share this one description.
package arch

// Axis names a dimension of the model that growth can change by itself.
type Axis string

// The axes. A head dimension of a matrix is the product KV x Group x HeadDim: query head h belongs to
// kv head h / group, so rows of q_proj run over (KV, Group, HeadDim) and rows of k_proj over (KV, HeadDim).
const (
	Vocab   Axis = "vocab"
	Hidden  Axis = "hidden"
	FFN     Axis = "ffn"
	KV      Axis = "kv"
	Group   Axis = "group"
	HeadDim Axis = "head_dim"
	Pos     Axis = "pos"
	Experts Axis = "experts"
	// ExpertFFN is the inner size of one expert of a mixture, MoE.FFN.
	ExpertFFN Axis = "expert_ffn"
	Layers    Axis = "layers"
)

// Use says what a tensor does along one dimension.
type Use string

// The uses.
const (
	// Writes: each index produces one element of the axis (rows of a projection, its bias, the embedding's columns).
	Writes Use = "writes"
	// Reads: the product sums over the axis (columns of a projection).
	Reads Use = "reads"
	// Scales: element-wise gain on the axis (a norm's weight).
	Scales Use = "scales"
	// Shifts: element-wise bias that a norm adds on the axis.
	Shifts Use = "shifts"
	// Looks: rows are looked up by index (embedding rows by token, position tables by position).
	Looks Use = "looks"
)

// Dim is one dimension of a tensor as stored: its use, and either the axes whose product (outermost first) is its
// size, or the parts that lie side by side in it. A matrix stored [in, out] has the dimensions Reads, Writes.
type Dim struct {
	Use  Use
	Axes []Axis
	// Parts are those of a fused projection, such as the rows of q, k and v in one matrix; Axes is nil then.
	Parts []Part
	// Interleave, where it is not empty, is the outermost axis of every part, and the parts take turns along it: for
	// each of its indices the rows of the first part, of the second and so on (GPT-NeoX: q, k and v of head 0, of head 1).
	Interleave Axis
}

// Part is one of the projections that a fused tensor joins: what it is for and the axes whose product is its size.
type Part struct {
	Role Role
	Axes []Axis
}

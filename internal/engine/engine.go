// Package engine defines what a compute engine offers the decoder: buffers and the operators of a
// transformer's forward and backward pass. Engines register themselves; they know nothing of models,
// checkpoints or training graphs.
//
// What an operator computes stays in the engine's memory, losses, norms and the counts of a router too. The host
// waits once a step, in Read.
package engine

import "famkit/internal/tensor"

// Engine runs operators. Calls take effect in order; Upload, Download, Read and Sync wait for those before them, the
// others may return before they are done. An engine that has failed does nothing more, and says so from Download,
// Read and Sync. Buffers live until Close. Operators panic on impossible arguments (programmer errors) and never
// allocate after the first call of a shape.
type Engine interface {
	Name() string
	Spec() Spec
	// Describe says in words what the engine runs on.
	Describe() string
	// Available is how many bytes can still be allocated; 0 if unknown.
	Available() int64
	// Reserve takes memory for buffers of so many bytes together, or gives an error that says how much was wanted and
	// available.
	Reserve(bytes int64) error
	// Alloc gives n zeroed elements of one of the engine's formats, of I32 or of F64, or an error as Reserve.
	Alloc(t Type, n int) (Buf, error)
	// Allocated is the bytes handed out so far.
	Allocated() int64

	// Upload converts little-endian elements of type d into dst (dst.N of them).
	Upload(dst Buf, src []byte, d tensor.DType) error
	// Download rounds src to nearest even into little-endian elements of type d.
	Download(dst []byte, d tensor.DType, src Buf) error
	UploadInts(dst Buf, src []int32)

	Zero(b Buf)
	// Copy copies src, rounded to nearest even where dst is narrower. Buffers of integers are copied to such.
	Copy(dst, src Buf)
	// AddTo computes dst += src, both Act.
	AddTo(dst, src Buf)
	MatMul(*MatMul)
	Grouped(*Grouped)
	// BiasGrad computes DBias[j] += sum over rows of DY[r*stride+j], n columns. dBias is Master, dY Act.
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
	// Softcap computes z = c*tanh(z/c) in place, on Act.
	Softcap(b Buf, c float64)
	// Sum computes dst[0] += the sum of src, in an order that does not depend on threads. dst is F64, src Act or Stat.
	Sum(dst, src Buf)
	Clip(*Clip)
	AdamW(*AdamW)

	// Read waits and copies a buffer of F64 to the host.
	Read(dst []float64, src Buf) error
	// Sync waits, and tells the first failure of an operator.
	Sync() error
	Close() error
}

package engine

// Precision is what an engine computes in, by the names of the command line.
type Precision string

// The precisions.
const (
	// Float64 and Float32: memory, products and everything else in this type.
	Float64 Precision = "f64"
	Float32 Precision = "f32"
	// BFloat16: the inputs of matrix products rounded to bfloat16, sums in float32. Weights are kept in float32 as well.
	BFloat16 Precision = "bf16"
)

// Formats are the types of buffers by what they hold. Operators say which of them each of their buffers is of.
type Formats struct {
	Master Type // weights as AdamW changes them, their gradients and moments; gains and biases as operators read them
	Weight Type // matrices and tables as operators read them: Master, or a narrower copy
	Act    Type // activations and their gradients
	Stat   Type // statistics of norms and attention, losses, a router's probabilities
}

// Copied tells whether products read a rounded copy of the weights, which must be made anew when the weights change.
func (f Formats) Copied() bool { return f.Weight != f.Master }

// Spec is what an engine is in one precision. It is known before the engine exists, so that memory can be planned on
// a machine where the engine does not run.
type Spec struct {
	Precision Precision
	Formats
	// HostMemory says that buffers are memory of this process.
	HostMemory bool
	// Cached says that Attention takes keys and values of earlier rows (Attention.Past).
	Cached bool
	// Logits is how many logits should exist at a time: the head's products and the losses run over that many, a few
	// rows of the batch after the other.
	Logits int
	// AttentionWork is how many Stat elements Attention and AttentionGrad need in Work. Nil: none.
	AttentionWork func(*Attention) int
}

// Scratch is AttentionWork, 0 where it is nil.
func (s *Spec) Scratch(a *Attention) int {
	if s.AttentionWork == nil {
		return 0
	}
	return s.AttentionWork(a)
}

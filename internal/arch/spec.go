package arch

import "famkit/internal/tensor"

// Role says what a tensor is for; the same in every architecture.
type Role string

// The roles. A projection's bias has the role of its weight with Bias appended.
const (
	Embed     Role = "embed"
	Q         Role = "q"
	K         Role = "k"
	V         Role = "v"
	O         Role = "o"
	Gate      Role = "gate"
	Up        Role = "up"
	Down      Role = "down"
	AttnNorm  Role = "attn_norm" // before attention
	MLPNorm   Role = "mlp_norm"  // before the MLP
	QNorm     Role = "q_norm"
	KNorm     Role = "k_norm"
	FinalNorm Role = "final_norm"
	Head      Role = "head"
)

// Bias is the role of the bias that belongs to weight r.
func (r Role) Bias() Role { return r + ".bias" }

// TensorSpec describes one kind of tensor. Name holds "%d" for the layer number in a block tensor.
// Shapes are row-major as stored: PyTorch Linear is [out, in].
type TensorSpec struct {
	Role Role
	Name string
	Dims []Dim
	// When tells whether a model has the tensor; nil means always.
	When func(*Model) bool
}

// Spec is an architecture.
type Spec struct {
	// Name is config.json's model_type; Class the entry of its architectures list.
	Name, Class string
	// Embed, Block and Head list the tensors before the blocks, of one block, and after them.
	Embed, Block, Head []TensorSpec
	// Parse resolves a config into a model, every default applied; Update writes a model's sizes back.
	Parse func(*Config) (*Model, error)
	// Update rewrites the keys of cfg that differ in m, both spellings (transformers 4 and 5).
	Update func(cfg *Config, m *Model) error
	// Ignore matches tensor names that old checkpoints carry and the model does not use ("rotary_emb.inv_freq").
	Ignore []string
	// HeadsDivideHidden: transformers insists on hidden_size % num_attention_heads == 0.
	HeadsDivideHidden bool
}

// Activation of the MLP's gate.
type Activation string

// The activations, as config.json spells them.
const (
	SiLU     Activation = "silu"
	GELUTanh Activation = "gelu_pytorch_tanh"
	GELU     Activation = "gelu"
)

// Rope holds the rotary embedding's settings. Type is "default", "linear", "llama3", ...
type Rope struct {
	Theta  float64
	Type   string
	Factor float64
	// Llama 3 scaling.
	LowFreqFactor, HighFreqFactor float64
	OriginalMaxPos                int
}

// Model is a decoder with every default resolved.
type Model struct {
	Spec *Spec

	Vocab, Hidden, Layers, FFN int
	Heads, KVHeads, HeadDim    int
	MaxPos                     int

	Eps       float64
	Act       Activation
	Rope      Rope
	Tied      bool // the head is the embedding
	QKVBias   bool
	OBias     bool
	MLPBias   bool
	QKNorm    bool
	Window    []int // per layer: attention window in tokens, 0 = all
	LayerType []string
	InitRange float64
	// DType is what config.json says (dtype or torch_dtype), Invalid where it says nothing.
	DType tensor.DType
	// BOS and EOS are token ids, nil where unset. EOS may have several.
	BOS, EOS []int
}

// Size gives the length of an axis. Group is the query heads of one kv head.
func (m *Model) Size(a Axis) int {
	switch a {
	case Vocab:
		return m.Vocab
	case Hidden:
		return m.Hidden
	case FFN:
		return m.FFN
	case KV:
		return m.KVHeads
	case Group:
		return m.Heads / m.KVHeads
	case HeadDim:
		return m.HeadDim
	case Pos:
		return m.MaxPos
	case Layers:
		return m.Layers
	}
	return 0
}

// Shape is the shape that t has in m.
func (t *TensorSpec) Shape(m *Model) []int {
	shape := make([]int, len(t.Dims))
	for i, d := range t.Dims {
		shape[i] = 1
		for _, a := range d.Axes {
			shape[i] *= m.Size(a)
		}
	}
	return shape
}

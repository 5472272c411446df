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
	// Parse resolves a config into a model, every default applied. Resolve calls it, sets the model's Spec and
	// checks its sizes.
	Parse func(*Config) (*Model, error)
	// Update rewrites the keys of cfg whose meaning differs from m, and the rotary settings and the dtype in both
	// spellings, transformers 4's and 5's; all other keys keep their text. The config then resolves to m again, or
	// Update gives an error; cfg is then partly rewritten and must not be used.
	Update func(cfg *Config, m *Model) error
	// Ignore matches (as path.Match does) tensor names that old checkpoints carry and the model does not use.
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

// Rope holds the rotary embedding's settings.
type Rope struct {
	Theta float64
	// Type of the scaling: "default" (none), "linear" or "llama3".
	Type string
	// Factor of the scaling, 0 where there is none; the rest is of llama3 alone.
	Factor                        float64
	LowFreqFactor, HighFreqFactor float64
	OriginalMaxPos                int
}

// Model is a decoder with every default resolved.
type Model struct {
	Spec *Spec

	Vocab, Hidden, Layers, FFN int
	Heads, KVHeads, HeadDim    int
	MaxPos                     int

	Eps     float64
	Act     Activation
	Rope    Rope
	Tied    bool // the head is the embedding
	QKVBias bool
	OBias   bool
	MLPBias bool
	QKNorm  bool
	// Window is each layer's attention window in tokens, the token itself counted, 0 for all; LayerType says the
	// same in transformers' words, "full_attention" or "sliding_attention".
	Window    []int
	LayerType []string
	InitRange float64
	// DType is what config.json says (dtype or torch_dtype), Invalid where it says nothing.
	DType tensor.DType
	// BOS and EOS are token ids, nil where unset; both may have several.
	BOS, EOS []int
}

// Size gives the length of an axis, 0 where the model lacks it or it is not known. Group is the query heads of
// one kv head.
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
		if m.KVHeads == 0 { // a lone file does not tell
			return 0
		}
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

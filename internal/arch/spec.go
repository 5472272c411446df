package arch

import (
	"fmt"
	"reflect"

	"famkit/internal/tensor"
)

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

	PosTable     Role = "pos"            // table of learned positions
	AttnPostNorm Role = "attn_post_norm" // on attention's output, before it is added
	MLPPostNorm  Role = "mlp_post_norm"  // on the MLP's output
	Router       Role = "router"         // gives each expert a score
	QKV          Role = "qkv"            // q, k and v in one tensor; Dim.Parts says how
	GateUp       Role = "gate_up"        // gate and up in one tensor
)

// Bias is the role of the bias that belongs to weight r, of a norm's too.
func (r Role) Bias() Role { return r + biasSuffix }

// TensorSpec describes one kind of tensor. Name holds "%d" for the layer number in a block tensor, and a second one
// for the expert's number where PerExpert. Shapes are row-major as stored: PyTorch Linear is [out, in].
type TensorSpec struct {
	Role Role
	Name string
	Dims []Dim
	// When tells whether a model has the tensor in a layer, -1 outside the blocks; nil means always.
	When func(m *Model, layer int) bool
	// PerExpert: there is one for each of the model's MoE.Experts.
	PerExpert bool
}

// In reports whether m has the tensor in the given layer, -1 outside the blocks.
func (t *TensorSpec) In(m *Model, layer int) bool { return t.When == nil || t.When(m, layer) }

// Copies is how many tensors of the kind one layer has: MoE.Experts or 1.
func (t *TensorSpec) Copies(m *Model) int {
	if t.PerExpert {
		return m.Size(Experts)
	}
	return 1
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
	// Stacks are the tensors that hold several of those listed, in another layout.
	Stacks []Stack
	// Prefix begins the tensors' names, save the head's, and is missing in files of the bare model (GPT-2's own).
	Prefix string
	// HeadsDivideHidden: transformers insists on hidden_size % num_attention_heads == 0.
	HeadsDivideHidden bool
	// HeadsAreHidden: the heads have hidden_size elements together, and each has its own keys and values.
	HeadsAreHidden bool

	defaults *defaults
	// newer is a key that transformers 4 does not know, where an older one says the same; four sets in a model what
	// transformers 4 reads otherwise.
	newer string
	four  func(*Config, *Model) error
	// keys are the rules of the family's own keys; rules has those of all families too.
	keys  []KeyRule
	rules ruleSet
	// derive sets what the architecture takes from other sizes; nil where there is nothing.
	derive func(*Model)
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
	// Type of the scaling: "default" (none), "linear", "dynamic", "llama3", "yarn" or "longrope".
	Type string
	// Factor of the scaling, 0 where there is none.
	Factor float64
	// OriginalMaxPos is the context that the scaling starts from (llama3, yarn, longrope, dynamic), else 0.
	OriginalMaxPos int
	// Of llama3.
	LowFreqFactor, HighFreqFactor float64
	// AttentionFactor is what the cosines and sines are multiplied by under yarn and longrope, else 0.
	AttentionFactor float64
	// Of yarn, resolved; Whole rounds the bounds of its ramp to whole dimensions ("truncate").
	BetaFast, BetaSlow float64
	Whole              bool
	// Of longrope: a divisor for each frequency, up to OriginalMaxPos tokens and beyond.
	ShortFactor, LongFactor []float64
}

// String says the type of the scaling, its factor and where it starts from.
func (r Rope) String() string {
	s := fmt.Sprintf("%s of theta %v", r.Type, r.Theta)
	if r.Factor != 0 {
		s += fmt.Sprintf(", factor %v", r.Factor)
	}
	if r.OriginalMaxPos != 0 {
		s += fmt.Sprintf(", from %d positions on", r.OriginalMaxPos)
	}
	return s
}

// Equal reports whether the settings are the same.
func (r Rope) Equal(o Rope) bool { return reflect.DeepEqual(r, o) }

// MoE is a mixture of experts that stands in the MLP's place.
type MoE struct {
	// Experts there are, of which a token uses the TopK with the highest scores; FFN is the inner size of one.
	Experts, TopK, FFN int
	// NormTopK: the probabilities of the chosen experts are divided by their sum. Without it they are those of the
	// softmax over all experts.
	NormTopK bool
	// Layer tells which layers have the mixture; the others have the dense MLP.
	Layer []bool
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
	QKNorm  bool // each head of q and k is normed
	// QKNormFull: q and k are normed whole, over all heads (OLMo 2).
	QKNormFull bool
	// LayerNorm: the norms subtract the mean and have a bias; else they are RMSNorm.
	LayerNorm bool
	// GainOffset is added to every stored gain: 1 in Gemma.
	GainOffset float64
	// PreNorm and PostNorm: a block norms what its branches read, and what they add to the stream.
	PreNorm, PostNorm bool
	// Gated: the MLP is down(act(gate x) * up x), else down(act(up x)).
	Gated bool
	// Parallel: a block gives x + attention(norm x) + mlp(other norm x) (GPT-NeoX).
	Parallel bool
	// LearnedPos: a table of positions is added to the embedding (GPT-2).
	LearnedPos bool
	// RotaryDim is the number of leading elements of each head that the frequencies of the rotary embedding are made
	// for, 0 without one. Where it is odd, one element more turns: see Turned.
	RotaryDim int
	// EmbedScale multiplies the embedding, not the head tied to it: 1, and sqrt(Hidden) in Gemma. transformers rounds
	// it to the weights' type before it multiplies: float32(sqrt(Hidden)) for float32 weights.
	EmbedScale float64
	// ScoreScale is what attention scores are multiplied by, 0 for HeadDim^-1/2; see Scale.
	ScoreScale float64
	// AttnSoftcap and FinalSoftcap bound scores and logits: c * tanh(x / c), 0 for none.
	AttnSoftcap, FinalSoftcap float64
	// LocalRope is the rotary embedding of sliding layers where it differs from Rope (Gemma 3), else nil.
	LocalRope *Rope
	// MoE describes the mixture of experts, nil where every MLP is dense.
	MoE *MoE
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
	case Experts:
		if m.MoE != nil {
			return m.MoE.Experts
		}
	case ExpertFFN:
		if m.MoE != nil {
			return m.MoE.FFN
		}
	}
	return 0
}

// Mixture reports whether a layer has experts in the MLP's place.
func (m *Model) Mixture(layer int) bool { return m.MoE != nil && layer >= 0 && m.MoE.Layer[layer] }

// Shape is the shape that t has in m.
func (t *TensorSpec) Shape(m *Model) []int {
	shape := make([]int, len(t.Dims))
	for i, d := range t.Dims {
		if d.Parts == nil {
			shape[i] = m.product(d.Axes)
		}
		for _, p := range d.Parts {
			shape[i] += m.product(p.Axes)
		}
	}
	return shape
}

func (m *Model) product(axes []Axis) int {
	n := 1
	for _, a := range axes {
		n *= m.Size(a)
	}
	return n
}

package arch

import (
	"slices"
	"strings"

	"famkit/internal/fault"
)

// Bounds on what a config may ask for: far above any model, low enough that no product of sizes overflows.
const (
	maxSize  = 1 << 23
	maxVocab = 1 << 28
	// MaxLayers is the number of blocks that a model may have.
	MaxLayers = 1 << 14

	maxPositions = 1 << 40
	// maxExperts bounds the experts of one layer and, times 16, those of a whole model.
	maxExperts = 1 << 16
)

// registry holds the architectures in the order in which they are shown. It is filled in init because the
// specs' own functions look architectures up.
var registry []*Spec

func init() {
	registry = []*Spec{llama, mistral, qwen2, qwen3, gemma, gemma2, gemma3, gpt2, gptNeoX, olmo2, phi3, mixtral,
		qwen3MoE}
	for _, s := range registry {
		s.rules = newRuleSet(s.keys, s.defaults.rules(), commonRules, foreignTo(s))
	}
}

// Specs lists the architectures that are known.
func Specs() []*Spec { return slices.Clone(registry) }

// Lookup finds an architecture by config.json's model_type.
func Lookup(modelType string) (*Spec, error) {
	for _, s := range registry {
		if s.Name == modelType {
			return s, nil
		}
	}
	return nil, fault.Inputf("config.json: model_type: unknown architecture %q, known are %s", modelType,
		strings.Join(known(), ", "))
}

func known() []string {
	var names []string
	for _, s := range registry {
		names = append(names, s.Name)
	}
	return names
}

// Resolve reads a config into a model with every default applied. It refuses what it does not understand rather than
// compute something else: unknown architectures, rotary scalings and activations, quantised weights, keys by which
// others do not mean what they say, spellings that contradict each other, sizes that do not fit.
func Resolve(c *Config) (*Model, error) {
	kind, err := c.StringOrNull("model_type")
	if err != nil {
		return nil, err
	}
	if kind == "" {
		return nil, fault.Inputf("%s: model_type: wanted one of %s, found nothing", c.path, strings.Join(known(), ", "))
	}
	if c.IsSet("text_config") {
		const text = "%s: model_type %q reads more than text, with the language model in text_config: not supported"
		return nil, fault.Hint(fault.Inputf(text, c.path, kind),
			"save the language model by itself; Gemma 3's is a gemma3_text, Gemma3ForCausalLM")
	}
	spec, err := Lookup(kind)
	if err != nil {
		return nil, err
	}
	if err := spec.refuse(c); err != nil {
		return nil, err
	}
	m, err := spec.Parse(c)
	if err != nil {
		return nil, err
	}
	m.Spec = spec
	if err := m.Check(); err != nil {
		return nil, fault.Inputf("%s: %w", c.path, err)
	}
	return m, nil
}

// refuse turns away configs that do not mean what they say: see KeyRule.Unreadable.
func (s *Spec) refuse(c *Config) error {
	for _, key := range c.keys {
		rule, ok := s.Rule(key)
		if !ok || !rule.Unreadable {
			continue
		}
		if why := rule.refuses(canonical(c.raw[key]), 0); why != "" {
			err := fault.Inputf("%s: %s: wanted %s, found %s: %s", c.path, key, rule.wanted(), clip(c.raw[key]), why)
			if key == "quantization_config" {
				err = fault.Hint(err, "use the model's unquantised weights")
			}
			return err
		}
	}
	classes, listed, err := c.Strings("architectures")
	if err != nil {
		return err
	}
	if listed && len(classes) > 0 && !slices.Contains(classes, s.Class) {
		return fault.Inputf("%s: architectures: wanted %s for model_type %s, found %s",
			c.path, s.Class, s.Name, clip(c.raw["architectures"]))
	}
	return nil
}

// Check refuses sizes that no model can have, naming config.json's keys.
func (m *Model) Check() error {
	k := m.Spec.defaults.keys
	sizes := []struct {
		key       string
		size, max int
	}{
		{"vocab_size", m.Vocab, maxVocab}, {k.hidden, m.Hidden, maxSize}, {k.ffn, m.FFN, maxSize},
		{k.layers, m.Layers, MaxLayers}, {k.heads, m.Heads, maxSize},
		{"num_key_value_heads", m.KVHeads, maxSize}, {"head_dim", m.HeadDim, maxSize},
		{k.maxPos, m.MaxPos, maxPositions},
	}
	for _, s := range sizes {
		if s.size < 1 || s.size > s.max {
			return fault.Inputf("%s: wanted 1 to %d, found %d", s.key, s.max, s.size)
		}
	}
	switch {
	case m.LearnedPos && m.MaxPos > maxSize:
		return fault.Inputf("%s: wanted 1 to %d, found %d", k.maxPos, maxSize, m.MaxPos)
	case m.Heads%m.KVHeads != 0:
		return fault.Inputf("num_attention_heads: wanted a multiple of num_key_value_heads %d, found %d", m.KVHeads,
			m.Heads)
	case m.Heads > maxSize/m.HeadDim:
		return fault.Inputf("num_attention_heads x head_dim: wanted at most %d, found %d x %d", maxSize, m.Heads,
			m.HeadDim)
	case m.Spec.HeadsDivideHidden && m.Hidden%m.Heads != 0:
		return fault.Inputf("hidden_size: wanted a multiple of num_attention_heads %d, as transformers insists for %s, "+
			"found %d", m.Heads, m.Spec.Name, m.Hidden)
	case m.Spec.HeadsAreHidden && (m.Heads != m.KVHeads || m.Heads*m.HeadDim != m.Hidden):
		return fault.Inputf("%s: wanted %s x head_dim and one kv head for each head, as %s has it, found %d, %d x %d and "+
			"%d kv heads",
			k.hidden, k.heads, m.Spec.Name, m.Hidden, m.Heads, m.HeadDim, m.KVHeads)
	case m.Eps < 0:
		return fault.Inputf("%s: wanted 0 or more, found %v", k.eps, m.Eps)
	case len(m.Window) != m.Layers || len(m.LayerType) != m.Layers:
		return fault.Inputf("layer_types: wanted %d entries as num_hidden_layers says, found %d windows and %d types",
			m.Layers, len(m.Window), len(m.LayerType))
	}
	if err := m.checkRope(); err != nil {
		return err
	}
	return m.checkMoE()
}

// checkRope refuses a rotary embedding that the heads cannot have.
func (m *Model) checkRope() error {
	n := len(m.Rope.ShortFactor)
	switch {
	case m.Spec.defaults.rope == nil:
		return nil
	case m.RotaryDim < 2 || m.Turned() > m.HeadDim || m.RotaryDim%2 != 0 && (m.Rope.Type == ropeYarn ||
		m.Rope.Type == ropeLongrope):
		return fault.Inputf("head_dim: wanted an even number for the rotary embedding, found %d of %d elements",
			m.RotaryDim, m.HeadDim)
	case m.Rope.Theta <= 0:
		return fault.Inputf("%s: wanted a positive number, found %v", ropeTheta, m.Rope.Theta)
	case m.LocalRope != nil && m.LocalRope.Theta <= 0:
		return fault.Inputf("%s: wanted a positive number, found %v", ropeLocal, m.LocalRope.Theta)
	case m.LocalRope == nil && m.Spec.defaults.rope.local != 0:
		return fault.Inputf("%s: wanted a rotary embedding for sliding layers, as %s has it, found none", ropeLocal,
			m.Spec.Name)
	case m.Rope.Type == ropeLongrope && (n != m.RotaryDim/2 || len(m.Rope.LongFactor) != n):
		return fault.Inputf("short_factor and long_factor: wanted %d numbers each, one for each frequency, found %d and %d",
			m.RotaryDim/2, n, len(m.Rope.LongFactor))
	case m.Rope.Type == ropeDynamic && m.RotaryDim == 2:
		return fault.Inputf("head_dim: dynamic scaling wants more than 2 rotated elements")
	}
	return nil
}

// Clone is a copy of m that shares nothing but the spec.
func (m *Model) Clone() *Model {
	c := *m
	c.Window = slices.Clone(m.Window)
	c.LayerType = slices.Clone(m.LayerType)
	c.Rope.ShortFactor, c.Rope.LongFactor = slices.Clone(m.Rope.ShortFactor), slices.Clone(m.Rope.LongFactor)
	c.BOS, c.EOS = slices.Clone(m.BOS), slices.Clone(m.EOS)
	if m.LocalRope != nil {
		local := *m.LocalRope
		c.LocalRope = &local
	}
	if m.MoE != nil {
		moe := *m.MoE
		moe.Layer = slices.Clone(moe.Layer)
		c.MoE = &moe
	}
	return &c
}

// Derive sets anew what follows from other sizes of m, after these have changed: Gemma's EmbedScale from Hidden,
// the size of Mixtral's experts from FFN.
func (m *Model) Derive() {
	if m.Spec.derive != nil {
		m.Spec.derive(m)
	}
}

// TakeLayers makes m's blocks the given ones of its present blocks: a copied sliding layer stays sliding, a copied
// mixture a mixture.
func (m *Model) TakeLayers(from []int) {
	window, types := make([]int, len(from)), make([]string, len(from))
	for i, f := range from {
		window[i], types[i] = m.Window[f], m.LayerType[f]
	}
	m.Layers, m.Window, m.LayerType = len(from), window, types
	if m.MoE != nil {
		moe := *m.MoE
		moe.Layer = make([]bool, len(from))
		for i, f := range from {
			moe.Layer[i] = m.MoE.Layer[f]
		}
		m.MoE = &moe
	}
}

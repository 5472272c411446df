package convert

import (
	"slices"
	"strconv"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/fault"
)

// ggufReader reads metadata keys of one architecture and keeps the first error, so that a model is a list of keys.
type ggufReader struct {
	*format.GGUFMeta
	arch string
	err  error
}

// maxModelNumber bounds every size in the metadata, so that it fits an int of any machine.
const maxModelNumber = 1 << 30

func (r *ggufReader) int(key string) int {
	if r.err != nil {
		return 0
	}
	n, err := r.Int(key)
	if err == nil && (n < 0 || n > maxModelNumber) {
		err = fault.Inputf("%s: metadata key %q: wanted 0 to %d, found %d", r.Path(), key, maxModelNumber, n)
	}
	r.err = err
	return int(n)
}

func (r *ggufReader) intOr(key string, def int) int {
	if !r.Has(key) {
		return def
	}
	return r.int(key)
}

// float gives a number as the shortest decimal that rounds to what the file holds: 1e-5 stored as float32 was meant
// to be 1e-5, not 9.999999747378752e-06.
func (r *ggufReader) float(key string) float64 {
	if r.err != nil {
		return 0
	}
	v, single, err := r.Float(key)
	if r.err = err; single {
		v = shortest(v)
	}
	return v
}

func (r *ggufReader) floatOr(key string, def float64) float64 {
	if !r.Has(key) {
		return def
	}
	return r.float(key)
}

// shortest is the float64 nearest to the shortest decimal that identifies v among float32s.
func shortest(v float64) float64 {
	s, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', -1, 32), 64)
	if err != nil {
		return v
	}
	return s
}

// key is the key with the architecture in front.
func (r *ggufReader) key(name string) string { return r.arch + "." + name }

// ggufModel reads the metadata into a model. What a GGUF file does not say follows from its tensors: no
// output.weight means tied, an attn_q.bias means biases.
func ggufModel(meta *format.GGUFMeta, stored map[string]format.GGUFTensor) (*arch.Model, error) {
	name, err := meta.Str("general.architecture")
	if err != nil {
		return nil, err
	}
	r := &ggufReader{GGUFMeta: meta, arch: name}
	window := r.intOr(r.key("attention.sliding_window"), 0)
	spec, err := ggufSpec(meta, name, window)
	if err != nil {
		return nil, err
	}
	if n := r.intOr(r.key("expert_count"), 0); n > 0 {
		return nil, fault.Inputf("%s: metadata key %q: wanted a dense %s model, found %d experts", meta.Path(),
			r.key("expert_count"), name, n)
	}
	m := r.sizes(spec, stored)
	m.Rope = r.rope()
	m.BOS, m.EOS = r.ids("bos"), r.ids("eos")
	if r.err != nil {
		return nil, r.err
	}
	if m.Layers < 1 || m.Layers > len(stored) {
		return nil, fault.Inputf("%s: metadata key %q: wanted 1 or more layers that the %d tensors can hold, found %d",
			meta.Path(), r.key("block_count"), len(stored), m.Layers)
	}
	m.Window = slices.Repeat([]int{window}, m.Layers)
	m.LayerType = slices.Repeat([]string{"full_attention"}, m.Layers)
	if window > 0 {
		m.LayerType = slices.Repeat([]string{"sliding_attention"}, m.Layers)
	}
	if err := m.Check(); err != nil {
		return nil, fault.Inputf("%s: %w", meta.Path(), err)
	}
	return m, r.checkVocab(m)
}

// ggufSpec maps llama.cpp's architecture. Mistral is stored as llama; only its window tells.
func ggufSpec(meta *format.GGUFMeta, name string, window int) (*arch.Spec, error) {
	switch name {
	case "llama":
		if window > 0 {
			name = "mistral"
		}
	case "qwen2", "qwen3":
		if window > 0 {
			return nil, fault.Inputf("%s: wanted a %s model without a sliding window, found one of %d tokens in unknown layers",
				meta.Path(), name, window)
		}
	default:
		return nil, fault.Inputf("%s: metadata key %q: wanted llama, qwen2 or qwen3, found %q", meta.Path(),
			"general.architecture", name)
	}
	return arch.Lookup(name)
}

func (r *ggufReader) sizes(spec *arch.Spec, stored map[string]format.GGUFTensor) *arch.Model {
	has := func(name string) bool { return stored[name].Name != "" }
	m := &arch.Model{
		Spec:      spec,
		Hidden:    r.int(r.key("embedding_length")),
		Layers:    r.int(r.key("block_count")),
		FFN:       r.int(r.key("feed_forward_length")),
		Heads:     r.int(r.key("attention.head_count")),
		MaxPos:    r.int(r.key("context_length")),
		Eps:       r.float(r.key("attention.layer_norm_rms_epsilon")),
		Act:       arch.SiLU,
		Tied:      !has("output.weight"),
		QKVBias:   has("blk.0.attn_q.bias"),
		OBias:     has("blk.0.attn_output.bias"),
		MLPBias:   has("blk.0.ffn_gate.bias"),
		QKNorm:    spec.Name == "qwen3",
		InitRange: 0.02,
		PreNorm:   true, Gated: true, EmbedScale: 1,
	}
	m.KVHeads = r.intOr(r.key("attention.head_count_kv"), m.Heads)
	if m.Heads > 0 {
		m.HeadDim = r.intOr(r.key("attention.key_length"), m.Hidden/m.Heads)
	}
	m.RotaryDim = m.HeadDim
	if n := r.intOr(r.key("attention.value_length"), m.HeadDim); r.err == nil && n != m.HeadDim {
		r.err = fault.Inputf("%s: metadata key %q: wanted %d as attention.key_length, found %d", r.Path(),
			r.key("attention.value_length"), m.HeadDim, n)
	}
	if n := r.intOr(r.key("rope.dimension_count"), m.HeadDim); r.err == nil && n != m.HeadDim {
		r.err = fault.Inputf("%s: metadata key %q: wanted the whole head of %d rotated, found %d", r.Path(),
			r.key("rope.dimension_count"), m.HeadDim, n)
	}
	if shape := stored["token_embd.weight"].Shape; len(shape) == 2 {
		m.Vocab = shape[0]
	} else if r.err == nil {
		r.err = fault.Inputf("%s: tensor \"token_embd.weight\": wanted shape [vocabulary, %d], found %v", r.Path(), m.Hidden,
			shape)
	}
	return m
}

// rope reads the scaling that metadata can say; Llama 3's is in a tensor.
func (r *ggufReader) rope() arch.Rope {
	rope := arch.Rope{Type: "default", Theta: r.floatOr(r.key("rope.freq_base"), 10000)}
	kind, factor := "none", r.floatOr(r.key("rope.scaling.factor"), r.floatOr(r.key("rope.scale_linear"), 0))
	if key := r.key("rope.scaling.type"); r.err == nil && r.Has(key) {
		kind, r.err = r.Str(key)
	} else if factor != 0 {
		kind = "linear"
	}
	switch {
	case r.err != nil || kind == "none" || kind == "linear" && factor == 1:
	case kind == "linear" && factor > 0:
		rope.Type, rope.Factor = "linear", factor
	default:
		r.err = fault.Inputf("%s: metadata key %q: wanted none or linear with a factor, found %s with factor %v", r.Path(),
			r.key("rope.scaling.type"), kind, factor)
	}
	return rope
}

// ids gives one special token's id as a list, nil where there is none.
func (r *ggufReader) ids(name string) []int {
	key := "tokenizer.ggml." + name + "_token_id"
	if !r.Has(key) || r.err != nil {
		return nil
	}
	return []int{r.int(key)}
}

// checkVocab holds token ids and the length of the vocabulary against the embedding.
func (r *ggufReader) checkVocab(m *arch.Model) error {
	for _, name := range []string{"bos", "eos", "eot", "eom", "unknown", "padding"} {
		if id := r.ids(name); r.err == nil && id != nil && id[0] >= m.Vocab {
			r.err = fault.Inputf("%s: metadata key \"tokenizer.ggml.%s_token_id\": wanted an id below the vocabulary of %d, "+
				"found %d", r.Path(), name, m.Vocab, id[0])
		}
	}
	if n := r.intOr(r.key("vocab_size"), m.Vocab); r.err == nil && n != m.Vocab {
		r.err = fault.Inputf("%s: metadata key %q: wanted %d as token_embd.weight has rows, found %d", r.Path(),
			r.key("vocab_size"), m.Vocab, n)
	}
	return r.err
}

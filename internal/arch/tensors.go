package arch

import (
	"fmt"
	"strings"
)

// Slot is one tensor that a model has: its spec, its layer (-1 outside the blocks), its expert (-1 where it is not
// one of an expert's), its full name and its shape.
type Slot struct {
	Spec   *TensorSpec
	Layer  int
	Expert int
	Name   string
	Shape  []int
}

// Layout lists every tensor that m stores, in the order embed, blocks by layer, head; in a block by kind and expert.
func (m *Model) Layout() []Slot {
	var slots []Slot
	add := func(group []TensorSpec, layer int) {
		for i := range group {
			t := &group[i]
			if !t.In(m, layer) {
				continue
			}
			for n := range t.Copies(m) {
				s := Slot{Spec: t, Layer: layer, Expert: -1, Shape: t.Shape(m)}
				if t.PerExpert {
					s.Expert = n
				}
				s.Name = t.FullName(layer, s.Expert)
				slots = append(slots, s)
			}
		}
	}
	add(m.Spec.Embed, -1)
	for layer := range m.Layers {
		add(m.Spec.Block, layer)
	}
	add(m.Spec.Head, -1)
	return slots
}

// FullName is the tensor's name in the given layer, of the given expert where there is one of each; what the name
// does not hold does not matter.
func (t *TensorSpec) FullName(layer, expert int) string {
	switch strings.Count(t.Name, "%d") {
	case 0:
		return t.Name
	case 1:
		return fmt.Sprintf(t.Name, layer)
	}
	return fmt.Sprintf(t.Name, layer, expert)
}

// Params counts the elements that m stores; a tied head counts once.
func (m *Model) Params() int64 {
	var sum int64
	m.each(func(t *TensorSpec) {
		n := int64(t.Copies(m))
		for _, d := range t.Shape(m) {
			n *= int64(d)
		}
		sum += n
	})
	return sum
}

// Tensors counts the tensors that m stores.
func (m *Model) Tensors() int {
	n := 0
	m.each(func(t *TensorSpec) { n += t.Copies(m) })
	return n
}

// each gives the tensors that m has, those of experts once in a layer.
func (m *Model) each(f func(t *TensorSpec)) {
	group := func(group []TensorSpec, layer int) {
		for i := range group {
			if group[i].In(m, layer) {
				f(&group[i])
			}
		}
	}
	group(m.Spec.Embed, -1)
	for layer := range m.Layers {
		group(m.Spec.Block, layer)
	}
	group(m.Spec.Head, -1)
}

// The dimensions that the architectures share.
func writes(axes ...Axis) Dim { return Dim{Use: Writes, Axes: axes} }
func reads(axes ...Axis) Dim  { return Dim{Use: Reads, Axes: axes} }
func scales(axes ...Axis) Dim { return Dim{Use: Scales, Axes: axes} }
func shifts(axes ...Axis) Dim { return Dim{Use: Shifts, Axes: axes} }
func looks(axes ...Axis) Dim  { return Dim{Use: Looks, Axes: axes} }

// The conditions under which a model has a tensor.
func untied(m *Model, _ int) bool      { return !m.Tied }
func withQKVBias(m *Model, _ int) bool { return m.QKVBias }
func withOBias(m *Model, _ int) bool   { return m.OBias }
func withMLPBias(m *Model, _ int) bool { return m.MLPBias }
func withQKNorm(m *Model, _ int) bool  { return m.QKNorm }

// blockPrefix begins the name of every block tensor of the Llama family.
const blockPrefix = "model.layers.%d."

// llamaEmbed, llamaBlock and llamaHead are the names and dimensions that Llama brought and that Mistral,
// Qwen 2 and Qwen 3 keep; which biases and norms a model has is up to its conditions.
func llamaEmbed() []TensorSpec {
	return []TensorSpec{
		{Role: Embed, Name: "model.embed_tokens.weight", Dims: []Dim{looks(Vocab), writes(Hidden)}},
	}
}

func llamaHead() []TensorSpec {
	return []TensorSpec{
		{Role: FinalNorm, Name: "model.norm.weight", Dims: []Dim{scales(Hidden)}},
		{Role: Head, Name: "lm_head.weight", Dims: []Dim{writes(Vocab), reads(Hidden)}, When: untied},
	}
}

func llamaBlock() []TensorSpec {
	const attn, mlp = blockPrefix + "self_attn.", blockPrefix + "mlp."
	query, key := []Axis{KV, Group, HeadDim}, []Axis{KV, HeadDim}
	return []TensorSpec{
		{Role: AttnNorm, Name: blockPrefix + "input_layernorm.weight", Dims: []Dim{scales(Hidden)}},
		{Role: Q, Name: attn + "q_proj.weight", Dims: []Dim{writes(query...), reads(Hidden)}},
		{Role: Q.Bias(), Name: attn + "q_proj.bias", Dims: []Dim{writes(query...)}, When: withQKVBias},
		{Role: K, Name: attn + "k_proj.weight", Dims: []Dim{writes(key...), reads(Hidden)}},
		{Role: K.Bias(), Name: attn + "k_proj.bias", Dims: []Dim{writes(key...)}, When: withQKVBias},
		{Role: V, Name: attn + "v_proj.weight", Dims: []Dim{writes(key...), reads(Hidden)}},
		{Role: V.Bias(), Name: attn + "v_proj.bias", Dims: []Dim{writes(key...)}, When: withQKVBias},
		{Role: QNorm, Name: attn + "q_norm.weight", Dims: []Dim{scales(HeadDim)}, When: withQKNorm},
		{Role: KNorm, Name: attn + "k_norm.weight", Dims: []Dim{scales(HeadDim)}, When: withQKNorm},
		{Role: O, Name: attn + "o_proj.weight", Dims: []Dim{writes(Hidden), reads(query...)}},
		{Role: O.Bias(), Name: attn + "o_proj.bias", Dims: []Dim{writes(Hidden)}, When: withOBias},
		{Role: MLPNorm, Name: blockPrefix + "post_attention_layernorm.weight", Dims: []Dim{scales(Hidden)}},
		{Role: Gate, Name: mlp + "gate_proj.weight", Dims: []Dim{writes(FFN), reads(Hidden)}},
		{Role: Gate.Bias(), Name: mlp + "gate_proj.bias", Dims: []Dim{writes(FFN)}, When: withMLPBias},
		{Role: Up, Name: mlp + "up_proj.weight", Dims: []Dim{writes(FFN), reads(Hidden)}},
		{Role: Up.Bias(), Name: mlp + "up_proj.bias", Dims: []Dim{writes(FFN)}, When: withMLPBias},
		{Role: Down, Name: mlp + "down_proj.weight", Dims: []Dim{writes(Hidden), reads(FFN)}},
		{Role: Down.Bias(), Name: mlp + "down_proj.bias", Dims: []Dim{writes(Hidden)}, When: withMLPBias},
	}
}

// llamaIgnore are the rotary tables that old checkpoints carry; they follow from the config.
func llamaIgnore() []string {
	return []string{"model.layers.*.self_attn.rotary_emb.inv_freq", "model.rotary_emb.inv_freq"}
}

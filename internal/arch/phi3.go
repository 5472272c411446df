package arch

import "famkit/internal/fault"

// Phi-3, as Phi3ForCausalLM: q, k and v in one projection, gate and up in another, a part of each head turned, and
// long contexts by longrope, whose original context is 4096 unless the config says otherwise.
var phi3 = &Spec{
	Name: "phi3", Class: "Phi3ForCausalLM",
	Embed: llamaEmbed(), Block: phi3Block(), Head: llamaHead(), Ignore: llamaIgnore(),
	defaults: &phi3Defaults,
	Parse:    parsePhi3,
	Update:   updatePhi3,
	keys:     phi3Own,
}

var phi3Defaults = defaults{
	keys: llamaKeys,
	rope: &ropeKeys{
		theta: ropeTheta, partial: ropePartial, partialDefault: 1, types: []string{ropeDefault, ropeLongrope},
		context: 4096, short: true,
	},
	vocab: 32064, hidden: 3072, ffn: 8192, layers: 32, heads: 32, maxPos: 4096,
	eps: 1e-5, theta: 10000, bos: []int{1}, eos: []int{32000},
}

// qkvParts are the rows of q, k and v in one tensor.
func qkvParts() []Part {
	return []Part{{Q, []Axis{KV, Group, HeadDim}}, {K, []Axis{KV, HeadDim}}, {V, []Axis{KV, HeadDim}}}
}

func phi3Block() []TensorSpec {
	const attn, mlp = blockPrefix + "self_attn.", blockPrefix + "mlp."
	gateUp := Dim{Use: Writes, Parts: []Part{{Gate, []Axis{FFN}}, {Up, []Axis{FFN}}}}
	return []TensorSpec{
		{Role: AttnNorm, Name: blockPrefix + "input_layernorm.weight", Dims: []Dim{scales(Hidden)}},
		{Role: QKV, Name: attn + "qkv_proj.weight", Dims: []Dim{{Use: Writes, Parts: qkvParts()}, reads(Hidden)}},
		{Role: O, Name: attn + "o_proj.weight", Dims: []Dim{writes(Hidden), reads(KV, Group, HeadDim)}},
		{Role: MLPNorm, Name: blockPrefix + "post_attention_layernorm.weight", Dims: []Dim{scales(Hidden)}},
		{Role: GateUp, Name: mlp + "gate_up_proj.weight", Dims: []Dim{gateUp, reads(Hidden)}},
		{Role: Down, Name: mlp + "down_proj.weight", Dims: []Dim{writes(Hidden), reads(FFN)}},
	}
}

func parsePhi3(c *Config) (*Model, error) {
	r := &reader{Config: c}
	m := r.common(&phi3Defaults)
	window, on := r.intOrNull("sliding_window", 0)
	r.oneWindow(m, window, on && r.Has("sliding_window"))
	if r.err == nil && m.Heads > 0 && m.Rope.Type == ropeLongrope {
		// transformers counts the factors against hidden_size / num_attention_heads, whatever head_dim says.
		part := r.turning(m, &phi3Defaults).part
		if n := rotaryDim(m.Hidden/m.Heads, part) / 2; n != len(m.Rope.ShortFactor) {
			r.keep(fault.Inputf("%s: short_factor: wanted %d numbers for hidden_size %d and %d heads, as transformers "+
				"insists for phi3, found %d",
				r.path, n, m.Hidden, m.Heads, len(m.Rope.ShortFactor)))
		}
	}
	return m, r.err
}

func updatePhi3(c *Config, m *Model) error {
	w, err := newWriter(c, m)
	if err != nil {
		return err
	}
	w.common(&phi3Defaults)
	if err := w.oneWindow(); err != nil {
		return err
	}
	return w.finish()
}

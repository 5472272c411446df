package arch

import "slices"

// Qwen 3's mixture, as Qwen3MoeForCausalLM: experts of moe_intermediate_size in every decoder_sparse_step-th
// layer that mlp_only_layers does not name, Qwen 3's MLP of intermediate_size in the others. One window for all layers,
// if any. transformers 4 calls the number of experts num_experts, transformers 5 num_local_experts.
var qwen3MoE = &Spec{
	Name: "qwen3_moe", Class: "Qwen3MoeForCausalLM",
	Embed: llamaEmbed(), Block: qwen3MoEBlock(), Head: llamaHead(), Ignore: llamaIgnore(),
	Stacks:   stackedExperts(blockPrefix + "mlp."),
	defaults: &qwen3MoEDefaults,
	Parse:    parseQwen3MoE,
	Update:   updateQwen3MoE,
	keys:     qwen3MoEOwn,
	newer:    localExperts,
}

var qwen3MoEDefaults = defaults{
	keys: llamaKeys, rope: llamaRope,
	vocab: 151936, hidden: 2048, ffn: 6144, layers: 24, heads: 32, kv: 4, maxPos: 32768,
	eps: 1e-6, theta: 10000,
}

const (
	expertSize = "moe_intermediate_size"
	sparseStep = "decoder_sparse_step"
	mlpOnly    = "mlp_only_layers"
)

func qwen3MoEBlock() []TensorSpec {
	block := llamaBlock()
	for i := range block {
		switch block[i].Role {
		case Gate, Up, Down:
			block[i].When = dense
		}
	}
	return append(block, experts(blockPrefix+"mlp.", "gate.weight",
		[3]string{"gate_proj.weight", "up_proj.weight", "down_proj.weight"})...)
}

func parseQwen3MoE(c *Config) (*Model, error) {
	c, err := alias(c, localExperts, allExperts)
	if err != nil {
		return nil, err
	}
	r := &reader{Config: c}
	m := r.common(&qwen3MoEDefaults)
	m.QKNorm = true
	m.QKVBias = r.bool("attention_bias", false)
	m.OBias = m.QKVBias
	use := r.bool("use_sliding_window", false)
	window, on := r.intOrNull("sliding_window", 4096)
	r.oneWindow(m, window, on && use)
	r.qwenMoE(m)
	return m, r.err
}

// qwenMoE reads the experts and which layers have them; no experts at all is a dense model.
func (r *reader) qwenMoE(m *Model) {
	e := &MoE{
		Experts: r.int(localExperts, 128), TopK: r.int(perToken, 8), FFN: r.int(expertSize, 768),
		NormTopK: r.bool("norm_topk_prob", false), Layer: make([]bool, len(m.Window)),
	}
	step := r.int(sparseStep, 1)
	r.positive(sparseStep, step)
	var only []int
	if r.IsSet(mlpOnly) {
		list, _, err := r.Ints(mlpOnly)
		r.keep(err)
		only = list
	}
	if r.err != nil || e.Experts == 0 {
		return
	}
	for i := range e.Layer {
		e.Layer[i] = !slices.Contains(only, i) && (i+1)%step == 0
	}
	m.MoE = e
}

func updateQwen3MoE(c *Config, m *Model) error {
	w, err := newWriter(c, m)
	if err != nil {
		return err
	}
	w.common(&qwen3MoEDefaults)
	w.bool("attention_bias", w.was.QKVBias, m.QKVBias)
	if err := w.oneWindow(); err != nil {
		return err
	}
	if m.Window[0] > 0 {
		w.bool("use_sliding_window", w.was.Window[0] > 0, true)
	}
	w.qwenMoE()
	return w.finish()
}

// qwenMoE writes the experts, their number in both libraries' words. Which layers have them goes by the layers'
// numbers, so a changed pattern is written as a list of the dense ones.
func (w *writer) qwenMoE() {
	c, was, e := w.c, w.was.MoE, w.m.MoE
	for _, key := range []string{localExperts, allExperts} {
		if n, err := c.Int(key, -1); err != nil || n != w.m.Size(Experts) {
			c.Set(key, w.m.Size(Experts))
		}
	}
	if e == nil {
		return
	}
	if was == nil { // what the config says of experts that it does not have was not read
		was = &MoE{}
		c.Set("norm_topk_prob", e.NormTopK)
	}
	w.int(perToken, was.TopK, e.TopK)
	w.int(expertSize, was.FFN, e.FFN)
	w.bool("norm_topk_prob", was.NormTopK, e.NormTopK)
	if slices.Equal(was.Layer, e.Layer) {
		return
	}
	r := &reader{Config: c}
	again := &Model{Window: make([]int, w.m.Layers)}
	if r.qwenMoE(again); r.err == nil && again.MoE != nil && slices.Equal(again.MoE.Layer, e.Layer) {
		return // the rule still gives it
	}
	only := []int{}
	for i, sparse := range e.Layer {
		if !sparse {
			only = append(only, i)
		}
	}
	c.Set(sparseStep, 1)
	c.Set(mlpOnly, only)
}

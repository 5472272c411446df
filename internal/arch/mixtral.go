package arch

import (
	"slices"

	"famkit/internal/fault"
)

// Mixtral, as MixtralForCausalLM: every MLP is a mixture whose experts are as wide as intermediate_size, the
// chosen ones' probabilities always sum to one.
var mixtral = &Spec{
	Name: "mixtral", Class: "MixtralForCausalLM",
	Embed: llamaEmbed(), Block: mixtralBlock(), Head: llamaHead(), Ignore: llamaIgnore(),
	Stacks:   append(stackedExperts(blockPrefix+"mlp."), Stack{blockPrefix + "mlp.gate.weight", []Role{Router}}),
	defaults: &mixtralDefaults,
	derive:   mixtralDerive,
	Parse:    parseMixtral,
	Update:   updateMixtral,
	keys:     mixtralOwn,
	newer:    allExperts,
}

var mixtralDefaults = defaults{
	keys: llamaKeys, rope: llamaRope,
	vocab: 32000, hidden: 4096, ffn: 14336, layers: 32, heads: 32, kv: 8, maxPos: 131072,
	eps: 1e-5, theta: 1e6, bos: []int{1}, eos: []int{2},
}

func mixtralBlock() []TensorSpec {
	return append(without(llamaBlock(), Gate, Up, Down),
		experts(blockPrefix+"block_sparse_moe.", "gate.weight", [3]string{"w1.weight", "w3.weight", "w2.weight"})...)
}

// without drops the tensors of some roles and their biases.
func without(block []TensorSpec, roles ...Role) []TensorSpec {
	return slices.DeleteFunc(block, func(t TensorSpec) bool {
		return slices.ContainsFunc(roles, func(r Role) bool { return t.Role == r || t.Role == r.Bias() })
	})
}

const (
	localExperts = "num_local_experts"
	allExperts   = "num_experts"
	perToken     = "num_experts_per_tok"
)

func mixtralDerive(m *Model) {
	e := *m.MoE
	e.FFN = m.FFN
	m.MoE = &e
}

func parseMixtral(c *Config) (*Model, error) {
	c, err := alias(c, localExperts, allExperts)
	if err != nil {
		return nil, err
	}
	r := &reader{Config: c}
	m := r.common(&mixtralDefaults)
	window, on := r.intOrNull("sliding_window", 0)
	r.oneWindow(m, window, on && r.Has("sliding_window"))
	m.MoE = &MoE{
		Experts: r.int(localExperts, 8), TopK: r.int(perToken, 2), FFN: m.FFN, NormTopK: true,
		Layer: make([]bool, len(m.Window)),
	}
	for i := range m.MoE.Layer {
		m.MoE.Layer[i] = true
	}
	return m, r.err
}

func updateMixtral(c *Config, m *Model) error {
	w, err := newWriter(c, m)
	if err != nil {
		return err
	}
	if m.MoE == nil {
		return fault.Inputf("a mixtral model has experts, found none")
	}
	w.common(&mixtralDefaults)
	if err := w.oneWindow(); err != nil {
		return err
	}
	// transformers 4 knows no other name
	if w.int(localExperts, w.was.MoE.Experts, m.MoE.Experts); !c.IsSet(localExperts) {
		c.Set(localExperts, m.MoE.Experts)
	}
	if c.Has(allExperts) {
		w.int(allExperts, w.was.MoE.Experts, m.MoE.Experts)
	}
	w.int(perToken, w.was.MoE.TopK, m.MoE.TopK)
	return w.finish()
}

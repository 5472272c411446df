package arch

import "famkit/internal/fault"

// checkMoE refuses a mixture that no model can have.
func (m *Model) checkMoE() error {
	e := m.MoE
	switch {
	case e == nil:
		return nil
	case e.Experts < 1 || e.Experts > maxExperts || e.Experts > 16*maxExperts/m.Layers:
		return fault.Inputf("num_local_experts: wanted 1 to %d in %d layers, found %d",
			min(maxExperts, 16*maxExperts/m.Layers), m.Layers, e.Experts)
	case e.TopK < 1 || e.TopK > e.Experts:
		return fault.Inputf("num_experts_per_tok: wanted 1 to %d as there are experts, found %d", e.Experts, e.TopK)
	case e.FFN < 1 || e.FFN > maxSize:
		return fault.Inputf("an expert's intermediate size: wanted 1 to %d, found %d", maxSize, e.FFN)
	case len(e.Layer) != m.Layers:
		return fault.Inputf("experts: wanted %d layers as num_hidden_layers says, found %d", m.Layers, len(e.Layer))
	}
	return nil
}

func withExperts(m *Model, layer int) bool { return m.Mixture(layer) }
func dense(m *Model, layer int) bool       { return !m.Mixture(layer) }

// experts are the tensors of a mixture: the router and each expert's three projections, which names gives in the
// order gate, up, down.
func experts(prefix, router string, names [3]string) []TensorSpec {
	in := []Dim{writes(ExpertFFN), reads(Hidden)}
	return []TensorSpec{
		{Role: Router, Name: prefix + router, Dims: []Dim{writes(Experts), reads(Hidden)}, When: withExperts},
		{Role: Gate, Name: prefix + "experts.%d." + names[0], Dims: in, When: withExperts, PerExpert: true},
		{Role: Up, Name: prefix + "experts.%d." + names[1], Dims: in, When: withExperts, PerExpert: true},
		{Role: Down, Name: prefix + "experts.%d." + names[2], Dims: []Dim{writes(Hidden), reads(ExpertFFN)},
			When: withExperts, PerExpert: true},
	}
}

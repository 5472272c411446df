package decoder

import (
	"slices"

	"famkit/internal/arch"
	"famkit/internal/fault"
)

// group is roles whose tensors lie side by side, so that one product computes q, k and v, and one gate and up.
type group struct {
	layer, expert int
	needed        bool
	roles         []arch.Role
}

// groups lists what a model may have in the order of the arena, following what m says its blocks do.
func groups(m *arch.Model) []group {
	var all []group
	put := func(layer, expert int, needed bool, roles ...arch.Role) {
		all = append(all, group{layer, expert, needed, roles})
	}
	norm := func(layer int, role arch.Role) {
		put(layer, -1, true, role)
		if m.LayerNorm {
			put(layer, -1, true, role.Bias())
		}
	}
	product := func(layer, expert int, roles []arch.Role) {
		put(layer, expert, true, roles...)
		put(layer, expert, false, biases(roles)...)
	}
	put(-1, -1, true, arch.Embed)
	if m.LearnedPos {
		put(-1, -1, true, arch.PosTable)
	}
	for l := range m.Layers {
		if m.PreNorm {
			norm(l, arch.AttnNorm)
		}
		product(l, -1, joined(m, l, -1, arch.QKV, arch.Q, arch.K, arch.V))
		if m.QKNorm || m.QKNormFull {
			put(l, -1, true, arch.QNorm)
			put(l, -1, true, arch.KNorm)
		}
		product(l, -1, []arch.Role{arch.O})
		if m.PostNorm {
			norm(l, arch.AttnPostNorm)
		}
		if m.PreNorm {
			norm(l, arch.MLPNorm)
		}
		experts := []int{-1}
		if m.Mixture(l) {
			product(l, -1, []arch.Role{arch.Router})
			experts = experts[:0]
			for x := range m.MoE.Experts {
				experts = append(experts, x)
			}
		}
		for _, x := range experts {
			product(l, x, inner(m, l, x))
			product(l, x, []arch.Role{arch.Down})
		}
		if m.PostNorm {
			norm(l, arch.MLPPostNorm)
		}
	}
	norm(-1, arch.FinalNorm)
	if !m.Tied {
		product(-1, -1, []arch.Role{arch.Head})
	}
	return all
}

func biases(roles []arch.Role) []arch.Role {
	out := make([]arch.Role, len(roles))
	for i, r := range roles {
		out[i] = r.Bias()
	}
	return out
}

// inner are the roles of the product that an MLP begins with.
func inner(m *arch.Model, layer, expert int) []arch.Role {
	if !m.Gated {
		return []arch.Role{arch.Up}
	}
	return joined(m, layer, expert, arch.GateUp, arch.Gate, arch.Up)
}

// joined is the fused role where the model has a tensor of it in the layer, else the parts.
func joined(m *arch.Model, layer, expert int, fused arch.Role, parts ...arch.Role) []arch.Role {
	if specOf(m, layer, expert, fused) != nil {
		return []arch.Role{fused}
	}
	return parts
}

func specOf(m *arch.Model, layer, expert int, role arch.Role) *arch.TensorSpec {
	for i := range m.Spec.Block {
		if t := &m.Spec.Block[i]; t.Role == role && t.PerExpert == (expert >= 0) && t.In(m, layer) {
			return t
		}
	}
	return nil
}

// form is how the weight of a product is stored.
type form struct {
	transposed bool // [in, out]
	turns      bool // q, k and v of each kv head follow each other
}

// formOf finds out how the products of a group are stored. It refuses what the decoder does not run as it stands.
func (y *layout) formOf(layer, expert int, roles []arch.Role) (form, error) {
	var f form
	p := y.find(slot{roles[0], layer, expert})
	if p == nil || len(p.spec.Dims) != 2 {
		return f, nil
	}
	out := p.spec.Dims[0]
	if f.transposed = out.Use == arch.Reads; f.transposed {
		out = p.spec.Dims[1]
	}
	if f.transposed && len(roles) > 1 {
		return f, fault.Inputf("tensor %q is stored [in, out] apart from %v: the decoder runs these only in one tensor",
			p.name, roles[1:])
	}
	var parts []arch.Role
	for _, part := range out.Parts {
		parts = append(parts, part.Role)
	}
	want := map[arch.Role][]arch.Role{arch.QKV: {arch.Q, arch.K, arch.V}, arch.GateUp: {arch.Gate, arch.Up}}[roles[0]]
	f.turns = out.Interleave == arch.KV && roles[0] == arch.QKV
	if !slices.Equal(parts, want) || out.Interleave != "" && !f.turns {
		return f, fault.Inputf("tensor %q: the decoder does not run its parts %v in this order", p.name, parts)
	}
	return f, nil
}

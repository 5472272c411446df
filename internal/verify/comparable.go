package verify

import (
	"famkit/internal/arch"
)

// comparable says at once what makes two models incomparable, before anything is read or run.
func comparable(parent, child *arch.Model) []Finding {
	var out []Finding
	if parent.Spec != child.Spec && !(parent.MoE == nil && child.MoE != nil) {
		out = append(out, faultf("", "the parent is a %s model, the child a %s", parent.Spec.Name, child.Spec.Name))
	}
	if child.Vocab < parent.Vocab {
		out = append(out, faultf("", "the parent has a vocabulary of %d tokens, the child of %d: they do not speak of the same tokens", parent.Vocab, child.Vocab))
	}
	if child.Layers < parent.Layers {
		out = append(out, faultf("", "the parent has %d layers, the child %d: a growth keeps every layer", parent.Layers, child.Layers))
	}
	return out
}

package verify

import (
	"bytes"

	"famkit/format"
	"famkit/internal/arch"
)

// comparable says at once what makes two models incomparable, before anything is read or run. grown says that something
// tells how the one became the other.
func comparable(pck, cck *arch.Checkpoint, grown bool) []Finding {
	var out []Finding
	parent, child := pck.Model, cck.Model
	for _, d := range kindDifferences(parent, child) {
		out = append(out, faultf("", "the parent is a %s model, the child a %s: %s", parent.Spec.Name, child.Spec.Name, d))
	}
	if child.Vocab < parent.Vocab {
		out = append(out, faultf("", "the parent has a vocabulary of %d tokens, the child of %d: they do not speak of the "+
			"same tokens", parent.Vocab, child.Vocab))
	}
	if child.Vocab > parent.Vocab && !grown && otherTokenizer(pck, cck) {
		out = append(out, faultf("", "the parent has a vocabulary of %d tokens, the child of %d, and the files of their "+
			"tokenizers differ: they do not speak of the same tokens", parent.Vocab, child.Vocab))
	}
	if child.Layers < parent.Layers {
		out = append(out, faultf("", "the parent has %d layers, the child %d: a growth keeps every layer", parent.Layers,
			child.Layers))
	}
	return out
}

// otherTokenizer reports whether both have a tokenizer.json, and not the same.
func otherTokenizer(parent, child *arch.Checkpoint) bool {
	a, ok := format.ReadFile(parent.Source, tokenizerFile)
	b, too := format.ReadFile(child.Source, tokenizerFile)
	return ok && too && !bytes.Equal(a, b)
}

const tokenizerFile = "tokenizer.json"

// kindDifferences lists what sets two architectures apart that no way of storing makes up for. Families that differ in
// names alone are none.
func kindDifferences(a, b *arch.Model) []string {
	if a.Spec == b.Spec {
		return nil
	}
	var out []string
	for _, x := range []struct {
		differ bool
		text   string
	}{
		{a.LayerNorm != b.LayerNorm, "one has LayerNorm, the other RMSNorm"},
		{a.PreNorm != b.PreNorm || a.PostNorm != b.PostNorm, "they norm in other places"},
		{a.Gated != b.Gated, "one has a gate in its MLP"},
		{a.Act != b.Act, "their activations differ"},
		{a.Parallel != b.Parallel, "one computes attention and MLP side by side"},
		{a.LearnedPos != b.LearnedPos, "one has learned positions"},
		{a.QKNorm != b.QKNorm || a.QKNormFull != b.QKNormFull, "they norm queries and keys otherwise"},
		{a.MoE != nil && b.MoE == nil, "the parent alone has experts"},
		{a.AttnSoftcap != b.AttnSoftcap || a.FinalSoftcap != b.FinalSoftcap, "they cap scores or logits otherwise"},
	} {
		if x.differ {
			out = append(out, x.text)
		}
	}
	return out
}

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
	if parent.Spec != child.Spec && !(parent.MoE == nil && child.MoE != nil) {
		out = append(out, faultf("", "the parent is a %s model, the child a %s", parent.Spec.Name, child.Spec.Name))
	}
	if child.Vocab < parent.Vocab {
		out = append(out, faultf("", "the parent has a vocabulary of %d tokens, the child of %d: they do not speak of the same tokens", parent.Vocab, child.Vocab))
	}
	if child.Vocab > parent.Vocab && !grown && otherTokenizer(pck, cck) {
		out = append(out, faultf("", "the parent has a vocabulary of %d tokens, the child of %d, and the files of their tokenizers differ: they do not speak of the same tokens", parent.Vocab, child.Vocab))
	}
	if child.Layers < parent.Layers {
		out = append(out, faultf("", "the parent has %d layers, the child %d: a growth keeps every layer", parent.Layers, child.Layers))
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

package verify

import (
	"fmt"
	"slices"
	"strings"

	"famkit/internal/arch"
	"famkit/internal/proof"
	"famkit/internal/units"
)

// inProse says in words how a child came to be, as a proof has it: "the child is the parent with neurons permuted
// layer by layer, stored as F32".
func inProse(p *proof.Proof, parent, child *arch.Checkpoint) string {
	t := &teller{p.Claim, parent, child}
	var with []string
	with = append(with, t.layers()...)
	for _, a := range []struct {
		axis arch.Axis
		what string
	}{{arch.Hidden, "channels"}, {arch.KV, "heads"}, {arch.Group, "query heads"}, {arch.HeadDim, "elements of heads"},
		{arch.FFN, "neurons"},
		{arch.Experts, "experts"}, {arch.ExpertFFN, "neurons of experts"}, {arch.Vocab, "tokens"}, {arch.Pos, "positions"}} {
		with = append(with, t.axis(a.axis, a.what)...)
	}
	with = append(with, t.rewritten()...)
	with = append(with, t.biases()...)
	stored := t.stored()
	switch {
	case len(with) == 0 && len(stored) == 0:
		return "the child has the parent's numbers"
	case len(with) == 0:
		return "the child is the parent, " + listed(stored)
	case len(stored) == 0:
		return "the child is the parent with " + listed(with)
	}
	return "the child is the parent with " + listed(with) + ", " + listed(stored)
}

// listed joins phrases.
func listed(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
}

type teller struct {
	claim         *proof.Claim
	parent, child *arch.Checkpoint
}

func (t *teller) layers() []string {
	n := 0
	for _, l := range t.claim.Layers {
		if l == proof.NoSource {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return []string{units.Plural(n, "layer") + " more that adds nothing"}
}

// axis says what became of an axis's indices, whole and layer by layer.
func (t *teller) axis(a arch.Axis, what string) []string {
	var all []string
	if m, ok := t.claim.Maps[a]; ok {
		all = mapInWords(m)
	}
	own := 0
	for _, maps := range t.claim.Inside {
		if m, ok := maps[a]; ok {
			own++
			for _, w := range mapInWords(m) {
				if !slices.Contains(all, w) {
					all = append(all, w)
				}
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	s := what + " " + listed(all)
	if own > 0 {
		s += " layer by layer"
	}
	return []string{s}
}

// mapInWords says what a map does to its indices.
func mapInWords(m proof.Map) []string {
	var out []string
	seen, fresh, copied, moved := map[int32]bool{}, false, false, false
	last := int32(-1)
	for _, s := range m.Src {
		switch {
		case s < 0:
			fresh = true
			continue
		case seen[s]:
			copied = true
		case s < last:
			moved = true
		}
		seen[s], last = true, max(last, s)
	}
	for _, k := range m.Scale {
		if k < 0 {
			out = append(out, "of the other sign")
			break
		}
	}
	for _, w := range []struct {
		is   bool
		text string
	}{{copied, "copied"}, {moved && !copied, "permuted"}, {fresh, "added"}} {
		if w.is {
			out = append(out, w.text)
		}
	}
	return out
}

// rewritten says how the child is stored otherwise.
func (t *teller) rewritten() []string {
	var out []string
	switch was, is := t.parent.Model.Size(arch.Group), t.child.Model.Size(arch.Group); {
	case t.claim.Rewritten == nil:
		return nil
	case is < was:
		out = append(out, "keys and values unfolded for its query heads")
	case is > was:
		out = append(out, "keys and values shared by query heads")
	}
	any := func(of func(r *proof.LayerRewriting) bool) bool {
		for _, r := range t.claim.Rewritten.Layers {
			if of(r) {
				return true
			}
		}
		return false
	}
	for _, w := range []struct {
		is   bool
		text string
	}{
		{t.claim.Rewritten.FinalNorm != nil || any(func(r *proof.LayerRewriting) bool {
			return r.AttnNorm != nil ||
				r.MLPNorm != nil
		}),
			"powers of two moved between gains and matrices"},
		{any(func(r *proof.LayerRewriting) bool { return r.Keys != nil }), "powers of two moved between q and k"},
		{any(func(r *proof.LayerRewriting) bool { return r.Values.Scale != nil }), "powers of two moved between v and o"},
		{any(func(r *proof.LayerRewriting) bool { return r.Values.Src != nil }), "elements of v permuted"},
		{any(func(r *proof.LayerRewriting) bool { return r.Neurons != nil }), "powers of two moved between up and down"},
		{any(func(r *proof.LayerRewriting) bool { return r.Order != nil }), "neurons permuted expert by expert"},
	} {
		if w.is {
			out = append(out, w.text)
		}
	}
	return out
}

func (t *teller) biases() []string {
	m, c := t.parent.Model, t.child.Model
	was, is := m.QKVBias || m.OBias || m.MLPBias, c.QKVBias || c.OBias || c.MLPBias
	switch {
	case is && !was:
		return []string{"biases of zero"}
	case was && !is:
		return []string{"biases of zero left out"}
	}
	return nil
}

// stored says what the files differ in and the models do not.
func (t *teller) stored() []string {
	var out []string
	m, c := t.parent.Model, t.child.Model
	if m.MoE == nil && c.MoE != nil {
		out = append(out, fmt.Sprintf("made a mixture of %s", units.Plural(c.MoE.Experts, "expert")))
	}
	if m.Spec != c.Spec {
		out = append(out, "stored as "+c.Spec.Name)
	}
	if was, is := t.parent.DType(), t.child.DType(); was != is {
		out = append(out, "stored as "+is.String())
	}
	if !m.Rope.Equal(c.Rope) && m.HeadDim == c.HeadDim {
		out = append(out, "its rotary settings written otherwise")
	}
	switch {
	case m.Tied && !c.Tied:
		out = append(out, "its head untied")
	case !m.Tied && c.Tied:
		out = append(out, "its head tied")
	}
	return out
}

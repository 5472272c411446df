package expand

import (
	"slices"
	"strings"

	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/growth"
)

// check refuses, before anything is read, what would not keep the function or what the architecture cannot say.
func (b *builder) check() error {
	from, to := b.p.From, b.p.To
	if to == from && b.r.Rope == "" {
		return fault.Hint(fault.Usagef("nothing to grow: every size stays as it is"), "famkit help axes")
	}
	if err := b.p.Split.Check(); err != nil {
		return fault.Usagef("%v: %w", fault.Arg("split"), err)
	}
	if err := b.checkLike(); err != nil {
		return err
	}
	if err := b.shrinks(); err != nil {
		return err
	}
	if err := b.unused(); err != nil {
		return err
	}
	if from.Heads == 0 {
		wider := to
		wider.Layers = from.Layers
		if wider != from || b.r.Pairs {
			return fault.Hint(fault.Inputf("growing the width needs config.json beside the weights: the number of heads is "+
				"not in the tensors"),
				"only %v works on a lone file", fault.Arg("depth"))
		}
		return nil
	}
	for _, f := range []func() error{b.checkAxes, b.checkHeads, b.checkHidden, b.checkHeadDim, b.checkExperts,
		b.checkSilent} {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) shrinks() error {
	for _, a := range append([]arch.Axis{arch.Layers}, growth.Axes...) {
		if from, to := b.sizes(a); to < from && a != arch.Group {
			return fault.Inputf("%s is %d and a growth cannot shrink it to %d", a, from, to)
		}
	}
	return nil
}

// Axes lists the axes that a model has.
func Axes(m *arch.Model) []arch.Axis {
	out := []arch.Axis{arch.Layers}
	for _, a := range growth.Axes {
		switch {
		case (a == arch.Experts || a == arch.ExpertFFN) && m.MoE == nil:
			if a == arch.ExpertFFN || mixtures[m.Spec.Name] == "" {
				continue
			}
		case a == arch.Group && m.Spec.HeadsAreHidden:
			continue
		case a == arch.FFN && m.MoE != nil && !slices.Contains(m.MoE.Layer, false):
			continue
		}
		out = append(out, a)
	}
	return out
}

// checkAxes refuses an axis that the architecture lacks.
func (b *builder) checkAxes() error {
	has := Axes(b.m)
	for _, a := range growth.Axes {
		from, to := b.sizes(a)
		if a == arch.ExpertFFN && b.p.From.Experts == 0 && b.p.To.Experts > 0 && slices.Contains(has, arch.Experts) {
			continue // checkExperts says what is asked for
		}
		if from == to || slices.Contains(has, a) || a == arch.FFN && b.p.From.ExpertFFN == b.p.From.FFN {
			continue
		}
		var names []string
		for _, h := range has {
			names = append(names, string(h))
		}
		return NoAxis.because(fault.Inputf("a %s model has no axis %s; it has %s", b.m.Spec.Name, a,
			strings.Join(names, ", ")))
	}
	return nil
}

func (b *builder) checkHeads() error {
	from, to := b.p.From, b.p.To
	group := from.Heads / from.KVHeads
	if to.Heads%to.KVHeads != 0 {
		n := to.Heads / to.KVHeads * to.KVHeads
		return fault.Hint(fault.Inputf("%d query heads do not form whole groups over %d kv heads, so no head could keep "+
			"its kv head",
			to.Heads, to.KVHeads), "%v or %v", fault.Arg("heads", max(n, to.KVHeads)), fault.Arg("heads", n+to.KVHeads))
	}
	if to.Heads/to.KVHeads < group {
		return fault.Hint(fault.Inputf("%d query heads over %d kv heads are groups of %d; the parent's are %d and cannot "+
			"be split",
			to.Heads, to.KVHeads, to.Heads/to.KVHeads, group), "%v keeps the groups", fault.Arg("heads", to.KVHeads*group))
	}
	if b.m.QKNormFull && (to.KVHeads%from.KVHeads != 0 || (to.Heads/to.KVHeads)%group != 0 ||
		slices.Contains(b.r.Methods, "fresh") && to.Heads != from.Heads) {
		k := max(2, (to.Heads+from.Heads/2)/from.Heads)
		hint := fault.Say("%v", fault.Arg("kv", itoa(k)+"x"))
		if to.Heads == k*from.Heads && to.KVHeads == k*from.KVHeads {
			hint = fault.Say("without %v", fault.Arg("method", "fresh"))
		}
		return NormAllHeads.because(fault.HintSay(fault.Inputf("a %s model norms q and k over all heads, whose mean only "+
			"equal "+
			"numbers of copies keep: %d heads over %d kv heads to %d over %d are not",
			b.m.Spec.Name, from.Heads, from.KVHeads, to.Heads, to.KVHeads), hint))
	}
	return nil
}

func (b *builder) checkHidden() error {
	from, to := b.p.From, b.p.To
	if b.m.Spec.HeadsDivideHidden && !b.m.Spec.HeadsAreHidden && to.Hidden%to.Heads != 0 {
		return HeadsDivide.because(fault.HintSay(fault.Inputf(
			"hidden size %d is not a multiple of %d heads, which transformers asks of a %s model",
			to.Hidden, to.Heads, b.m.Spec.Name), b.otherHidden(to.Heads)))
	}
	if b.m.Spec.HeadsAreHidden && to.KVHeads != to.Heads {
		return fault.Hint(fault.Inputf("a %s model has no groups: %d query heads need as many kv heads, not %d",
			b.m.Spec.Name, to.Heads, to.KVHeads),
			"%v without %v", fault.Arg("heads", to.Heads), fault.Arg("kv"))
	}
	if b.m.Spec.HeadsAreHidden && to.Hidden != to.Heads*to.HeadDim {
		return fault.HintSay(fault.Inputf("a %s model's heads fill its hidden size: %d heads of %d are not %d", b.m.Spec.Name,
			to.Heads, to.HeadDim, to.Hidden),
			b.filled())
	}
	if b.m.LayerNorm && to.Hidden%from.Hidden != 0 && slices.Contains(b.r.Methods, "copies") {
		return fault.Hint(fault.Inputf("LayerNorm subtracts the mean over the hidden size, which uneven copies change: %d "+
			"is no multiple of %d", to.Hidden, from.Hidden),
			"%v pads with the mean", fault.Arg("method", "lemon"))
	}
	return nil
}

// filled proposes the hidden size that the heads fill, or, where only that grows, one that heads can.
func (b *builder) filled() fault.Message {
	if n := b.p.To.Heads * b.p.To.HeadDim; n > b.p.From.Hidden {
		return fault.Say("%v", fault.Arg("hidden", n))
	}
	return b.otherHidden(b.p.To.HeadDim)
}

// otherHidden proposes hidden sizes near the one that was asked for: whole heads of the parent's size where the width
// as a whole was to grow, else the multiples of n around it.
func (b *builder) otherHidden(n int) fault.Message {
	if hint, ok := b.otherWidths(); ok {
		return hint
	}
	low := b.p.To.Hidden / n * n
	if low > b.p.From.Hidden {
		return fault.Say("%v or %v", fault.Arg("hidden", low), fault.Arg("hidden", low+n))
	}
	return fault.Say("%v", fault.Arg("hidden", low+n))
}

// otherWidths proposes, where a width was asked for that whole heads do not fill, the widths around it that keep the
// size of a head: a head's rotary pairs and kernels go with its size.
func (b *builder) otherWidths() (fault.Message, bool) {
	m, by := b.m, b.r.Width.factor
	for _, own := range []Change{b.r.Hidden, b.r.Heads, b.r.KV, b.r.FFN, b.r.HeadDim} {
		if own.Given() {
			return fault.Message{}, false
		}
	}
	if by == nil || m.Hidden != m.Heads*m.HeadDim || m.FFN == 0 {
		return fault.Message{}, false
	}
	times, _ := by.Float64()
	low := int(times * float64(m.KVHeads))
	var list []any
	for _, kv := range []int{low, low + 1} {
		if kv <= m.KVHeads {
			continue
		}
		wider := []any{fault.Arg("hidden", m.Hidden/m.KVHeads*kv), fault.Arg("heads", m.Heads/m.KVHeads*kv),
			fault.Arg("kv", kv), fault.Arg("ffn", ffnLike(m.FFN, m.KVHeads, kv))}
		if m.KVHeads == m.Heads {
			wider = append(wider[:2:2], wider[3])
		}
		list = append(list, fault.Say(strings.TrimSpace(strings.Repeat("%v ", len(wider))), wider...))
	}
	if len(list) == 1 {
		return fault.Say("%v", list...), true
	}
	return fault.Say("%v or %v", list...), true
}

func (b *builder) checkHeadDim() error {
	from, to := b.p.From.HeadDim, b.p.To.HeadDim
	if from == to {
		return nil
	}
	r := max(2, (to+from/2)/from)
	switch {
	case b.m.QKNormFull:
		return NormAllHeads.because(fault.Inputf("a %s model norms q and k over all heads, whose mean a larger head_dim "+
			"changes",
			b.m.Spec.Name))
	case b.m.RotaryDim > 0 && to%from != 0:
		return fault.Hint(fault.Inputf("head_dim %d: rotary pairs keep their frequency only in a whole multiple of %d", to,
			from), "%v", fault.Arg("head-dim", r*from))
	case b.m.QKNorm && !b.r.AllowInexact:
		return NormEachHead.because(fault.Hint(fault.Inputf("head_dim: each head's q and k are normed with the epsilon %g "+
			"that "+
			"all norms share; over %d elements instead of %d it would have to be %g",
			b.m.Eps, to, from, b.m.Eps*float64(from)/float64(to)), "%v grows it with that difference",
			fault.Arg("allow-inexact")))
	}
	return nil
}

func (b *builder) checkExperts() error {
	from, to := b.p.From, b.p.To
	switch {
	case from.Experts == 0 && to.Experts == 0 && to.TopK > 0:
		return fault.Usagef("%v needs %v", fault.Arg("top-k"), fault.Arg("experts"))
	case from.Experts == 0 && to.Experts > 0 && to.TopK == 0:
		return fault.Hint(fault.Usagef("%v needs %v, the number of experts that a token uses", fault.Arg("experts"),
			fault.Arg("top-k")), "%v", fault.Arg("top-k", 2))
	case from.Experts == 0 && to.Experts > 0 && (b.m.QKVBias || b.m.MLPBias) && mixtures[b.m.Spec.Name] == "mixtral":
		return fault.Inputf("a mixtral model has no biases, this %s model has", b.m.Spec.Name)
	case from.Experts > 0 && slices.Contains(b.r.Methods, "drop-upcycle"):
		return fault.Hint(fault.Inputf("%v makes experts of a dense MLP, and this %s model has experts",
			fault.Arg("method", "drop-upcycle"), b.m.Spec.Name), "leave it out: experts are copied")
	case from.Experts == 0 && to.ExpertFFN > 0:
		return fault.Hint(fault.Inputf("%v: experts that are made of a dense MLP are as wide as it, or as a part of it",
			fault.Arg("expert-ffn")), "%v for a wider MLP, %v for its parts", fault.Arg("ffn"), fault.Arg("mlp-parts"))
	case from.Experts == 0 || from.Experts == to.Experts && from.TopK == to.TopK:
		return nil
	case to.Experts%from.Experts != 0 || to.TopK != from.TopK*(to.Experts/from.Experts):
		k := max(2, to.Experts/from.Experts)
		return fault.Hint(fault.Inputf("%d experts of which %d are used: the function is kept where both grow by the same "+
			"whole factor from %d and %d",
			to.Experts, to.TopK, from.Experts, from.TopK), "%v %v", fault.Arg("experts", k*from.Experts),
			fault.Arg("top-k", k*from.TopK))
	}
	return nil
}

func (b *builder) checkSilent() error {
	if b.r.Pairs && b.m.PostNorm {
		return PostNorms.because(fault.Hint(fault.Inputf("cancelling pairs: a %s model norms what a block adds, which would "+
			"blow up the rounding of what cancels", b.m.Spec.Name), "leave out %v", fault.Arg("silent", "pairs")))
	}
	return nil
}

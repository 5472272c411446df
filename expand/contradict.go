package expand

import (
	"slices"

	"famkit/internal/arch"
	"famkit/internal/fault"
)

// contradicts refuses a request that asks for two things at once.
func (r *Request) contradicts() error {
	switch {
	case r.Params != "" && r.Width.Given():
		return fault.Usagef("--params proposes the width: leave out --width")
	case r.Params != "" && r.Like != nil:
		return fault.Usagef("--params and --like both say all sizes: leave out one")
	case r.Like != nil && r.Width.Given():
		return fault.Usagef("--like says the width: leave out --width")
	}
	return nil
}

// unused refuses what a request says about parts that its growth does not make.
func (b *builder) unused() error {
	from, to := b.p.From, b.p.To
	deeper := to.Layers > from.Layers
	placed := b.r.Place != "" && b.r.Place != Interleave
	switch {
	case !deeper && (b.r.Pairs || b.r.Fresh || placed):
		return fault.Usagef("--silent, --new and --place are for new layers: give --depth")
	case deeper && (b.r.Pairs || b.r.Fresh || placed) && !b.identityLayers():
		return fault.Usagef("--silent, --new and --place are for new layers that add nothing: leave out the --method for layers")
	case b.r.VocabFill != "" && to.Vocab == from.Vocab:
		return fault.Usagef("--vocab-zero is for new rows of the vocabulary: give --vocab or --vocab-multiple")
	case b.r.Shards > 1 && (from.Experts > 0 || to.Experts == 0):
		return fault.Usagef("--shards cuts a dense MLP into experts: give --experts and --top-k for a dense model")
	}
	return nil
}

// identityLayers reports whether new layers are made by the axis's own method.
func (b *builder) identityLayers() bool {
	m, err := b.method(arch.Layers)
	return err == nil && m.Name() == b.ownMethod(arch.Layers)
}

// checkLike refuses the config of a model whose sizes this one cannot take.
func (b *builder) checkLike() error {
	if b.r.Like == nil {
		return nil
	}
	was, like := b.m.Spec, b.r.Like.Spec
	mixture := b.m.MoE == nil && b.r.Like.MoE != nil
	if was.HeadsAreHidden != like.HeadsAreHidden || mixture && mixtures[was.Name] != like.Name || b.m.MoE != nil && b.r.Like.MoE == nil {
		var can []string
		for _, s := range arch.Specs() {
			if s == was || mixtures[was.Name] == s.Name {
				can = append(can, s.Name)
			}
		}
		return fault.Inputf("--like: a %s model cannot take the sizes of a %s model; wanted %s", was.Name, like.Name, either(can))
	}
	return nil
}

func either(names []string) string {
	if len(names) == 1 {
		return "one of a " + names[0]
	}
	slices.Sort(names)
	return "one of a " + names[0] + " or a " + names[1]
}

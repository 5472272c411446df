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
		return fault.Usagef("%v proposes the width: leave out %v", fault.Arg("params"), fault.Arg("width"))
	case r.Params != "" && r.Like != nil:
		return fault.Usagef("%v and %v both say all sizes: leave out one", fault.Arg("params"), fault.Arg("like"))
	case r.Like != nil && r.Width.Given():
		return fault.Usagef("%v says the width: leave out %v", fault.Arg("like"), fault.Arg("width"))
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
		return fault.Usagef("%v, %v and %v are for new layers: give %v", fault.Arg("silent"), fault.Arg("new"),
			fault.Arg("place"), fault.Arg("depth"))
	case deeper && (b.r.Pairs || b.r.Fresh || placed) && !b.identityLayers():
		return fault.Usagef("%v, %v and %v are for new layers that add nothing: leave out the %v for layers",
			fault.Arg("silent"), fault.Arg("new"), fault.Arg("place"), fault.Arg("method"))
	case b.r.VocabFill != "" && to.Vocab == from.Vocab:
		return fault.Usagef("%v is for new rows of the vocabulary: give %v or %v", fault.Arg("vocab-zero"),
			fault.Arg("vocab"), fault.Arg("vocab-multiple"))
	case b.r.Shards > 1 && (from.Experts > 0 || to.Experts == 0):
		return fault.Usagef("%v cuts a dense MLP into experts: give %v and %v for a dense model", fault.Arg("mlp-parts"),
			fault.Arg("experts"), fault.Arg("top-k"))
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
	if was.HeadsAreHidden != like.HeadsAreHidden || mixture && mixtures[was.Name] != like.Name || b.m.MoE != nil &&
		b.r.Like.MoE == nil {
		var can []string
		for _, s := range arch.Specs() {
			if s == was || mixtures[was.Name] == s.Name {
				can = append(can, s.Name)
			}
		}
		return fault.Inputf("%v: a %s model cannot take the sizes of a %s model; wanted %s", fault.Arg("like"), was.Name,
			like.Name, either(can))
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

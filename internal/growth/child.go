package growth

import (
	"slices"

	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/tensor"
)

// StartsFrom refuses a model that is none of the plan's parent's sizes.
func (p *Plan) StartsFrom(m *arch.Model) error {
	got := SizesOf(m)
	if m.Spec.Name != p.Arch {
		return fault.Inputf("the plan grows a %s model, the parent is a %s", p.Arch, m.Spec.Name)
	}
	for i, x := range p.From.List() {
		if has := got.List()[i].Size; has != x.Size {
			return fault.Inputf("the plan grows a model of %s %d, the parent has %d", x.Name, x.Size, has)
		}
	}
	if m.Tied != p.Tied {
		return fault.Inputf("the plan grows a model whose head is tied to its embedding: %v; the parent's is: %v", p.Tied,
			m.Tied)
	}
	return nil
}

// ChildModel is the grown model's description. An error means that the plan names an architecture that is not known.
func (p *Plan) ChildModel(m *arch.Model) (*arch.Model, error) {
	c := m.Clone()
	c.Hidden, c.FFN, c.Vocab, c.MaxPos = p.To.Hidden, p.To.FFN, p.To.Vocab, p.To.Positions
	c.Heads, c.KVHeads, c.HeadDim = p.To.Heads, p.To.KVHeads, p.To.HeadDim
	if m.HeadDim > 0 && c.HeadDim != m.HeadDim {
		c.RotaryDim = m.RotaryDim * c.HeadDim / m.HeadDim
	}
	c.Layers = len(p.Layers)
	c.Window, c.LayerType = fromLayers(p.Layers, m.Window), fromLayers(p.Layers, m.LayerType)
	if p.Rope != nil {
		c.Rope = *p.Rope
	} else {
		c.Rope = spreadRope(c.Rope, m.RotaryDim, c.RotaryDim)
	}
	if c.MoE != nil {
		c.MoE.Experts, c.MoE.TopK, c.MoE.FFN = p.To.Experts, p.To.TopK, p.To.ExpertFFN
		c.MoE.Layer = fromLayers(p.Layers, m.MoE.Layer)
	}
	if p.Upcycle != nil {
		return c, p.Upcycle.model(c, p)
	}
	c.Derive()
	return c, nil
}

// ChildOf is ChildModel of a checkpoint. Where the config names another type than the weights have, the child's names
// theirs: loaders cast to it, and what is exact in the one need not be in the other.
func (p *Plan) ChildOf(ck *arch.Checkpoint) (*arch.Model, error) {
	m, err := p.ChildModel(ck.Model)
	if err == nil && m.DType != tensor.Invalid {
		m.DType = ck.DType()
	}
	return m, err
}

// spreadRope gives each factor of longrope to the frequencies that take its frequency's place.
func spreadRope(rope arch.Rope, from, to int) arch.Rope {
	if from == 0 || from == to {
		return rope
	}
	spread := func(list []float64) []float64 {
		var out []float64
		for _, f := range list {
			out = append(out, slices.Repeat([]float64{f}, to/from)...)
		}
		return out
	}
	rope.ShortFactor, rope.LongFactor = spread(rope.ShortFactor), spread(rope.LongFactor)
	return rope
}

func fromLayers[T any](layers []LayerFrom, of []T) []T {
	if of == nil {
		return nil
	}
	out := make([]T, len(layers))
	for i, l := range layers {
		out[i] = of[l.Src]
	}
	return out
}

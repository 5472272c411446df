package expand

import (
	"slices"
	"strings"
	"testing"

	"famkit/internal/arch"
	"famkit/internal/growth"
	"famkit/internal/tensor"
)

// register adds a method for the length of a test.
func register(t *testing.T, m Method) {
	was := methods
	methods = append(slices.Clone(was), m)
	t.Cleanup(func() { methods = was })
}

// TestLiars: a method that calls itself exact and is not is refused, whatever it does wrong.
func TestLiars(t *testing.T) {
	scaled := func(m growth.AxisMap, k float64) growth.AxisMap {
		m.Write = slices.Repeat([]float64{k}, len(m.Src))
		return m
	}
	set := func(m func(from, to int) growth.AxisMap) func(b *builder, a arch.Axis) error {
		return func(b *builder, a arch.Axis) error {
			b.p.Maps[a] = m(b.sizes(a))
			return nil
		}
	}
	for name, c := range map[string]struct {
		model string
		axis  arch.Axis
		r     Request
		grow  func(b *builder, a arch.Axis) error
	}{
		"unscaled copies": {"qwen3", arch.Hidden, Request{Hidden: change(t, "x1.5")}, set(copyMap)},
		"scaled copies": {"llama", arch.Hidden, Request{Hidden: change(t, "2x")},
			set(func(f, n int) growth.AxisMap { return scaled(copyMap(f, n), 2) })},
		"unlike copies": {"gpt2", arch.Hidden, Request{Hidden: change(t, "16")}, set(streamMap)},
		"padding unscaled": {"llama", arch.Hidden, Request{Hidden: change(t, "x1.5")},
			set(func(f, n int) growth.AxisMap { return freshMap(f, n, growth.FillZero) })},
		"zeros and LayerNorm": {"gpt2", arch.Hidden, Request{Hidden: change(t, "2x")},
			set(func(f, n int) growth.AxisMap { return paddedMap(f, n, 1, growth.FillZero) })},
		"mean and RMSNorm": {"llama", arch.Hidden, Request{Hidden: change(t, "x1.5")},
			set(func(f, n int) growth.AxisMap { return paddedMap(f, n, 1, growth.FillMean) })},
		"scaled neurons": {"llama", arch.FFN, Request{FFN: change(t, "2x")},
			set(func(f, n int) growth.AxisMap { return scaled(copyMap(f, n), 2) })},
		"neurons of the mean": {"llama", arch.FFN, Request{FFN: change(t, "2x")},
			set(func(f, n int) growth.AxisMap { return freshMap(f, n, growth.FillMean) })},
		"elements twice": {"llama", arch.HeadDim, Request{HeadDim: change(t, "2x")}, set(copyMap)},
		"tokens renumbered": {"llama", arch.Vocab, Request{Vocab: change(t, "+3")},
			set(func(f, n int) growth.AxisMap { m := copyMap(f, n); slices.Reverse(m.Src); return m })},
		"heads under one norm": {"olmo2", arch.KV, Request{KV: change(t, "2x")},
			set(func(f, n int) growth.AxisMap { return freshMap(f, n, growth.FillRandom) })},
		"experts unlike": {"mixtral", arch.Experts, Request{Experts: change(t, "2x"), TopK: change(t, "2x")},
			set(func(f, n int) growth.AxisMap { m := copyMap(f, n); m.Src[f] = 1; return m })},
		"layers repeated": {"llama", arch.Layers, Request{Depth: change(t, "2x")}, func(b *builder, a arch.Axis) error {
			b.p.Layers = interpolate(b.sizes(a))
			return nil
		}},
		"inexact after all": {"llama", arch.Layers, Request{Depth: change(t, "2x")}, stacked.grow},
		"unlike pairs": {"llama", arch.Layers, Request{Depth: change(t, "2x"), Pairs: true},
			func(b *builder, a arch.Axis) error {
				err := identity.grow(b, a)
				b.p.Pairs[arch.FFN].Read[1] = -0.5
				return err
			}},
		"from the next block": {"llama", arch.FFN, Request{FFN: change(t, "2x")}, func(b *builder, a arch.Axis) error {
			b.p.NextLayer = true
			return copies.grow(b, a)
		}},
		"neurons drawn anew": {"llama", arch.Experts, Request{Experts: change(t, "4"), TopK: change(t, "2")},
			func(b *builder, a arch.Axis) error {
				return b.upcycle(0.5)
			}},
	} {
		t.Run(name, func(t *testing.T) {
			register(t, method{"bogus", "a lie", []arch.Axis{c.axis}, true, c.grow})
			ck := random(t, c.model, tensor.F32)
			if _, err := Compile(ck, c.r); err != nil && !strings.Contains(err.Error(), "LayerNorm") {
				t.Fatalf("the axis does not grow by its own method: %v", err)
			}
			if c.axis == arch.Layers {
				lieAbout(t, "identity")
			} else {
				c.r.Methods = append(c.r.Methods, "bogus")
			}
			g, err := Compile(ck, c.r)
			if err == nil {
				t.Fatalf("accepted: exact %v, %v", g.Exact(), g.Methods)
			}
			if msg := err.Error(); !strings.Contains(msg, "says that it keeps the function") &&
				!strings.Contains(msg, "is declared exact") &&
				!strings.Contains(msg, "the plan: layer") {
				t.Error(err)
			}
		})
	}
}

// lieAbout takes an honest method out of the list, so that the liar is the axis's own.
func lieAbout(t *testing.T, name string) {
	was := methods
	methods = slices.DeleteFunc(slices.Clone(was), func(m Method) bool { return m.Name() == name })
	last := methods[len(methods)-1].(method)
	last.name = name
	methods[len(methods)-1] = last
	t.Cleanup(func() { methods = was })
}

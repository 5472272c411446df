package arch_test

import (
	"slices"
	"testing"

	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/tensor"
)

func TestKeys(t *testing.T) {
	for name, config := range archtest.Configs {
		src, err := archtest.Random(1, config, tensor.F32)
		if err != nil {
			t.Fatal(err)
		}
		ck, err := arch.Bind(src)
		if err != nil {
			t.Fatal(err)
		}
		byHand := *ck
		byHand.Tensors = slices.Clone(ck.Tensors[1:])
		var walked int
		for l := -1; l < ck.Model.Layers; l++ {
			walked += len(ck.Layer(l))
			if l >= 0 && len(byHand.Layer(l)) != len(ck.Layer(l)) {
				t.Errorf("%s: layer %d of a list made by hand has %d tensors", name, l, len(byHand.Layer(l)))
			}
		}
		if walked != len(ck.Tensors) {
			t.Errorf("%s: the layers have %d of %d tensors", name, walked, len(ck.Tensors))
		}
		for i, b := range ck.Tensors {
			got, ok := ck.At(b.Key())
			if !ok || got.Info().Name != b.Info().Name {
				t.Errorf("%s: %v gives %q, want %q", name, b.Key(), got.Info().Name, b.Info().Name)
			}
			if _, ok := byHand.At(b.Key()); ok != (i > 0) {
				t.Errorf("%s: a list made by hand has %v: %v", name, b.Key(), ok)
			}
		}
		if _, ok := ck.At(arch.Key{Role: "shared_down", Layer: 0, Expert: -1}); ok {
			t.Errorf("%s: has a tensor of no role", name)
		}
	}
}

// TestWritesStream lists by name what writes the stream, in every architecture.
func TestWritesStream(t *testing.T) {
	writers := []arch.Role{arch.Embed, arch.PosTable, arch.O, arch.Down, arch.O.Bias(), arch.Down.Bias()}
	for _, spec := range arch.Specs() {
		for _, group := range [][]arch.TensorSpec{spec.Embed, spec.Block, spec.Head} {
			for i := range group {
				s := &group[i]
				if got, want := s.WritesStream(), slices.Contains(writers, s.Role); got != want {
					t.Errorf("%s: %s writes the stream: %v", spec.Name, s.Role, got)
				}
				bias, weight := s.Role.IsBias(), s.Role.Weight()
				if bias != (weight != s.Role) || bias && weight.Bias() != s.Role {
					t.Errorf("%s: %s is a bias: %v", spec.Name, s.Role, bias)
				}
			}
		}
	}
	parts := []arch.Part{{Role: "a", Axes: []arch.Axis{arch.FFN}}, {Role: "b", Axes: []arch.Axis{arch.Hidden}}}
	part := arch.TensorSpec{Role: "both", Dims: []arch.Dim{{Use: arch.Writes, Parts: parts}}}
	if !part.WritesStream() {
		t.Error("a fused tensor one of whose parts writes the stream does not write it")
	}
}

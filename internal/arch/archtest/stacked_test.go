package archtest_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/fault"
	"famkit/internal/tensor"
)

// mixtures gives each random mixture, as it is usually stored and stacked.
func mixtures(t *testing.T) map[string][2]*arch.Checkpoint {
	t.Helper()
	out := map[string][2]*arch.Checkpoint{}
	for name, config := range archtest.Configs {
		src, err := archtest.Random(6, config, tensor.BF16)
		if err != nil {
			t.Fatal(err)
		}
		ck, err := arch.Bind(src)
		if err != nil {
			t.Fatal(err)
		}
		if ck.Model.MoE == nil {
			continue
		}
		stacked, err := archtest.Stacked(ck)
		if err != nil {
			t.Fatal(err)
		}
		other, found, err := arch.Check(stacked)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !slices.ContainsFunc(found, func(f arch.Finding) bool { return f.Code == arch.Stacked }) {
			t.Errorf("%s: not said to be stacked: %+v", name, found)
		}
		out[name] = [2]*arch.Checkpoint{ck, other}
	}
	if len(out) < 2 {
		t.Fatalf("only %d mixtures", len(out))
	}
	return out
}

// TestStacked: what transformers 5 stacks is bound as the same tensors, byte for byte, wherever one starts to read.
func TestStacked(t *testing.T) {
	for name, cks := range mixtures(t) {
		one, two := cks[0], cks[1]
		if len(one.Tensors) != len(two.Tensors) {
			t.Fatalf("%s: %d tensors, stacked %d", name, len(one.Tensors), len(two.Tensors))
		}
		for i, b := range one.Tensors {
			o := two.Tensors[i]
			if b.Info().String() != o.Info().String() || b.Layer != o.Layer || b.Expert != o.Expert {
				t.Fatalf("%s: %s, stacked %s", name, b.Info(), o.Info())
			}
			x, err := format.ReadAll(b.Tensor)
			if err != nil {
				t.Fatal(err)
			}
			y, err := format.ReadAll(o.Tensor)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(x, y) {
				t.Errorf("%s: %s differs", name, b.Info().Name)
			}
			part := make([]byte, len(x))
			if n, err := o.ReadAt(part, 2); n != len(x)-2 || err == nil || !bytes.Equal(part[:n], x[2:]) {
				t.Errorf("%s: %s read from byte 2: %d bytes, %v", name, b.Info().Name, n, err)
			}
		}
	}
}

// TestStackedRefused: a stack of another shape or type, or beside what it holds, is refused and named once.
func TestStackedRefused(t *testing.T) {
	for name, cks := range mixtures(t) {
		spoil := map[string]func(*format.Memory) *format.Memory{
			"wanted shape": func(m *format.Memory) *format.Memory {
				return changed(t, m, "gate_up_proj", func(i *tensor.Info) {
					i.Shape = []int{i.Shape[0] * 2, i.Shape[1] / 2,
						i.Shape[2]}
				})
			},
			"wanted weights of F16": func(m *format.Memory) *format.Memory {
				return changed(t, m, "experts.down_proj", func(i *tensor.Info) { i.DType = tensor.I16 })
			},
			"there twice": func(m *format.Memory) *format.Memory {
				for _, b := range cks[0].Tensors {
					if b.Expert == 1 {
						m.Add(b.Tensor)
						break
					}
				}
				return m
			},
		}
		for want, f := range spoil {
			m, err := archtest.Stacked(cks[0])
			if err != nil {
				t.Fatal(err)
			}
			_, err = arch.Bind(f(m))
			if fault.KindOf(err) != fault.Input || !strings.Contains(err.Error(), want) ||
				strings.Contains(err.Error(), "missing") {
				t.Errorf("%s: wanted %q, found %v", name, want, err)
			}
		}
	}
}

// changed describes the tensors whose name ends so otherwise.
func changed(t *testing.T, m *format.Memory, suffix string, f func(*tensor.Info)) *format.Memory {
	t.Helper()
	out, err := archtest.Redescribe(m, func(info *tensor.Info) {
		if strings.HasSuffix(info.Name, suffix) {
			f(info)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

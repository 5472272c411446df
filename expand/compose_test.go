package expand

import (
	"math"
	"slices"
	"testing"

	"famkit/internal/arch"
	"famkit/internal/tensor"
)

// TestCompose: two growths say together where each index of the grandchild comes from, and E^T E stays a multiple of one.
func TestCompose(t *testing.T) {
	ck := random(t, "llama", tensor.F64)
	for _, r := range [][2]Request{
		{{Hidden: change(t, "x1.5"), Depth: change(t, "2x")}, {Hidden: change(t, "2x"), FFN: change(t, "x1.4")}},
		{{Hidden: change(t, "2x"), KV: change(t, "2x")}, {Hidden: change(t, "x1.5"), Depth: change(t, "+1"), HeadDim: change(t, "2x")}},
		{{HeadDim: change(t, "2x"), Vocab: change(t, "+3")}, {HeadDim: change(t, "2x"), Vocab: change(t, "+3")}},
	} {
		p1 := compile(t, ck, r[0])
		src, err := p1.Apply(ck)
		if err != nil {
			t.Fatal(err)
		}
		child, err := arch.Bind(src)
		if err != nil {
			t.Fatal(err)
		}
		p2 := compile(t, child, r[1])
		p, err := Compose(p1, p2)
		if err != nil {
			t.Fatal(err)
		}
		if p.From != p1.From || p.To != p2.To {
			t.Errorf("composed from %+v to %+v", p.From, p.To)
		}
		if err := p.check(); err != nil {
			t.Error(err)
		}
		if m, ok := p.Maps[arch.Hidden]; ok {
			sum := make([]float64, p.From.Hidden)
			for i, s := range m.Src {
				w := 1.0
				if m.Write != nil {
					w = m.Write[i]
				}
				sum[s] += w * w
			}
			for _, v := range sum {
				if want := float64(p.To.Hidden) / float64(p.From.Hidden); math.Abs(v-want) > 1e-12 {
					t.Errorf("E^T E is %v, want %v", slices.Compact(sum), want)
					break
				}
			}
		}
		if _, err := Compose(p2, p1); err == nil {
			t.Error("growths compose in the wrong order")
		}
		silent := 0
		for _, l := range p.Layers {
			if !l.Silent {
				silent++
			}
		}
		if silent != p.From.Layers {
			t.Errorf("%d layers of %d are kept", silent, p.From.Layers)
		}
	}
}

package verify

import (
	"math/rand/v2"
	"slices"
	"testing"

	"famkit/expand"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/proof"
	pt "famkit/internal/proof/prooftest"
	"famkit/internal/tensor"
)

// reorder puts the neurons, kv heads or experts of one layer in another order: a child whose layers differ in their
// maps, as other tools make them.
func (s *stored) reorder(ck *arch.Checkpoint, layer int, axis arch.Axis, perm []int) {
	was := s.clone()
	for _, b := range ck.Tensors {
		if b.Layer != layer {
			continue
		}
		name, e := b.Info().Name, b.Info().DType.Bits()/8
		if axis == arch.Experts && b.Expert >= 0 {
			from := slices.IndexFunc(ck.Tensors, func(o arch.Bound) bool {
				return o.Layer == layer && o.Spec.Role == b.Spec.Role && o.Expert == perm[b.Expert]
			})
			s.data[name] = was.data[ck.Tensors[from].Info().Name]
			continue
		}
		wide := 1
		if len(b.Spec.Dims) == 2 {
			wide = b.Info().Shape[1]
		}
		for i, d := range b.Spec.Dims {
			parts := d.Parts
			if parts == nil {
				parts = []arch.Part{{Role: b.Spec.Role, Axes: d.Axes}}
			}
			at := proof.Places(ck.Model, b.Spec.Role, d)
			for _, part := range parts {
				if len(part.Axes) == 0 || part.Axes[0] != axis {
					continue
				}
				old := s.data[name]
				raw := slices.Clone(old)
				role := part.Role
				if b.Spec.Role.IsBias() && !role.IsBias() {
					role = role.Bias()
				}
				places := at[role]
				each := len(places) / len(perm)
				for t := range places {
					to, from := int(places[t]), int(places[perm[t/each]*each+t%each])
					if i == 0 {
						copy(raw[to*wide*e:(to+1)*wide*e], old[from*wide*e:(from+1)*wide*e])
						continue
					}
					for r := range len(raw) / e / wide {
						copy(raw[(r*wide+to)*e:(r*wide+to+1)*e], old[(r*wide+from)*e:(r*wide+from+1)*e])
					}
				}
				s.data[name] = raw
			}
		}
	}
}

// TestInferEachLayer: where every layer has its neurons, heads and experts in an order of its own, the maps are found
// layer by layer, and the verdict is that of the plan on the child before. The plan's own maps do not prove it.
func TestInferEachLayer(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 1))
	requests := map[string]expand.Request{
		"none":   request(t, 1, expand.Interleave, map[string]string{"depth": "+1"}),
		"ffn":    request(t, 1, expand.Interleave, map[string]string{"ffn": "x1.5"}),
		"widths": request(t, 2, expand.Top, map[string]string{"width": "2x", "depth": "+1"}),
	}
	done, moved := 0, 0
	for _, name := range sorted(archtest.Configs) {
		config := archtest.Configs[name]
		for _, d := range []tensor.DType{tensor.F32, tensor.BF16} {
			ck := pt.Random(t, 4, config, d)
			for _, what := range sorted(requests) {
				r := requests[what]
				if _, err := expand.Compile(ck, r); err != nil {
					continue
				}
				plan, child := pt.Grow(t, ck, r)
				s := store(t, child)
				for layer := range child.Model.Layers {
					for _, axis := range []arch.Axis{arch.FFN, arch.ExpertFFN, arch.KV, arch.Experts} {
						if n := child.Model.Size(axis); n > 1 {
							s.reorder(child, layer, axis, rng.Perm(n))
						}
					}
				}
				other, err := arch.Bind(s.source())
				if err != nil {
					t.Fatal(err)
				}
				if diff := pt.Distance(t, child, other); diff > 1e-12 {
					t.Fatalf("%s %s: the test itself changes the function by %.1e", name, what, diff)
				}
				p := inferred(t, ck, other)
				if want := prove(t, plan, ck, child).Verdict; p.Verdict != want {
					t.Errorf("%s %s, %s: %s, with the plan %s before:\n%s", name, d, what, p.Verdict, want, text(p))
				}
				if prove(t, plan, ck, other).Verdict == proof.Different {
					moved++
				}
				done++
			}
		}
	}
	if moved < done*9/10 {
		t.Errorf("only %d of %d children no longer follow their plan", moved, done)
	}
	t.Logf("%d growths inferred", done)
}

// TestInferSigns: a copy of a channel may be written and read with the other sign.
func TestInferSigns(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 2))
	done := 0
	for _, name := range sorted(archtest.Configs) {
		config := archtest.Configs[name]
		ck := pt.Random(t, 4, config, tensor.F32)
		if ck.Model.LayerNorm || ck.Model.GainOffset != 0 {
			continue // the mean has a sign; gains that are stored less one are rounded when they change theirs
		}
		for _, hidden := range []string{"2x", "x1.5"} {
			r := request(t, 3, expand.Interleave, map[string]string{"hidden": hidden, "depth": "+1"})
			if _, err := expand.Compile(ck, r); err != nil {
				continue
			}
			_, child := pt.Grow(t, ck, r)
			s := store(t, child)
			turned := make([]bool, child.Model.Hidden)
			for i := range turned {
				turned[i] = rng.IntN(2) == 0
			}
			s.turn(child, turned)
			other, err := arch.Bind(s.source())
			if err != nil {
				t.Fatal(err)
			}
			if diff := pt.Distance(t, child, other); diff > 1e-12 {
				t.Fatalf("%s: the test itself changes the function by %.1e", name, diff)
			}
			p := inferred(t, ck, other)
			if !p.Holds() {
				t.Errorf("%s, hidden %s:\n%s", name, hidden, text(p))
			}
			done++
		}
	}
	t.Logf("%d growths inferred", done)
}

// turn changes the sign of channels of the stream: of what writes them, and of the gains (or, without a norm there, the
// columns) through which they are read.
func (s *stored) turn(ck *arch.Checkpoint, turned []bool) {
	for _, b := range ck.Tensors {
		name, e := b.Info().Name, b.Info().DType.Bits()/8
		role := b.Spec.Role.Weight()
		for i, d := range b.Spec.Dims {
			if !slices.Equal(d.Axes, []arch.Axis{arch.Hidden}) {
				continue
			}
			gain := role == arch.AttnNorm || role == arch.MLPNorm || role == arch.FinalNorm && !ck.Model.Tied
			read := d.Use == arch.Reads && !ck.Model.PreNorm && role != arch.Head
			if d.Use != arch.Writes && !gain && !read {
				continue
			}
			raw := slices.Clone(s.data[name])
			wide := len(turned)
			if i == 0 {
				wide = len(raw) / e / len(turned)
			}
			for k := range len(raw) / e {
				t := k % wide
				if i == 0 {
					t = k / wide
				}
				if turned[t] {
					raw[(k+1)*e-1] ^= 0x80 // the sign
				}
			}
			s.data[name] = raw
		}
	}
}

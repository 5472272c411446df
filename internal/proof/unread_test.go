package proof_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"famkit/expand"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/proof"
	pt "famkit/internal/proof/prooftest"
	"famkit/internal/tensor"
	"famkit/internal/verify"
)

// TestNaNOfWhatIsLost: a neuron, or a head, that nothing reads may be lost, but not one that is no number: zero times
// that is not zero in the parent.
func TestNaNOfWhatIsLost(t *testing.T) {
	for _, name := range []string{"llama", "gpt2", "gemma2", "gpt_neox", "phi3", "mixtral"} {
		for _, what := range []string{"neuron", "head"} {
			t.Run(name+" "+what, func(t *testing.T) {
				ck := pt.Random(t, 9, archtest.Configs[name], tensor.F32)
				parent := withUnread(t, ck, what, math.NaN())
				child := withUnread(t, ck, what, 0)
				claim := kept(ck.Model)
				a := map[string]arch.Axis{"neuron": arch.FFN, "head": arch.KV}[what]
				if what == "neuron" && ck.Model.MoE != nil {
					a = arch.ExpertFFN
				}
				src := make([]int32, ck.Model.Size(a))
				for i := range src {
					src[i] = int32(i)
				}
				src[len(src)-1] = proof.NoSource
				claim.Maps[a] = proof.Map{Src: src}
				mustRefuse(t, claim, parent, child)
				mustHold(t, claim, child, child)
			})
		}
	}
}

// withUnread is a model whose last neuron, or kv head, of each layer writes nothing, and has x in its own rows.
func withUnread(t *testing.T, ck *arch.Checkpoint, what string, x float64) *arch.Checkpoint {
	t.Helper()
	m := ck.Model
	makes, reads := []arch.Role{arch.Up}, arch.Down
	if what == "head" {
		makes, reads = []arch.Role{arch.V}, arch.O
	}
	return pt.Spoiled(t, ck, func(name string, info tensor.Info, v []float64) {
		for _, b := range ck.Tensors {
			if b.Info().Name != name || b.Layer < 0 {
				continue
			}
			for i, d := range b.Spec.Dims {
				for role, at := range proof.Places(m, b.Spec.Role, d) {
					n := 1
					if what == "head" {
						n = m.HeadDim
						if role == reads {
							n *= m.Heads / m.KVHeads
						}
					}
					for _, r := range makes {
						if role == r && d.Use == arch.Writes {
							setAlong(info, v, i, at[len(at)-n:], x)
						}
					}
					if role == reads && d.Use == arch.Reads {
						setAlong(info, v, i, at[len(at)-n:], 0)
					}
				}
			}
		}
	})
}

// setAlong sets all numbers at some places of a dimension.
func setAlong(info tensor.Info, v []float64, dim int, places []int32, x float64) {
	if len(info.Shape) == 1 {
		for _, p := range places {
			v[p] = x
		}
		return
	}
	for i := range v {
		at := [2]int{i / info.Shape[1], i % info.Shape[1]}
		for _, p := range places {
			if at[dim] == int(p) {
				v[i] = x
			}
		}
	}
}

// TestOverflowOfWhatIsUnread: what nothing of the parent stands behind counts nothing over the reals, and must not
// overflow in any arithmetic: infinity times zero is no number.
func TestOverflowOfWhatIsUnread(t *testing.T) {
	for _, name := range []string{"llama", "gpt2", "gemma2", "olmo2", "mixtral"} {
		for what, r := range map[string]expand.Request{
			"block":   {Depth: pt.Size(t, "+1")},
			"neurons": {FFN: pt.Size(t, "x1.5"), Methods: []string{"fresh"}},
			"heads":   {KV: pt.Size(t, "2x"), Methods: []string{"fresh"}},
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				ck := pt.Random(t, 9, archtest.Configs[name], tensor.F32)
				if _, err := expand.Compile(ck, r); err != nil {
					t.Skip(err)
				}
				plan, child := pt.Grow(t, ck, r)
				was := pt.Numbers(t, ck)
				known := map[float64]bool{}
				for _, v := range was {
					for _, x := range v {
						known[x] = true
					}
				}
				silent := -1
				for i, l := range plan.Layers {
					if l.Silent {
						silent = i
					}
				}
				bad := pt.Spoiled(t, child, func(name string, info tensor.Info, v []float64) {
					inside := strings.Contains(name, fmt.Sprintf(".%d.", silent))
					for i, x := range v {
						if x != 0 && len(info.Shape) == 2 && (silent >= 0 && inside || silent < 0 && !known[x]) {
							v[i] = math.Copysign(0x1p100, x)
						}
					}
				})
				mustRefuseUnseen(t, verify.ClaimOf(plan), ck, bad)
				mustHold(t, verify.ClaimOf(plan), ck, child)
			})
		}
	}
}

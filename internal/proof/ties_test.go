package proof_test

import (
	"fmt"
	"strings"
	"testing"

	"famkit/expand"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/growth"
	pt "famkit/internal/proof/prooftest"
	"famkit/internal/tensor"
	"famkit/internal/verify"
)

func isRouter(name string) bool {
	return strings.HasSuffix(name, "moe.gate.weight") || strings.HasSuffix(name, "mlp.gate.weight")
}

// tiedParent is a mixture of which two experts are tied: by equal rows; by rows that differ at a channel that nothing
// writes; or by rows that differ at one that tokens have and the first layer takes away, for all that a search can see.
func tiedParent(t *testing.T, name, how string, d tensor.DType) *arch.Checkpoint {
	t.Helper()
	ck := pt.Random(t, 9, archtest.Configs[name], d)
	return pt.Spoiled(t, ck, func(name string, info tensor.Info, v []float64) {
		w := info.Shape[len(info.Shape)-1]
		switch {
		case isRouter(name):
			e, f := 0, 1
			copy(v[f*w:(f+1)*w], v[e*w:(e+1)*w])
			if how != "equal" {
				v[f*w+3]++
			}
		case how == "dead" && (strings.Contains(name, "embed_tokens")):
			for r := range info.Shape[0] {
				v[r*w+3] = 0
			}
		case how == "dead" && (strings.Contains(name, "o_proj") || strings.Contains(name, "w2") ||
			strings.Contains(name, "down_proj")):
			clear(v[3*w : 4*w])
		}
	})
}

// unlike moves what one expert reads of a channel's second copy to its first: over the reals nothing changes.
func unlike(t *testing.T, plan *growth.Plan, child *arch.Checkpoint) *arch.Checkpoint {
	t.Helper()
	copies := map[int32][]int{}
	for i, s := range plan.Maps[arch.Hidden].Src {
		copies[s] = append(copies[s], i)
	}
	return pt.Spoiled(t, child, func(name string, info tensor.Info, v []float64) {
		if !isRouter(name) {
			return
		}
		for _, c := range copies {
			w := info.Shape[1]
			sum := v[w+c[0]] + v[w+c[1]]
			v[w+c[0]], v[w+c[1]] = v[w+c[1]], sum-v[w+c[1]]
		}
	})
}

// TestTies: what famkit grows keeps ties; children that share the rows of tied experts unlike are refused, whatever
// the tie comes from.
func TestTies(t *testing.T) {
	for _, name := range []string{"mixtral-tied", "qwen3_moe"} {
		for _, how := range []string{"equal", "dead", "gone after a layer"} {
			for i, split := range growth.Splits {
				d := []tensor.DType{tensor.F64, tensor.F32, tensor.BF16, tensor.F32}[i]
				t.Run(fmt.Sprint(name, " ", how, " ", split, " ", d), func(t *testing.T) {
					parent := tiedParent(t, name, how, d)
					plan, child := pt.Grow(t, parent, expand.Request{Hidden: pt.Size(t, "2x"), Split: split})
					mustHold(t, verify.ClaimOf(plan), parent, child)
					if split == growth.SplitEven {
						return // all copies are read alike
					}
					mustRefuseUnseen(t, verify.ClaimOf(plan), parent, unlike(t, plan, child))
				})
			}
		}
	}
}

// TestTiesOfOtherGrowths: growths that leave the stream as it is, and experts that are not tied, are none of a tie's
// business.
func TestTiesOfOtherGrowths(t *testing.T) {
	for _, how := range []string{"equal", "dead", "gone after a layer"} {
		parent := tiedParent(t, "mixtral-tied", how, tensor.F32)
		for what, r := range map[string]expand.Request{
			"depth": {Depth: pt.Size(t, "+1")}, "experts' neurons": {ExpertFFN: pt.Size(t, "2x")},
			"heads": {KV: pt.Size(t, "2x")},
			"all":   {Depth: pt.Size(t, "+1"), Hidden: pt.Size(t, "4x"), ExpertFFN: pt.Size(t, "2x"), Heads: pt.Size(t, "2x")},
		} {
			t.Run(how+" "+what, func(t *testing.T) {
				plan, child := pt.Grow(t, parent, r)
				mustHold(t, verify.ClaimOf(plan), parent, child)
			})
		}
	}
	ck := pt.Random(t, 9, archtest.Configs["mixtral"], tensor.F32)
	plan, child := pt.Grow(t, ck, expand.Request{Hidden: pt.Size(t, "2x")})
	mustHold(t, verify.ClaimOf(plan), ck, unlike(t, plan, child))
}

// TestTiesOfCopies: more copies of experts that are tied may be used in part.
func TestTiesOfCopies(t *testing.T) {
	for _, how := range []string{"equal", "dead"} {
		parent := tiedParent(t, "mixtral-tied", how, tensor.F32) // one of three is used
		plan, child := pt.Grow(t, parent, expand.Request{Experts: pt.Size(t, "2x"), TopK: pt.Size(t, "2x")})
		mustRefuseUnseen(t, verify.ClaimOf(plan), parent, child)
	}
}

// TestTiesThatBecame: experts whose rows differ in the parent and are rounded to the same numbers.
func TestTiesThatBecame(t *testing.T) {
	ck := pt.Random(t, 9, archtest.Configs["mixtral-tied"], tensor.BF16)
	parent := pt.Spoiled(t, ck, func(name string, info tensor.Info, v []float64) {
		if isRouter(name) {
			w := info.Shape[1]
			copy(v[w:2*w], v[:w])
			for i := range w {
				v[w+i] *= 1 + 0x1p-7 // the next number, or the one behind it
			}
		}
	})
	plan, child := pt.Grow(t, parent, expand.Request{Hidden: pt.Size(t, "3x"), Split: growth.SplitEven})
	mustHold(t, verify.ClaimOf(plan), parent, child)
	bad := pt.Spoiled(t, child, func(name string, info tensor.Info, v []float64) {
		if isRouter(name) {
			w := info.Shape[1]
			copy(v[w:2*w], v[:w])
		}
	})
	p := judged(t, verify.ClaimOf(plan), parent, bad)
	if p.Holds() {
		t.Errorf("experts that became alike: %s\n%s", p.Verdict, text(p))
	}
}

package proof_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
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

// inEvery calls f for each architecture in each type that rounds.
func inEvery(t *testing.T, f func(t *testing.T, ck *arch.Checkpoint) bool) {
	t.Helper()
	n := 0
	for _, name := range slices.Sorted(maps.Keys(archtest.Configs)) {
		for _, d := range []tensor.DType{tensor.F32, tensor.BF16, tensor.F16} {
			t.Run(fmt.Sprintf("%s %s", name, d), func(t *testing.T) {
				if f(t, pt.Random(t, 9, archtest.Configs[name], d)) {
					n++
				}
			})
		}
	}
	if n < 20 {
		t.Errorf("only %d of all architectures and types", n)
	}
}

// off moves a number by some units in the last place of its type.
func off(x float64, d tensor.DType, ulps float64) float64 {
	_, e := math.Frexp(x)
	return x + ulps*math.Ldexp(2*d.Unit(), e-1)
}

// TestRoundingsOfWhatDidNotGrow: a claim that asks for eight roundings does not get them for what no growth touched.
func TestRoundingsOfWhatDidNotGrow(t *testing.T) {
	inEvery(t, func(t *testing.T, ck *arch.Checkpoint) bool {
		r := expand.Request{FFN: pt.Size(t, "+9")}
		if _, err := expand.Compile(ck, r); err != nil {
			return false
		}
		plan, child := pt.Grow(t, ck, r)
		claim := verify.ClaimOf(plan)
		claim.Rounded = proof.Steps(8, proof.WidthsOf(ck.Model), proof.WidthsOf(child.Model))
		if claim.Rounded == nil {
			return false
		}
		d := ck.DType()
		o := nameOf(child, arch.O)
		bad := pt.Spoiled(t, child, func(name string, _ tensor.Info, v []float64) {
			for i := range v {
				if name == o {
					v[i] = off(v[i], d, 2)
				}
			}
		})
		mustRefuseUnseen(t, claim, ck, bad)
		return true
	})
}

// nameOf is the name of the first tensor of a role.
func nameOf(ck *arch.Checkpoint, role arch.Role) string {
	for _, b := range ck.Tensors {
		if b.Spec.Role == role {
			return b.Info().Name
		}
	}
	return ""
}

// TestEpsilonOfNothing: norms whose epsilon is zero, or so small that it does nothing, are 0/0 of zeros.
func TestEpsilonOfNothing(t *testing.T) {
	inEvery(t, func(t *testing.T, ck *arch.Checkpoint) bool {
		for _, eps := range []float64{0, 1e-45} {
			keys := map[string]any{}
			for _, k := range []string{"rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon"} {
				if ck.Config.IsSet(k) {
					keys[k] = eps
				}
			}
			parent, err := arch.Bind(pt.Spoil(t, ck, nil, pt.SetKeys(t, ck, keys)))
			if err != nil {
				continue // refused before
			}
			mustRefuseUnseen(t, kept(parent.Model), parent, parent)
		}
		return true
	})
}

// TestZerosBecomeSmallest: a zero is no rounded number, whatever may be rounded beside it.
func TestZerosBecomeSmallest(t *testing.T) {
	inEvery(t, func(t *testing.T, ck *arch.Checkpoint) bool {
		down := nameOf(ck, arch.Down)
		parent := pt.Spoiled(t, ck, func(name string, _ tensor.Info, v []float64) {
			if name == down {
				for i := range v {
					if i%3 == 0 {
						v[i] = 0
					}
				}
			}
		})
		for _, hidden := range []string{"2x", "x1.5"} {
			r := expand.Request{Hidden: pt.Size(t, hidden)}
			if _, err := expand.Compile(parent, r); err != nil {
				return false
			}
			plan, child := pt.Grow(t, parent, r)
			grown := nameOf(child, arch.Down)
			bad := pt.Spoiled(t, child, func(name string, info tensor.Info, v []float64) {
				for i := range v {
					if name == grown && v[i] == 0 {
						v[i] = 3 * info.DType.Smallest()
					}
				}
			})
			mustRefuseUnseen(t, verify.ClaimOf(plan), parent, bad)
		}
		return true
	})
}

// TestOneRoundingIsOne: where a growth rounds once, which is at most an ulp, a number that is three off is another one:
// embeddings too, whatever an architecture multiplies them by.
func TestOneRoundingIsOne(t *testing.T) {
	inEvery(t, func(t *testing.T, ck *arch.Checkpoint) bool {
		r := expand.Request{Hidden: pt.Size(t, "x1.5")}
		if _, err := expand.Compile(ck, r); err != nil {
			return false
		}
		plan, child := pt.Grow(t, ck, r)
		done := false
		for _, role := range []arch.Role{arch.Embed, arch.O, arch.Down} {
			name := nameOf(child, role)
			if name == "" || !rounds(plan.Rounding, role) {
				continue
			}
			done = true
			bad := pt.Spoiled(t, child, func(n string, info tensor.Info, v []float64) {
				for i := range v {
					if n == name && v[i] != 0 {
						v[i] = off(v[i], info.DType, 3)
						return
					}
				}
			})
			mustRefuseUnseen(t, verify.ClaimOf(plan), ck, bad)
		}
		return done
	})
}

func rounds[T any](list []T, role arch.Role) bool {
	return slices.ContainsFunc(list, func(x T) bool { return strings.Contains(fmt.Sprint(x), string(role)) })
}

package proof_test

import (
	"math/rand/v2"
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

// TestMoreRoundingsThanGrowthsMake: a claim lists growths that round where there is no room for them, or that touch
// other numbers: every number of BF16 is some percent off, by the letter within eight roundings.
func TestMoreRoundingsThanGrowthsMake(t *testing.T) {
	hidden := []string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "embed_tokens"}
	for what, c := range map[string]struct {
		r     expand.Request
		off   []string // tensors that are off
		claim func(parent, child *arch.Model) []proof.Step
	}{
		"no widths": {expand.Request{Hidden: pt.Size(t, "2x")}, hidden, func(_, _ *arch.Model) []proof.Step {
			return slices.Repeat([]proof.Step{{Roundings: 1}}, 8)
		}},
		"one growth, listed eight times": {expand.Request{Hidden: pt.Size(t, "2x")}, hidden,
			func(p, c *arch.Model) []proof.Step {
				return slices.Repeat(pt.Steps(1, p, c), 8)
			}},
		"eight roundings of one growth": {expand.Request{Hidden: pt.Size(t, "2x")}, hidden,
			func(p, c *arch.Model) []proof.Step {
				s := pt.Steps(1, p, c)
				s[0].Roundings = 8
				return s
			}},
		"more than a model can have": {expand.Request{Hidden: pt.Size(t, "2x")}, hidden, func(p, c *arch.Model) []proof.Step {
			return pt.Steps(12, p, c)
		}},
		"growths of other models": {expand.Request{Hidden: pt.Size(t, "2x")}, hidden, func(p, c *arch.Model) []proof.Step {
			wide := c.Clone()
			wide.Hidden *= 4
			return pt.Steps(8, c, wide)
		}},
		"growths of depth": {expand.Request{Depth: pt.Size(t, "2x")}, hidden, func(p, c *arch.Model) []proof.Step {
			return pt.Steps(8, p, c)
		}},
		"growths of the MLP, heads off": {expand.Request{FFN: pt.Size(t, "2x")}, []string{"q_proj", "v_proj", "o_proj"},
			func(p, c *arch.Model) []proof.Step {
				return pt.Steps(8, p, c)
			}},
		"growths of the MLP, its rows off": {expand.Request{FFN: pt.Size(t, "2x")}, []string{"gate_proj", "up_proj"},
			func(p, c *arch.Model) []proof.Step {
				return pt.Steps(8, p, c)
			}},
		"growths of the heads, their rows off": {expand.Request{KV: pt.Size(t, "4x")}, []string{"q_proj", "k_proj", "v_proj"},
			func(p, c *arch.Model) []proof.Step {
				return pt.Steps(6, p, c)
			}},
		"growths of the vocabulary": {expand.Request{Vocab: pt.Size(t, "2x")}, hidden, func(p, c *arch.Model) []proof.Step {
			return pt.Steps(8, p, c)
		}},
	} {
		for _, d := range []tensor.DType{tensor.BF16, tensor.F16} {
			t.Run(what+" "+d.String(), func(t *testing.T) {
				ck := pt.Random(t, 9, archtest.Configs["mistral"], d)
				plan, child := pt.Grow(t, ck, c.r)
				rng := rand.New(rand.NewPCG(1, 2))
				bad := pt.Spoiled(t, child, func(name string, info tensor.Info, v []float64) {
					if slices.ContainsFunc(c.off, func(s string) bool { return strings.Contains(name, s) }) {
						for i := range v {
							v[i] *= 1 + 7*d.Unit()*rng.Float64()
						}
					}
				})
				claim := verify.ClaimOf(plan)
				claim.Rounded = c.claim(ck.Model, child.Model)
				mustRefuse(t, claim, ck, bad)
			})
		}
	}
}

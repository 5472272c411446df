package proof_test

import (
	"math"
	"strings"
	"testing"

	"famkit/expand"
	"famkit/internal/arch/archtest"
	pt "famkit/internal/proof/prooftest"
	"famkit/internal/tensor"
	"famkit/internal/verify"
)

// TestGainsOfZeroStayZero: a gain that is zero once the architecture's offset is added, in front of weights that may
// therefore be anything, is zero in the child, whatever is rounded.
func TestGainsOfZeroStayZero(t *testing.T) {
	for _, name := range []string{"gemma", "gemma2", "gemma3"} {
		for _, d := range []tensor.DType{tensor.F32, tensor.BF16} {
			t.Run(name+" "+d.String(), func(t *testing.T) {
				ck := pt.Random(t, 9, archtest.Configs[name], d)
				const huge = 0x1p40
				parent := pt.Spoiled(t, ck, func(name string, info tensor.Info, v []float64) {
					switch {
					case strings.Contains(name, "layers.0.input_layernorm"):
						v[3] = -1
					case strings.Contains(name, "layers.0.self_attn.v_proj"):
						for r := range info.Shape[0] {
							v[r*info.Shape[1]+3] = huge
						}
					}
				})
				plan, child := pt.Grow(t, parent, expand.Request{Hidden: pt.Size(t, "20")})
				mustHold(t, verify.ClaimOf(plan), parent, child)
				bad := pt.Spoiled(t, child, func(name string, info tensor.Info, v []float64) {
					if strings.Contains(name, "layers.0.input_layernorm") {
						for i, x := range v {
							if x == -1 {
								v[i] = -1 + 2*d.Unit()/2
							}
						}
					}
				})
				mustRefuse(t, verify.ClaimOf(plan), parent, bad)
			})
		}
	}
}

// TestGainsNearZero: a gain that is nearly zero, offset counted, in front of weights that are all the larger.
func TestGainsNearZero(t *testing.T) {
	ck := pt.Random(t, 9, archtest.Configs["gemma"], tensor.F32)
	parent := pt.Spoiled(t, ck, func(name string, info tensor.Info, v []float64) {
		switch {
		case strings.Contains(name, "layers.0.input_layernorm"):
			v[3] = -1 + 0x1p-24
		case strings.Contains(name, "layers.0.self_attn.v_proj"):
			for r := range info.Shape[0] {
				v[r*info.Shape[1]+3] *= 0x1p24
			}
		}
	})
	plan, child := pt.Grow(t, parent, expand.Request{Hidden: pt.Size(t, "20")})
	if d := pt.Distance(t, parent, child); d < 1e-3 {
		t.Fatal("the growth keeps the function", d)
	}
	mustRefuse(t, verify.ClaimOf(plan), parent, child)
	_ = math.Pi
}

package proof_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"famkit/expand"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/growth"
	"famkit/internal/proof"
	pt "famkit/internal/proof/prooftest"
	"famkit/internal/tensor"
	"famkit/internal/verify"
)

// otherNeighbours gives the second copy of every channel the float32 on the other side of what it should be, where
// one rounding allows that. was are the parent's rows, v the child's, of w numbers.
func otherNeighbours(v, was []float64, w int, copies map[int32][]int, write []float64) {
	for r, hidden := 0, len(was)/(len(v)/w); r < len(v)/w; r++ {
		for s, c := range copies {
			if len(c) < 2 {
				continue
			}
			want := was[r*hidden+int(s)] * write[c[1]]
			x := float32(want)
			y := math.Nextafter32(x, float32(math.Inf(1)))
			if float64(x) > want {
				y = math.Nextafter32(x, float32(math.Inf(-1)))
			}
			if math.Abs(float64(y)-want) <= math.Abs(want)*0x1p-24 {
				v[r*w+c[1]] = float64(y)
			}
		}
	}
}

// TestHugeShares: huge terms that cancel are no rounding of what they should add up to.
func TestHugeShares(t *testing.T) {
	ck := pt.Random(t, 9, archtest.Configs["mistral"], tensor.F32)
	plan, child := pt.Grow(t, ck, expand.Request{Hidden: pt.Size(t, "x1.5"), FFN: pt.Size(t, "2x")})
	src := plan.Maps[arch.FFN].Src
	bad := pt.Bind(t, pt.Spoil(t, child, func(name string, info tensor.Info, v []float64) {
		if strings.Contains(name, "down_proj") {
			w := info.Shape[1]
			for r := range info.Shape[0] {
				sign := map[int32]float64{}
				for c := range w {
					s := src[c]
					if sign[s] == 0 {
						sign[s] = 1
					}
					v[r*w+c] = sign[s] * 0x1p30
					sign[s] = -sign[s]
				}
			}
		}
	}, nil))
	mustRefuse(t, verify.ClaimOf(plan), ck, bad)
}

// TestMagnifiedRounding: copies of the stream that were rounded unlike, whose difference is read with a huge weight:
// the sums are exact.
func TestMagnifiedRounding(t *testing.T) {
	ck := pt.Random(t, 9, archtest.Configs["mistral"], tensor.F32)
	ck = pt.Bind(t, pt.Spoil(t, ck, func(name string, info tensor.Info, v []float64) {
		if strings.Contains(name, "lm_head") {
			for i := range v {
				v[i] = math.Round(v[i]*8) / 8
			}
		}
	}, nil))
	plan, child := pt.Grow(t, ck, expand.Request{Hidden: pt.Size(t, "x1.5"), Split: growth.SplitEven})
	src, write := plan.Maps[arch.Hidden].Src, plan.Maps[arch.Hidden].Write
	copies := map[int32][]int{}
	for i, s := range src {
		copies[s] = append(copies[s], i)
	}
	was := pt.Numbers(t, ck)["model.embed_tokens.weight"]
	bad := pt.Bind(t, pt.Spoil(t, child, func(name string, info tensor.Info, v []float64) {
		w := info.Shape[len(info.Shape)-1]
		switch {
		case strings.Contains(name, "embed_tokens"): // the other neighbour, where one rounding allows it
			otherNeighbours(v, was, w, copies, write)
		case strings.Contains(name, "lm_head"):
			for r := range info.Shape[0] {
				for _, c := range copies {
					if len(c) == 2 {
						sum := v[r*w+c[0]] + v[r*w+c[1]]
						v[r*w+c[0]], v[r*w+c[1]] = 0x1p20, sum-0x1p20
					}
				}
			}
		}
	}, nil))
	mustRefuse(t, verify.ClaimOf(plan), ck, bad)
}

// TestMagnifiedMeans: under LayerNorm with padding the new channels are zero but for the rounding of the means: what
// reads them has a limit.
func TestMagnifiedMeans(t *testing.T) {
	for _, gain := range []bool{false, true} {
		ck := pt.Random(t, 9, archtest.Configs["gpt2"], tensor.F32)
		plan, child := pt.Grow(t, ck, expand.Request{Hidden: pt.Size(t, "16"), Methods: []string{"pad"}})
		src := plan.Maps[arch.Hidden].Src
		bad := pt.Bind(t, pt.Spoil(t, child, func(name string, info tensor.Info, v []float64) {
			switch {
			case gain && strings.Contains(name, "ln_") && strings.HasSuffix(name, ".weight"):
				for i, s := range src {
					if s < 0 {
						v[i] = 0x1p30
					}
				}
			case !gain && (strings.HasSuffix(name, "c_attn.weight") || strings.HasSuffix(name, "c_fc.weight")):
				w := info.Shape[1]
				for i, s := range src {
					if s < 0 {
						for c := range w {
							v[i*w+c] *= 0x1p30
						}
					}
				}
			}
		}, nil))
		mustRefuse(t, verify.ClaimOf(plan), ck, bad)
	}
}

// readUnlike lets the first neuron of each pair read the first copies of the stream, of w, and the second the second
// ones, by times as much as both did.
func readUnlike(v []float64, w int, by float64) {
	for r := 1; r < len(v)/w; r += 2 {
		for c := range w / 2 {
			x := by * (v[(r-1)*w+c] + v[(r-1)*w+c+w/2])
			v[(r-1)*w+c], v[(r-1)*w+c+w/2] = x, 0
			v[r*w+c], v[r*w+c+w/2] = 0, x
		}
	}
}

// writeAgainst writes the first of each pair of neurons, of w, with x and the second with -x.
func writeAgainst(v []float64, w int, x float64) {
	for r := range len(v) / w {
		for c := 0; c+1 < w; c += 2 {
			v[r*w+c], v[r*w+c+1] = x, -x
		}
	}
}

// TestMagnifiedPairs: pairs that cancel only nearly, since rounded gains count as equal, have a limit.
func TestMagnifiedPairs(t *testing.T) {
	ck := pt.Random(t, 9, archtest.Configs["mistral"], tensor.F32)
	plan, child := pt.Grow(t, ck, expand.Request{Depth: pt.Size(t, "+1"), Pairs: true, Hidden: pt.Size(t, "2x")})
	layer := slices.IndexFunc(plan.Layers, func(l growth.LayerFrom) bool { return l.Pairs })
	hid := plan.Maps[arch.Hidden].Src
	w := len(hid)
	bad := pt.Bind(t, pt.Spoil(t, child, func(name string, info tensor.Info, v []float64) {
		at := func(s string) bool { return strings.HasSuffix(name, fmt.Sprintf("layers.%d.%s.weight", layer, s)) }
		switch {
		case at("post_attention_layernorm"):
			for i := len(v) / 2; i < len(v); i++ {
				v[i] = float64(math.Nextafter32(float32(v[i]), 9)) // the second copies one ulp more
			}
		case at("mlp.gate_proj"), at("mlp.up_proj"):
			readUnlike(v, w, 1)
		case at("mlp.down_proj"):
			writeAgainst(v, info.Shape[1], 0x1p30)
		}
	}, nil))
	claim := verify.ClaimOf(plan)
	claim.Rounded = pt.Steps(1, ck.Model, bad.Model)
	mustRefuse(t, claim, ck, bad)
}

// TestClaimedRoundings: plans that only say that they round allow no rounding.
func TestClaimedRoundings(t *testing.T) {
	ck := pt.Random(t, 9, archtest.Configs["mistral"], tensor.BF16)
	m := ck.Model
	var plans []*growth.Plan
	for range 64 {
		p := &growth.Plan{Rounding: []growth.Rounding{{Role: arch.Up, DType: "BF16"}}}
		for i := range m.Layers {
			p.Layers = append(p.Layers, growth.LayerFrom{Src: i})
		}
		plans = append(plans, p)
	}
	bad := pt.Bind(t, pt.Spoil(t, ck, func(name string, info tensor.Info, v []float64) {
		for i := range v {
			v[i] *= 1.2
		}
	}, nil))
	claim, err := verify.Chain(plans)
	if err != nil {
		t.Fatal(err)
	}
	mustRefuse(t, claim, ck, bad)
}

// TestNaNInParent: a NaN in the parent alone is a difference, and no crash.
func TestNaNInParent(t *testing.T) {
	ck := pt.Random(t, 9, archtest.Configs["mistral"], tensor.F32)
	parent := pt.Bind(t, pt.Spoil(t, ck, func(name string, info tensor.Info, v []float64) {
		if strings.Contains(name, "layers.0.mlp.up_proj") {
			v[0] = math.NaN()
		}
	}, nil))
	claim := &proof.Claim{}
	for i := range ck.Model.Layers {
		claim.Layers = append(claim.Layers, i)
	}
	p, err := proof.Prove(context.Background(), claim, parent, ck, proof.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if p.Holds() {
		t.Errorf("proved:\n%s", text(p))
	}
}

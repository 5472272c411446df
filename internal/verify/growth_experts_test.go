package verify

import (
	"strings"
	"testing"

	"famkit/expand"
	"famkit/internal/arch/archtest"
	pt "famkit/internal/proof/prooftest"
	"famkit/internal/tensor"
)

// TestDenseToMixture: a dense model becomes experts, whole or in parts, and computes the same.
func TestDenseToMixture(t *testing.T) {
	size := func(s string) expand.Change { return pt.Size(t, s) }
	for what, r := range map[string]expand.Request{
		"copies":           {Experts: size("4"), TopK: size("2")},
		"one":              {Experts: size("3"), TopK: size("1")},
		"parts":            {Experts: size("8"), TopK: size("4"), Shards: 2},
		"parts, two sets":  {Experts: size("12"), TopK: size("8"), Shards: 4},
		"wider and deeper": {Experts: size("4"), TopK: size("2"), Width: size("2x"), Depth: size("2x")},
		"uneven": {Experts: size("4"), TopK: size("2"), Hidden: size("x1.5"), FFN: size("x1.3"),
			HeadDim: size("2x")},
		"pairs":          {Experts: size("4"), TopK: size("2"), Depth: size("+1"), Pairs: true},
		"pairs in parts": {Experts: size("8"), TopK: size("4"), Shards: 4, Depth: size("+1"), Pairs: true},
		"fresh pairs": {Experts: size("4"), TopK: size("2"), Shards: 2, Depth: size("2x"), Pairs: true, Fresh: true,
			Hidden: size("2x"), KV: size("2x")},
		"pairs, more":     {Experts: size("4"), TopK: size("2"), FFN: size("x1.3"), Depth: size("+1"), Pairs: true},
		"parts and wider": {Experts: size("4"), TopK: size("2"), Shards: 2, Hidden: size("2x"), KV: size("2x")},
	} {
		for _, name := range []string{"llama", "mistral", "qwen3"} {
			config := strings.Replace(archtest.Configs[name], `"attention_bias":true`, `"attention_bias":false`, 1)
			ck := pt.Random(t, 9, config, tensor.F64)
			if _, err := expand.Compile(ck, r); err != nil {
				if !refusal(err) {
					t.Errorf("%s, %s: %v", name, what, err)
				}
				continue
			}
			p, child := pt.Grow(t, ck, r)
			if got := child.Model.Spec.Name; got != p.ChildArch || child.Model.MoE == nil ||
				child.Model.MoE.Experts != p.To.Experts {
				t.Errorf("%s, %s: the child is a %s with %+v", name, what, got, child.Model.MoE)
			}
			if d := pt.Distance(t, ck, child); !(d <= tolerance64) {
				t.Errorf("%s, %s: logits differ by %.1e of the largest", name, what, d)
			}
			// Without what takes back that a part counts less, or with a wrong expert, it is another function.
			bad := pt.Bind(t, pt.Spoil(t, child, scaleRole("experts.1.", 0.5), nil))
			if d := pt.Distance(t, ck, bad); !(d > 1e-6) {
				t.Errorf("%s, %s: a spoiled expert moves the logits by only %.1e", name, what, d)
			}
		}
	}
	for _, r := range []expand.Request{
		{Experts: size("5"), TopK: size("2"), Shards: 2}, {Experts: size("4"), TopK: size("3"), Shards: 2},
		{Experts: size("4")},
		{Experts: size("6"), TopK: size("3"), Shards: 3}, {TopK: size("2")}, {Experts: size("2"), TopK: size("3")},
		{Experts: size("4"), TopK: size("2"), Shards: 2, FFN: size("2x")},
	} {
		if _, err := expand.Compile(pt.Random(t, 9, archtest.Configs["llama"], tensor.F64), r); err == nil {
			t.Errorf("%+v is accepted", r)
		}
	}
}

// TestDropUpcycling: redrawn neurons change the function, and the plan says so; the experts differ.
func TestDropUpcycling(t *testing.T) {
	ck := pt.Random(t, 9, archtest.Configs["mistral"], tensor.F64)
	p, child := pt.Grow(t, ck, expand.Request{Experts: pt.Size(t, "4"), TopK: pt.Size(t, "2"),
		Methods: []string{"drop-upcycle"}})
	if len(p.Inexact) == 0 {
		t.Error("the plan does not say that it is inexact")
	}
	if d := pt.Distance(t, ck, child); !(d > 1e-3) {
		t.Errorf("logits differ by only %.1e of the largest", d)
	}
}

// TestMoreExperts: k copies of each expert, of which k times as many are used, compute the same, normalised or not.
func TestMoreExperts(t *testing.T) {
	for _, name := range []string{"mixtral", "mixtral-tied", "qwen3_moe", "qwen3_moe-loose"} {
		ck := pt.Random(t, 9, archtest.Configs[name], tensor.F64)
		for _, k := range []string{"2x", "3x"} {
			r := expand.Request{Experts: pt.Size(t, k), TopK: pt.Size(t, k), FFN: pt.Size(t, "x1.5"), Depth: pt.Size(t, "+1")}
			_, child := pt.Grow(t, ck, r)
			if d := pt.Distance(t, ck, child); !(d <= tolerance64) {
				t.Errorf("%s, %s experts: logits differ by %.1e of the largest", name, k, d)
			}
			r.TopK = expand.Change{}
			if _, err := expand.Compile(ck, r); err == nil {
				t.Errorf("%s: %s experts of which no more are used are accepted", name, k)
			}
		}
	}
}

// TestExpertsAsWideAsTheMLP: in a model that has both, and both of one size, either grows without the other.
func TestExpertsAsWideAsTheMLP(t *testing.T) {
	config := strings.Replace(archtest.Configs["qwen3_moe"], `"moe_intermediate_size":10`, `"moe_intermediate_size":20`, 1)
	ck := pt.Random(t, 9, config, tensor.F64)
	if m := ck.Model; m.FFN != m.MoE.FFN || m.Mixture(1) || !m.Mixture(0) {
		t.Fatalf("neurons %d and %d, want one size and layers of both kinds", m.FFN, m.MoE.FFN)
	}
	for _, r := range []expand.Request{{FFN: pt.Size(t, "x1.5")}, {ExpertFFN: pt.Size(t, "x1.5")},
		{FFN: pt.Size(t, "x1.5"), ExpertFFN: pt.Size(t, "2x")}} {
		p, child := pt.Grow(t, ck, r)
		if d := pt.Distance(t, ck, child); !(d <= tolerance64) {
			t.Errorf("to %d and %d neurons: logits differ by %.1e of the largest", p.To.FFN, p.To.ExpertFFN, d)
		}
	}
}

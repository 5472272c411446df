package verify

import (
	"fmt"
	"strings"
	"testing"

	"famkit/expand"
	"famkit/internal/arch/archtest"
	"famkit/internal/growth"
	pt "famkit/internal/proof/prooftest"
	"famkit/internal/tensor"
)

// axisRequests are growths by every exact method.
func axisRequests(t testing.TB) map[string]expand.Request {
	size := func(s string) expand.Change { return pt.Size(t, s) }
	return map[string]expand.Request{
		"pad":                    {Hidden: size("x1.5"), Methods: []string{"pad"}},
		"pad by a little":        {Hidden: size("+12"), Methods: []string{"pad"}, Heads: size("2x")},
		"lemon":                  {Hidden: size("x2.5"), Methods: []string{"lemon"}},
		"fresh neurons":          {FFN: size("x1.7"), Methods: []string{"fresh"}},
		"fresh heads":            {Heads: size("2x"), Methods: []string{"fresh"}},
		"fresh kv heads":         {KV: size("2x"), Methods: []string{"fresh"}},
		"vocab mean":             {Vocab: size("+5")},
		"vocab zero":             {VocabMultiple: 64, VocabFill: growth.FillZero},
		"positions":              {Positions: size("2x")},
		"head_dim 2":             {HeadDim: size("2x")},
		"head_dim 3":             {HeadDim: size("3x"), Hidden: size("2x")},
		"after":                  {Place: "after:0,1"},
		"before all":             {Depth: size("+2"), Place: "after:-1"},
		"fresh blocks":           {Depth: size("2x"), Fresh: true},
		"pairs":                  {Depth: size("2x"), Pairs: true},
		"pairs, fresh":           {Depth: size("+1"), Pairs: true, Fresh: true},
		"pairs, wider":           {Depth: size("+1"), Pairs: true, Width: size("2x"), FFN: size("x1.3")},
		"pairs, fresh, head_dim": {Depth: size("+1"), Pairs: true, Fresh: true, HeadDim: size("2x"), Hidden: size("2x")},
		"pairs, fresh, kv": {Depth: size("+1"), Pairs: true, Fresh: true, KV: size("2x"), FFN: size("x1.5"),
			Methods: []string{"fresh"}},
		"pairs, fresh, padded": {Depth: size("+1"), Pairs: true, Fresh: true, Hidden: size("x1.5"),
			Methods: []string{"pad"}},
		"pairs, uneven": {Depth: size("+1"), Pairs: true, Fresh: true, KV: size("3x"), Hidden: size("3x")},
		"everything": {Depth: size("+1"), Hidden: size("3x"), FFN: size("x1.5"), KV: size("2x"),
			HeadDim: size("2x"), Vocab: size("+3")},
		"everything, fresh": {Depth: size("+1"), Hidden: size("x1.5"), FFN: size("x1.5"), KV: size("2x"),
			Methods: []string{"pad", "fresh"}, Fresh: true},
		"everything but by pads": {Depth: size("+1"), Hidden: size("x2.5"), FFN: size("x1.5"), Heads: size("2x"),
			HeadDim: size("2x"), Methods: []string{"lemon", "fresh"}, Pairs: true},
	}
}

// refusal reports whether a growth is refused for a reason that a model may have.
func refusal(err error) bool {
	for _, why := range []string{"is not a multiple of", "fill its hidden size", "has no axis", "all norms share",
		"norms q and k over all heads",
		"norms what a block adds", "has no biases",
		"scaling of the rotary embedding gives", "has no groups", "as transformers insists for phi3"} {
		if strings.Contains(err.Error(), why) {
			return true
		}
	}
	return false
}

// TestEveryMethodKeepsTheFunction: every exact method on every model, every way of sharing.
func TestEveryMethodKeepsTheFunction(t *testing.T) {
	done, refused := 0, 0
	for _, name := range sorted(archtest.Configs) {
		config := archtest.Configs[name]
		ck := pt.Random(t, 4, config, tensor.F64)
		all := axisRequests(t)
		for _, what := range sorted(all) {
			r := all[what]
			for _, split := range growth.Splits {
				r.Split, r.Seed = split, uint64(done)
				if _, err := expand.Compile(ck, r); err != nil {
					if !refusal(err) {
						t.Errorf("%s, %s: %v", name, what, err)
					}
					refused++
					continue
				}
				done++
				t.Run(fmt.Sprint(name, ", ", what, ", ", split), func(t *testing.T) {
					p, child := pt.Grow(t, ck, r)
					if len(p.Inexact) > 0 {
						t.Fatal("said to be inexact:", p.Inexact)
					}
					if d := pt.Distance(t, ck, child); !(d <= tolerance64) {
						t.Errorf("logits differ by %.1e of the largest, want at most %.0e", d, tolerance64)
					}
				})
			}
		}
	}
	if done < 1500 {
		t.Errorf("only %d growths were possible, the test shows too little", done)
	}
	t.Logf("%d growths, %d refused", done, refused)
}

// TestInexactGrowthsSaySo: what changes the function says why in its plan, loads, and does change it.
func TestInexactGrowthsSaySo(t *testing.T) {
	size := func(s string) expand.Change { return pt.Size(t, s) }
	for what, r := range map[string]expand.Request{
		"halve":       {Depth: size("2x"), Methods: []string{"halve"}},
		"stack":       {Depth: size("2x"), Methods: []string{"stack"}},
		"solar":       {Depth: size("+1"), Methods: []string{"solar"}},
		"interpolate": {Depth: size("2x"), Methods: []string{"interpolate"}},
		"fpi":         {Hidden: size("2x"), Methods: []string{"fpi"}},
		"aki":         {FFN: size("2x"), Depth: size("2x"), Methods: []string{"aki"}},
		"aki-pro":     {Hidden: size("2x"), Depth: size("2x"), Methods: []string{"aki-pro"}},
		"rope":        {Rope: "linear:2"},
		"rope yarn":   {Rope: "yarn:4"},
		"rope llama3": {Rope: "llama3:8", Positions: size("2x")},
	} {
		ck := pt.Random(t, 4, archtest.Configs["llama"], tensor.F64)
		p, child := pt.Grow(t, ck, r)
		if len(p.Inexact) == 0 || p.Exact() {
			t.Errorf("%s: the plan does not say that it is inexact", what)
		}
		d := pt.Distance(t, ck, child)
		if !(d > 1e-6) {
			t.Errorf("%s: logits differ by only %.1e of the largest, the plan says that they differ", what, d)
		}
		t.Logf("%s: %.2g of the largest logit", what, d)
	}
}

// TestHeadDimUnderHeadNorms: the difference is a term of the epsilon, and refused unless asked for.
func TestHeadDimUnderHeadNorms(t *testing.T) {
	r := expand.Request{HeadDim: pt.Size(t, "2x")}
	far := 0.0
	for _, eps := range []string{"0.001", "0.000001"} {
		ck := pt.Random(t, 4, strings.Replace(archtest.Configs["qwen3"], `"rms_norm_eps":0.001`, `"rms_norm_eps":`+eps, 1),
			tensor.F64)
		r.AllowInexact = false
		if _, err := expand.Compile(ck, r); err == nil || !strings.Contains(err.Error(), "all norms share") {
			t.Fatalf("eps %s: %v, want a refusal", eps, err)
		}
		r.AllowInexact = true
		_, child := pt.Grow(t, ck, r)
		d := pt.Distance(t, ck, child)
		if !(d < 0.1) || far != 0 && !(d < far/500) {
			t.Errorf("eps %s: logits differ by %.1e of the largest, before %.1e", eps, d, far)
		}
		far = d
	}
}

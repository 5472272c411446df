package verify

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"famkit/expand"
	"famkit/internal/arch/archtest"
	"famkit/internal/tensor"
)

// TestComposedPlansProve: the plan of two growths proves the grandchild, as the chain of both does.
func TestComposedPlansProve(t *testing.T) {
	size := func(s string) expand.Change { return change(t, s) }
	mixture := expand.Request{Experts: size("4"), TopK: size("2"), FFN: size("x1.5")}
	all := grownAgain(t)
	maps.Copy(all, map[string][2]expand.Request{
		"wider, then pairs":     {{Width: size("2x"), FFN: size("x1.5")}, {Depth: size("2x"), Pairs: true}},
		"pairs, then experts":   {{Depth: size("2x"), Pairs: true}, mixture},
		"experts, then pairs":   {mixture, {Depth: size("+1"), Pairs: true, Hidden: size("2x")}},
		"wider, then experts":   {{Width: size("2x")}, mixture},
		"experts, then deeper":  {mixture, {Depth: size("2x"), Width: size("2x")}},
		"parts, then deeper":    {{Experts: size("8"), TopK: size("4"), Shards: 2}, {Depth: size("2x"), Hidden: size("2x"), KV: size("2x")}},
		"deeper, then parts":    {{Depth: size("2x"), Hidden: size("2x")}, {Experts: size("8"), TopK: size("4"), Shards: 2}},
		"ffn, then parts":       {{FFN: size("2x")}, {Experts: size("8"), TopK: size("4"), Shards: 2}},
		"pairs, then fresh ffn": {{Depth: size("2x"), Pairs: true}, {FFN: size("x1.5"), Methods: []string{"fresh"}}},
		"inexact":               {{Depth: size("2x"), Methods: []string{"stack"}}, {Hidden: size("2x")}},
	})
	delete(all, "pairs, then new heads") // composes where the pairs are of groups
	refusals := map[string]string{
		"pairs, then pairs": "both growths make cancelling pairs", "pairs, then fresh ffn": "fresh indices",
		"parts, then ffn": "in 2 parts", "parts, then new neurons": "in 2 parts", "parts, then everything else": "in 2 parts",
		"ffn, then parts": "cannot grow while it is cut", "inexact": "change the function",
	}
	for what, r := range all {
		n := 0
		for _, name := range []string{"llama", "mistral", "qwen3", "mixtral", "gpt2"} {
			config := strings.Replace(archtest.Configs[name], `"attention_bias":true`, `"attention_bias":false`, 1)
			ck := random(t, 8, config, tensor.F64)
			plans, cks, ok := twice(t, ck, r)
			if upcycled := plans != nil && (plans[0].Upcycle != nil || plans[1].Upcycle != nil); !ok || !upcycled && r[0].Shards+r[1].Shards > 0 {
				continue // in parts are only dense models cut
			}
			p, err := expand.Compose(plans[0], plans[1])
			if why := refusals[what]; why != "" {
				if err == nil || !strings.Contains(err.Error(), why) {
					t.Errorf("%s, %s: %v, want an error that says %q", name, what, err, why)
				}
				n++
				continue
			}
			if err != nil {
				t.Errorf("%s, %s: %v", name, what, err)
				continue
			}
			n++
			if _, err := expand.ParsePlan("plan.json", p.JSON()); err != nil {
				t.Errorf("%s, %s: %v", name, what, err)
			}
			claim := ClaimOf(p)
			for _, q := range plans {
				if !q.Exact() {
					claim.Roundings++
				}
			}
			proof, err := ProveClaim(context.Background(), claim, ck, cks[1])
			if err != nil || !proof.Holds() {
				t.Errorf("%s, %s: %v\n%s", name, what, err, proof)
			}
			wrong := p.Clone()
			i := slices.IndexFunc(wrong.Layers, func(l expand.LayerFrom) bool { return !l.Silent })
			wrong.Layers[i].Silent = true
			if proof, err := ProveClaim(context.Background(), ClaimOf(wrong), ck, cks[1]); err != nil || proof.Holds() {
				t.Errorf("%s, %s: proved without a layer: %v", name, what, err)
			}
		}
		if n == 0 {
			t.Errorf("%s: no model grows so", what)
		}
	}
}

package verify

import (
	"context"
	"strings"
	"testing"

	"famkit/expand"
	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	pt "famkit/internal/proof/prooftest"
	"famkit/internal/tensor"
)

// otherLayouts stores a checkpoint in the other ways that loaders know: without the names' prefix, the tied embedding
// under the head's name, the experts of a layer in one tensor.
func otherLayouts(t *testing.T, ck *arch.Checkpoint) map[string]format.Source {
	t.Helper()
	named := func(other func(string) string) format.Source {
		out, err := archtest.Redescribe(ck.Source, func(info *tensor.Info) { info.Name = other(info.Name) })
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	out := map[string]format.Source{}
	if p := ck.Model.Spec.Prefix; p != "" {
		out["bare"] = named(func(name string) string { return strings.TrimPrefix(name, p) })
	}
	if embed, ok := ck.Find(arch.Embed, -1); ok && ck.Model.Tied {
		head := ""
		for _, s := range ck.Model.Spec.Head {
			if s.Role == arch.Head {
				head = s.Name
			}
		}
		out["head"] = named(func(name string) string {
			if name == embed.Info().Name {
				return head
			}
			return name
		})
	}
	if ck.Model.MoE != nil {
		stacked, err := archtest.Stacked(ck)
		if err != nil {
			t.Fatal(err)
		}
		out["stacked"] = stacked
	}
	return out
}

// TestOtherLayouts: every check works on a parent, and on a child, whatever names its tensors are stored under.
func TestOtherLayouts(t *testing.T) {
	seen := map[string]int{}
	for _, name := range sorted(archtest.Configs) {
		config := archtest.Configs[name]
		ck := pt.Random(t, 4, config, tensor.F32)
		r := expand.Request{Depth: pt.Size(t, "+1"), Seed: 1}
		for what, parent := range otherLayouts(t, ck) {
			plan, child := pt.Grow(t, pt.Bind(t, parent), r)
			children := otherLayouts(t, child)
			children["usual"] = child.Source
			for how, other := range children {
				o := Options{Tokens: 16, Precisions: []string{"f64"}}
				followed := plan
				if how != "usual" { // its plan names the tensors as famkit writes them
					followed, o.Claim = nil, ClaimOf(plan)
				}
				report, err := Models(context.Background(), parent, other, followed, o)
				if err != nil {
					t.Fatalf("%s, parent %s, child %s: %v", name, what, how, err)
				}
				// transformers 4 cannot load a head that stands for the embedding: a child must not be the first to need it
				if report.Equal != (how != "head" || what != "bare") {
					t.Errorf("%s, parent %s, child %s: %+v", name, what, how, report.Checks)
				}
				seen[what]++
			}
		}
	}
	for _, what := range []string{"bare", "head", "stacked"} {
		if seen[what] == 0 {
			t.Errorf("no parent was stored %s", what)
		}
	}
}

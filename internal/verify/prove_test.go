package verify

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"famkit/expand"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/growth"
	"famkit/internal/proof"
	pt "famkit/internal/proof/prooftest"
	"famkit/internal/tensor"
)

func prove(t testing.TB, plan *growth.Plan, parent, child *arch.Checkpoint) *proof.Proof {
	t.Helper()
	return judged(t, ClaimOf(plan), parent, child)
}

func judged(t testing.TB, claim *proof.Claim, parent, child *arch.Checkpoint) *proof.Proof {
	t.Helper()
	p, err := proof.Prove(context.Background(), claim, parent, child, proof.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// text lists what a proof says of each condition.
func text(p *proof.Proof) string {
	var b strings.Builder
	for _, c := range p.Conditions {
		fmt.Fprintf(&b, "%s: %s (%d), %.2f ulp at %s", c.Name, c.Verdict, c.Checked, c.WorstULP, c.Where)
		if c.Counter != nil {
			fmt.Fprintf(&b, " %+v", *c.Counter)
		}
		b.WriteString("\n")
	}
	return b.String() + strings.Join(p.Notes, "\n")
}

// TestProveGrowths: every growth of every architecture is proved, exactly where its plan says that nothing is rounded.
func TestProveGrowths(t *testing.T) {
	n := 0
	for _, name := range sorted(archtest.Configs) {
		config := archtest.Configs[name]
		for _, d := range []tensor.DType{tensor.F32, tensor.BF16, tensor.F64} {
			ck := pt.Random(t, 1, config, d)
			for i, sizes := range growths {
				r := request(t, uint64(i), placeOf(i, sizes), sizes)
				if _, err := expand.Compile(ck, r); err != nil {
					continue
				}
				plan, child := pt.Grow(t, ck, r)
				p := prove(t, plan, ck, child)
				if !p.Holds() {
					t.Errorf("%s %s %v: refused:\n%s", name, d, sizes, text(p))
					continue
				}
				if plan.Exact() != (p.Verdict == proof.Exact) {
					t.Errorf("%s %s %v: %s, but the plan rounds %v:\n%s", name, d, sizes, p.Verdict, plan.Rounding, text(p))
				}
				n++
			}
		}
	}
	if n < 1000 {
		t.Errorf("only %d growths were proved, the test shows too little", n)
	}
	t.Logf("%d growths proved", n)
}

// expertRequests are growths that make or copy experts.
func expertRequests(t testing.TB) map[string]expand.Request {
	size := func(s string) expand.Change { return pt.Size(t, s) }
	return map[string]expand.Request{
		"upcycle": {Experts: size("4"), TopK: size("2")},
		"upcycle, wider": {Experts: size("3"), TopK: size("2"), Hidden: size("x1.5"), FFN: size("x1.5"),
			Depth: size("+1")},
		"upcycle in shards": {Experts: size("8"), TopK: size("4"), Shards: 2},
		"shards and depth":  {Experts: size("4"), TopK: size("2"), Shards: 2, Depth: size("2x"), Hidden: size("2x")},
		"copies of experts": {Experts: size("2x"), Width: size("2x")},
		"upcycle, pairs":    {Experts: size("4"), TopK: size("2"), Depth: size("+1"), Pairs: true, FFN: size("x1.5")},
		"shards, pairs": {Experts: size("8"), TopK: size("4"), Shards: 2, Depth: size("2x"), Pairs: true, Fresh: true,
			Hidden: size("2x")},
		"expert neurons": {ExpertFFN: size("x1.5"), Methods: []string{"fresh"}},
	}
}

// TestProveEveryMethod: every exact method on every model, every way of sharing, is proved.
func TestProveEveryMethod(t *testing.T) {
	done := 0
	all := axisRequests(t)
	for what, r := range expertRequests(t) {
		all[what] = r
	}
	for _, name := range sorted(archtest.Configs) {
		config := archtest.Configs[name]
		for i, d := range []tensor.DType{tensor.F32, tensor.BF16, tensor.F64} {
			ck := pt.Random(t, 4, config, d)
			for _, what := range sorted(all) {
				r := all[what]
				r.Split, r.Seed = growth.Splits[(done+i)%len(growth.Splits)], uint64(done)
				if _, err := expand.Compile(ck, r); err != nil {
					continue
				}
				plan, child := pt.Grow(t, ck, r)
				p := prove(t, plan, ck, child)
				if !p.Holds() {
					t.Errorf("%s %s, %s, %s: refused:\n%s", name, d, what, r.Split, text(p))
				}
				if plan.Exact() && p.Verdict != proof.Exact {
					t.Errorf("%s %s, %s, %s: %s, but the plan rounds nothing:\n%s", name, d, what, r.Split, p.Verdict, text(p))
				}
				done++
			}
		}
	}
	if done < 1000 {
		t.Errorf("only %d growths were proved, the test shows too little", done)
	}
	t.Logf("%d growths proved", done)
}

// TestProveRefusesInexact: what changes the function on purpose is not proved.
func TestProveRefusesInexact(t *testing.T) {
	size := func(s string) expand.Change { return pt.Size(t, s) }
	for what, r := range map[string]expand.Request{
		"halve":           {Depth: size("2x"), Methods: []string{"halve"}},
		"stack":           {Depth: size("2x"), Methods: []string{"stack"}},
		"solar":           {Depth: size("+1"), Methods: []string{"solar"}},
		"interpolate":     {Depth: size("2x"), Methods: []string{"interpolate"}},
		"fpi":             {Hidden: size("2x"), Methods: []string{"fpi"}},
		"aki":             {FFN: size("2x"), Depth: size("2x"), Methods: []string{"aki"}},
		"aki-pro":         {Hidden: size("2x"), Depth: size("2x"), Methods: []string{"aki-pro"}},
		"rope":            {Rope: "linear:2"},
		"drop-upcycling":  {Experts: size("4"), TopK: size("2"), Methods: []string{"drop-upcycle"}},
		"qk norm and dim": {HeadDim: size("2x"), AllowInexact: true},
	} {
		model := "llama"
		if r.AllowInexact {
			model = "qwen3"
		}
		ck := pt.Random(t, 4, archtest.Configs[model], tensor.F64)
		plan, child := pt.Grow(t, ck, r)
		if p := prove(t, plan, ck, child); p.Holds() {
			t.Errorf("%s: %s:\n%s", what, p.Verdict, text(p))
		}
	}
}

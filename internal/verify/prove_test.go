package verify

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"famkit/expand"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/tensor"
)

func prove(t testing.TB, plan *expand.Plan, parent, child *arch.Checkpoint) *Proof {
	t.Helper()
	p, err := Prove(context.Background(), plan, parent, child)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *Proof) String() string {
	var b strings.Builder
	for _, c := range p.Conditions {
		fmt.Fprintf(&b, "%s: %s (%d), %.2f ulp at %s", c.Name, c.Verdict, c.Checked, c.WorstULP, c.Where)
		if c.Counter != nil {
			fmt.Fprintf(&b, " %+v", *c.Counter)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// TestProveGrowths: every growth of every architecture is proved, exactly where its plan says that nothing is rounded.
func TestProveGrowths(t *testing.T) {
	n := 0
	for name, config := range archtest.Configs {
		for _, d := range []tensor.DType{tensor.F32, tensor.BF16, tensor.F64} {
			ck := random(t, 1, config, d)
			for i, sizes := range growths {
				r := request(t, uint64(i), []expand.Place{expand.Interleave, expand.Top, expand.Bottom}[i%3], sizes)
				if _, err := expand.Compile(ck, r); err != nil {
					continue
				}
				plan, child := grow(t, ck, r)
				p := prove(t, plan, ck, child)
				if !p.Holds() {
					t.Errorf("%s %s %v: refused:\n%s", name, d, sizes, p)
					continue
				}
				if plan.Exact() != (p.Verdict == Exact) {
					t.Errorf("%s %s %v: %s, but the plan rounds %v:\n%s", name, d, sizes, p.Verdict, plan.Rounding, p)
				}
				n++
			}
		}
	}
	t.Logf("%d growths proved", n)
}

package proof_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"famkit/internal/arch"
	"famkit/internal/proof"
	"famkit/internal/proof/prooftest"
)

// judged proves a claim.
func judged(t testing.TB, claim *proof.Claim, parent, child *arch.Checkpoint) *proof.Proof {
	t.Helper()
	p, err := proof.Prove(context.Background(), claim, parent, child, proof.Options{})
	if err != nil {
		t.Fatal(err)
	}
	export(t, p, parent, child)
	return p
}

// kept is the claim that every layer is the parent's.
func kept(m *arch.Model) *proof.Claim {
	c := &proof.Claim{Maps: map[arch.Axis]proof.Map{}}
	for i := range m.Layers {
		c.Layers = append(c.Layers, i)
	}
	return c
}

// mustHold: a sound child is proved.
func mustHold(t *testing.T, claim *proof.Claim, parent, child *arch.Checkpoint) *proof.Proof {
	t.Helper()
	p := judged(t, claim, parent, child)
	if !p.Holds() {
		t.Errorf("a sound child is refused:\n%s", text(p))
	}
	return p
}

// mustRefuse: a child that computes something else is not proved. That it does is part of the test.
func mustRefuse(t *testing.T, claim *proof.Claim, parent, child *arch.Checkpoint) {
	t.Helper()
	d := prooftest.Distance(t, parent, child)
	if !(d > 1e-4) {
		t.Fatalf("the test itself moves the logits by only %.1e of the largest", d)
	}
	if p := judged(t, claim, parent, child); p.Holds() {
		t.Errorf("%s, though the logits differ by %.3g of the largest:\n%s", p.Verdict, d, text(p))
	}
}

// mustRefuseUnseen is mustRefuse of what the plain engine cannot see: what overflows in shorter arithmetic, say.
func mustRefuseUnseen(t *testing.T, claim *proof.Claim, parent, child *arch.Checkpoint) {
	t.Helper()
	if p := judged(t, claim, parent, child); p.Holds() {
		t.Errorf("%s:\n%s", p.Verdict, text(p))
	}
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
	return b.String() + p.Bound + "\n" + strings.Join(p.Notes, "\n")
}

// upTo lists the numbers below n.
func upTo(n int32) []int32 {
	var out []int32
	for i := range n {
		out = append(out, i)
	}
	return out
}

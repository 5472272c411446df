package verify

import (
	"context"
	"testing"

	"famkit/expand"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/infer"
	"famkit/internal/proof"
	pt "famkit/internal/proof/prooftest"
	"famkit/internal/tensor"
)

// inferred proves a child by the maps that are found in the weights.
func inferred(t *testing.T, parent, child *arch.Checkpoint) *proof.Proof {
	t.Helper()
	claim, err := infer.Claim(context.Background(), parent, child)
	if err != nil {
		t.Fatal(err)
	}
	p, err := proof.Prove(context.Background(), claim, parent, child, proof.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestInfer: the maps of every growth by copies, padding, fresh parts and identity blocks are found from the weights
// alone, and the proof holds as it does with the plan.
func TestInfer(t *testing.T) {
	requests := map[string]expand.Request{}
	for i, sizes := range growths {
		requests[string(rune('a'+i))] = request(t, uint64(i), expand.Interleave, sizes)
	}
	for what, r := range axisRequests(t) {
		requests[what] = r
	}
	for what, r := range expertRequests(t) {
		requests[what] = r
	}
	done := 0
	for _, name := range sorted(archtest.Configs) {
		config := archtest.Configs[name]
		for _, d := range []tensor.DType{tensor.F32, tensor.BF16} {
			ck := pt.Random(t, 4, config, d)
			for _, what := range sorted(requests) {
				r := requests[what]
				r.Seed = uint64(done)
				if _, err := expand.Compile(ck, r); err != nil {
					continue
				}
				plan, child := pt.Grow(t, ck, r)
				p := inferred(t, ck, child)
				if want := prove(t, plan, ck, child).Verdict; p.Verdict != want {
					t.Errorf("%s %s, %s %+v: %s, with the plan %s:\n%s", name, d, what, r, p.Verdict, want, text(p))
				}
				done++
			}
		}
	}
	t.Logf("%d growths inferred", done)
}

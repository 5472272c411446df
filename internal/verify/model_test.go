package verify

import (
	"strings"
	"testing"

	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	pt "famkit/internal/proof/prooftest"
	"famkit/internal/tensor"
)

// TestModelDifferences: what differs between any two architectures is said without a structure of the program.
func TestModelDifferences(t *testing.T) {
	models := map[string]*arch.Model{}
	for name, config := range archtest.Configs {
		models[name] = pt.Random(t, 1, config, tensor.F32).Model
	}
	n := 0
	for a, want := range models {
		for b, got := range models {
			for _, d := range modelDifferences(want, got) {
				n++
				if strings.ContainsAny(d, "{}&") || strings.Contains(d, "0x") || strings.Contains(d, "<nil>") || len(d) > 200 {
					t.Errorf("%s and %s: %s", a, b, d)
				}
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d differences", n)
	}
}

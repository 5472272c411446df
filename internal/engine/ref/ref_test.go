package ref_test

import (
	"testing"

	"famkit/internal/engine"
	"famkit/internal/engine/enginetest"
	"famkit/internal/engine/ref"
)

func TestConformance(t *testing.T) { enginetest.RunAll(t, ref.New, 1e-13) }

func TestRefusesOtherPrecision(t *testing.T) {
	if _, err := ref.New(engine.Options{Precision: engine.BFloat16}); err == nil {
		t.Error("bfloat16 products were accepted")
	}
}

package cpu_test

import (
	"testing"

	"famkit/internal/engine"
	"famkit/internal/engine/cpu"
	"famkit/internal/engine/enginetest"
	_ "famkit/internal/engine/ref"
	"famkit/internal/kern"
)

// Every path of the kernels passes the conformance suite.
func TestConformance(t *testing.T) {
	for _, p := range kern.Available() {
		t.Run(string(p), func(t *testing.T) {
			k, err := kern.For(p)
			if err != nil {
				t.Fatal(err)
			}
			create := func(o engine.Options) (engine.Engine, error) { return cpu.NewWith(k, o) }
			enginetest.RunAll(t, create, 1e-5)
		})
	}
}

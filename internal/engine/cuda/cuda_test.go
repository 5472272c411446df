package cuda_test

import (
	"os"
	"testing"

	"famkit/internal/engine"
	"famkit/internal/engine/cuda"
	"famkit/internal/engine/cuda/cudatest"
	"famkit/internal/engine/enginetest"
	_ "famkit/internal/engine/ref"
)

// fakes says why the libraries for tests are not there.
var fakes = cudatest.Use()

func newEngine(t testing.TB, p engine.Precision) engine.Engine {
	t.Helper()
	needFakes(t)
	e, err := cuda.New(engine.Options{Precision: p})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func needFakes(t testing.TB) {
	t.Helper()
	if !cgoEnabled {
		t.Skip("built without cgo")
	}
	if fakes != nil {
		t.Skip(fakes)
	}
}

// TestConformance runs the kernels that are shipped on the processor, in both precisions.
func TestConformance(t *testing.T) {
	for _, p := range []engine.Precision{engine.Float32, engine.BFloat16} {
		t.Run(string(p), func(t *testing.T) { enginetest.Run(t, newEngine(t, p), 1e-5) })
	}
}

func TestMain(m *testing.M) { os.Exit(m.Run()) }

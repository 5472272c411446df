// Package enginetest runs the checks of package conform as tests.
package enginetest

import (
	"fmt"
	"testing"

	"famkit/internal/engine"
	"famkit/internal/engine/conform"
)

// RunAll checks the engines that create makes with 1, 2 and 3 threads, in short mode with 3. Results may differ from
// the expected ones by tol times the largest number in their buffer. The test must import the reference engine.
func RunAll(t *testing.T, create func(engine.Options) (engine.Engine, error), tol float64) {
	all := []int{1, 2, 3}
	if testing.Short() { // for the race detector, which is slow
		all = []int{3}
	}
	for _, threads := range all {
		t.Run(fmt.Sprintf("threads=%d", threads), func(t *testing.T) {
			e, err := create(engine.Options{Threads: threads})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := e.Close(); err != nil {
					t.Error(err)
				}
			}()
			Run(t, e, tol)
		})
	}
}

// Run checks one engine.
func Run(t *testing.T, e engine.Engine, tol float64) {
	oracle, err := engine.New("ref", engine.Options{})
	if err != nil {
		t.Fatalf("the test must import the reference engine: %v", err)
	}
	defer func() { _ = oracle.Close() }()
	for _, c := range conform.All(e.Spec(), testing.Short()) {
		t.Run(c.Name, func(t *testing.T) { c.Run(t, e, oracle, tol) })
	}
}

//go:build !linux || !cgo

package cuda

import (
	"runtime"

	"famkit/internal/engine"
)

// unusable says why the engine cannot run here.
func unusable() string {
	if runtime.GOOS != "linux" {
		return "it runs on linux only, this famkit is for " + runtime.GOOS
	}
	return "this famkit was built without cgo, so it cannot open CUDA's libraries"
}

// New gives an Unavailable error.
func New(engine.Options) (engine.Engine, error) {
	return nil, &engine.Unavailable{Engine: Name, Why: unusable()}
}

func look() []engine.Finding {
	return []engine.Finding{{What: "CUDA", Refused: unusable()}}
}

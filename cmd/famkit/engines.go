package main

// The engines register themselves.
import (
	_ "famkit/internal/engine/cpu"
	_ "famkit/internal/engine/ref"
)

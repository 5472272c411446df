package main

import (
	"famkit/internal/engine"
	// The engines register themselves.
	_ "famkit/internal/engine/cpu"
	_ "famkit/internal/engine/ref"
)

// engineFlag chooses among the engines that this program has.
func engineFlag(value string) choiceFlag {
	names := []string{"auto"}
	for _, c := range engine.Candidates() {
		names = append(names, c.Name)
	}
	return choice("engine", value, "what computes; auto is the fastest that runs here", names...)
}

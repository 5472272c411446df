package main

import (
	"slices"

	"famkit/internal/engine"
	// The engines register themselves.
	_ "famkit/internal/engine/cpu"
	_ "famkit/internal/engine/cuda"
	_ "famkit/internal/engine/ref"
)

// engineFlag chooses among the engines that this program has.
func engineFlag(value string) choiceFlag {
	var names []string
	for _, c := range engine.Candidates() {
		names = append(names, c.Name)
	}
	slices.Sort(names) // the order of candidates depends on the machine
	f := choice("engine", value, "what computes; auto is the fastest of the processor's, cuda is an NVIDIA GPU",
		append([]string{"auto"}, names...)...)
	f.Aliases = []string{"device"}
	return f
}

package engine

import (
	"fmt"
	"sort"
	"strings"
)

var candidates []Candidate

// Register adds an engine; call it from the engine package's init.
func Register(c Candidate) { candidates = append(candidates, c) }

// Candidates lists the registered engines, best score first.
func Candidates() []Candidate {
	out := append([]Candidate(nil), candidates...)
	sort.SliceStable(out, func(i, j int) bool { return score(out[i]) > score(out[j]) })
	return out
}

func score(c Candidate) int { s, _ := c.Score(); return s }

// New creates the named engine, or the best usable one where name is "" or "auto".
func New(name string, o Options) (Engine, error) {
	var names []string
	for _, c := range Candidates() {
		names = append(names, c.Name)
		if name != "" && name != "auto" && name != c.Name {
			continue
		}
		if s, why := c.Score(); s == 0 {
			if name == c.Name {
				return nil, fmt.Errorf("engine %s cannot run here: %s", name, why)
			}
			continue
		}
		return c.Create(o)
	}
	return nil, fmt.Errorf("no engine %q (have %s)", name, strings.Join(names, ", "))
}

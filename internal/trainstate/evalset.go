package trainstate

import (
	"path/filepath"
	"regexp"
	"strings"
)

// EvalSet is held-out data with a name.
type EvalSet struct{ Name, Path string }

// evalName is what a set may be called.
var evalName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// ParseEvalSet reads NAME=PATH, or a path alone: its set is called as the file is, without endings.
func ParseEvalSet(s string) EvalSet {
	if name, path, ok := strings.Cut(s, "="); ok && path != "" && evalName.MatchString(name) {
		return EvalSet{name, path}
	}
	name, _, _ := strings.Cut(filepath.Base(filepath.Clean(s)), ".")
	if !evalName.MatchString(name) {
		name = "eval"
	}
	return EvalSet{name, s}
}

// EvalSets are the sets that a training evaluates on, the first one first.
func (s *Settings) EvalSets() []EvalSet {
	var list []EvalSet
	if s.Eval != "" {
		list = append(list, ParseEvalSet(s.Eval))
	}
	for _, more := range s.MoreEval {
		list = append(list, ParseEvalSet(more))
	}
	return list
}

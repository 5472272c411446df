package trainstate

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseEvalSet(t *testing.T) {
	for s, want := range map[string]EvalSet{
		"code=src/held.txt":  {"code", "src/held.txt"},
		"src/held-out.txt":   {"held-out", "src/held-out.txt"},
		"src/held.jsonl.gz":  {"held", "src/held.jsonl.gz"},
		"dir/":               {"dir", "dir/"},
		".hidden":            {"eval", ".hidden"},
		"/a=b/c":             {"c", "/a=b/c"},
		"wiki=/a=b.txt":      {"wiki", "/a=b.txt"},
		"name=":              {"eval", "name="},
		"two words=file.txt": {"eval", "two words=file.txt"},
	} {
		if got := ParseEvalSet(s); got != want {
			t.Errorf("%q: %+v, want %+v", s, got, want)
		}
	}
}

func TestEvalSets(t *testing.T) {
	s := Defaults()
	if s.EvalSets() != nil {
		t.Error("sets where none are named")
	}
	s.Eval, s.MoreEval = "a.txt", []string{"code=b.txt"}
	if want := []EvalSet{{"a", "a.txt"}, {"code", "b.txt"}}; !reflect.DeepEqual(s.EvalSets(), want) {
		t.Errorf("%+v, want %+v", s.EvalSets(), want)
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	s.MoreEval = []string{"a=b.txt"}
	if err := s.Check(); err == nil || !strings.Contains(err.Error(), `"a"`) {
		t.Errorf("two sets of one name: %v", err)
	}
	// Further sets go with the first: whoever names any names all.
	was := Defaults()
	was.Eval, was.MoreEval = "x", []string{"y"}
	s.Inherit(&was, func(name string) bool { return name == "eval" })
	if s.Eval != "a.txt" || len(s.MoreEval) != 1 {
		t.Errorf("inherited %q and %q though sets were given", s.Eval, s.MoreEval)
	}
	s.Inherit(&was, func(string) bool { return false })
	if s.Eval != "x" || !reflect.DeepEqual(s.MoreEval, []string{"y"}) {
		t.Errorf("inherited %q and %q", s.Eval, s.MoreEval)
	}
}

package deps

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "famkit"

// pkg is what one folder imports, whatever the build tags of its files are.
type pkg struct {
	imports, testImports []string
}

func TestImportGraph(t *testing.T) {
	graph := readModule(t, "../..")
	if len(graph) < 5 {
		t.Fatalf("found only %d packages: is the path to the module right?", len(graph))
	}
	for _, f := range check(graph) {
		t.Error(f)
	}
}

// TestRulesBite feeds the checker graphs that break one rule each.
func TestRulesBite(t *testing.T) {
	cases := []struct {
		name, want string
		graph      map[string]pkg
	}{
		{"sound", "", map[string]pkg{"format": {imports: []string{"fmt", "famkit/internal/tensor",
			"famkit/internal/fault"}}}},
		{"upward import", "format may not import internal/arch",
			map[string]pkg{"format": {imports: []string{"famkit/internal/arch"}}}},
		{"unplaced package", "internal/helpers has no place", map[string]pkg{"internal/helpers": {}}},
		{"third party in the wrong room", "expand may not import github.com/nlpodyssey/spago/ag",
			map[string]pkg{"expand": {imports: []string{"github.com/nlpodyssey/spago/ag"}}}},
		{"unknown module", "train may not import example.org/x",
			map[string]pkg{"train": {testImports: []string{"example.org/x"}}}},
		{"test-only module in the program", "cmd/famkit may not import github.com/rogpeppe/go-internal/testscript",
			map[string]pkg{"cmd/famkit": {imports: []string{"github.com/rogpeppe/go-internal/testscript"}}}},
		{"test-only module in a test", "", map[string]pkg{"cmd/famkit": {testImports: []string{"github.com/rogpeppe/go-internal/testscript"}}}},
		{"cgo outside its rooms", "expand may not use cgo", map[string]pkg{"expand": {imports: []string{"C"}}}},
		{"an engine reached indirectly", "expand reaches internal/engine", map[string]pkg{
			"expand": {imports: []string{"famkit/format"}}, "format": {imports: []string{"famkit/internal/engine"}},
			"internal/engine": {}}},
		{"a proof that reaches the compiler", "internal/proof reaches expand", map[string]pkg{
			"internal/proof": {imports: []string{"famkit/internal/arch"}}, "internal/arch": {imports: []string{"famkit/expand"}},
			"expand": {}}},
		{"a module whose name only begins alike", "format may not import github.com/nlpodyssey/safetensorsx",
			map[string]pkg{"format": {imports: []string{"github.com/nlpodyssey/safetensorsx"}}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Join(check(c.graph), "\n")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got %q, wanted %q", got, c.want)
			}
		})
	}
}

// check gives one sentence for each broken rule.
func check(graph map[string]pkg) []string {
	var found []string
	for dir, p := range graph {
		allowed, placed := rulesFor(dir)
		if !placed {
			found = append(found, dir+" has no place in rules_test.go and docs/architecture.md")
		}
		for _, imp := range p.imports {
			if own, ok := ownPath(imp); ok {
				if placed && dir != "cmd/famkit" && own != "internal/fault" && own != dir && !matches(allowed, own) {
					found = append(found, fmt.Sprintf("%s may not import %s", dir, own))
				}
			} else if !outside(imp, dir, false) {
				found = append(found, fmt.Sprintf("%s may not %s", dir, verb(imp)))
			}
		}
		for _, imp := range p.testImports {
			if _, ok := ownPath(imp); !ok && !outside(imp, dir, true) {
				found = append(found, fmt.Sprintf("%s may not %s, not even in a test", dir, verb(imp)))
			}
		}
	}
	for _, dir := range engineFree {
		for _, reached := range reach(graph, dir) {
			if strings.HasPrefix(reached, "internal/engine") || reached == "internal/decoder" {
				found = append(found, fmt.Sprintf("%s reaches %s", dir, reached))
			}
		}
	}
	for dir, judged := range independent {
		for _, reached := range reach(graph, dir) {
			if slices.Contains(judged, reached) {
				found = append(found, fmt.Sprintf("%s reaches %s, which it judges", dir, reached))
			}
		}
	}
	slices.Sort(found)
	return found
}

func verb(imp string) string {
	if imp == "C" {
		return "use cgo"
	}
	return "import " + imp
}

// rulesFor gives what dir may import, and whether the rules know dir at all.
func rulesFor(dir string) ([]string, bool) {
	if dir == "cmd/famkit" {
		return nil, true
	}
	if allowed, ok := mayImport[dir]; ok {
		return allowed, true
	}
	for d := dir; d != "."; d = path.Dir(d) {
		if allowed, ok := mayImport[d+"/..."]; ok {
			return allowed, true
		}
	}
	return nil, false
}

// outside reports whether dir may import imp, a path that is not of this module.
func outside(imp, dir string, test bool) bool {
	if imp == "C" {
		return matches(cgo, dir)
	}
	if first, _, _ := strings.Cut(imp, "/"); !strings.Contains(first, ".") {
		return true // the standard library
	}
	for mod, rooms := range thirdParty {
		if imp == mod || strings.HasPrefix(imp, mod+"/") {
			return matches(rooms, dir) || test && matches(rooms, "test:"+dir) || test && slices.Contains(rooms, "test:*")
		}
	}
	return false
}

// matches reports whether dir is one of the patterns, or below one that ends in "/...".
func matches(patterns []string, dir string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		base, below := strings.CutSuffix(p, "/...")
		return p == dir || p == "*" || below && (dir == base || strings.HasPrefix(dir, base+"/"))
	})
}

func ownPath(imp string) (string, bool) { return strings.CutPrefix(imp, module+"/") }

// reach lists every package of this module that dir's non-test files import, directly or not.
func reach(graph map[string]pkg, dir string) []string {
	seen := map[string]bool{}
	var walk func(string)
	walk = func(d string) {
		for _, imp := range graph[d].imports {
			if own, ok := ownPath(imp); ok && !seen[own] {
				seen[own] = true
				walk(own)
			}
		}
	}
	walk(dir)
	var out []string
	for d := range seen {
		out = append(out, d)
	}
	return out
}

// readModule parses the import clauses of every Go file under root, tests apart.
func readModule(t *testing.T, root string) map[string]pkg {
	t.Helper()
	graph := map[string]pkg{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() && name != root && (strings.HasPrefix(base, ".") || base == "testdata" || base == "bin") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(base, ".go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(rel)
		p := graph[dir]
		for _, spec := range file.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if strings.HasSuffix(base, "_test.go") {
				p.testImports = append(p.testImports, imp)
			} else {
				p.imports = append(p.imports, imp)
			}
		}
		graph[dir] = p
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return graph
}

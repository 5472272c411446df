package proof

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

const (
	pageFile    = "../../docs/proof.md"
	checkerFile = "../../docs/check_proof.py"
)

// nameOnPage is how the page writes a condition's name: in bold, and spelled as a function.
var nameOnPage = regexp.MustCompile(`\*\*([a-z][A-Za-z]+)\*\*`)

// TestConditionsHaveNames: every condition that docs/proof.md names is a function of this package whose comment says
// under that name what it checks, and every condition of check_proof.py is named on the page.
func TestConditionsHaveNames(t *testing.T) {
	page, err := os.ReadFile(pageFile)
	if err != nil {
		t.Fatal(err)
	}
	functions := commented(t)
	var named []string
	for _, m := range nameOnPage.FindAllStringSubmatch(string(page), -1) {
		if name := m[1]; !slices.Contains(ordinaryWords, name) && !slices.Contains(named, name) {
			named = append(named, name)
			if bad := unnamed(functions, name); bad != "" {
				t.Errorf("proof.md names the condition %s: %s", name, bad)
			}
		}
	}
	if len(named) < 30 {
		t.Errorf("only %d conditions are found on the page: %v", len(named), named)
	}
	for _, name := range checkerConditions(t) {
		if !slices.Contains(named, camel(name)) {
			t.Errorf("check_proof.py checks %s, which proof.md does not name", name)
		}
	}
	if unnamed(functions, "numbersOfNobody") == "" || unnamed(map[string]string{"x": "y does"}, "x") == "" {
		t.Error("a condition without a function, or with another comment, passes")
	}
}

// ordinaryWords are in bold on the page and no conditions.
var ordinaryWords = []string{"claim", "every", "source", "fresh", "copies", "scale", "related", "writes", "reads",
	"exact", "different", "tied", "mean", "name", "channel"}

func unnamed(functions map[string]string, name string) string {
	switch comment, ok := functions[name]; {
	case !ok:
		return "there is no such function"
	case !strings.HasPrefix(comment, name):
		return "its comment begins otherwise: " + comment
	}
	return ""
}

// commented gives the comments of this package's functions, tests left out.
func commented(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), f, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				out[fn.Name.Name] = fn.Doc.Text()
			}
		}
	}
	return out
}

// checkerConditions lists the conditions that check_proof.py runs through.
func checkerConditions(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(checkerFile)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`for name in \(([^)]*)\)\.split\(\)`).FindSubmatch(text)
	if m == nil {
		t.Fatal("check_proof.py has no list of conditions")
	}
	names := strings.Fields(strings.ReplaceAll(string(m[1]), `"`, " "))
	if len(names) < 10 {
		t.Fatalf("check_proof.py has only the conditions %v", names)
	}
	return slices.DeleteFunc(names, func(n string) bool { return n == "numbers" })
}

// camel spells a Python name as Go does.
func camel(name string) string {
	var b strings.Builder
	up := false
	for _, r := range name {
		switch {
		case r == '_':
			up = true
		case up:
			b.WriteRune(unicode.ToUpper(r))
			up = false
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

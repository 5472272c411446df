package deps

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// opens are the functions of package os that open a file for reading. An input is opened by package infile, which waits
// for no pipe and reads no device.
var opens = []string{"Open", "ReadFile", "OpenFile"}

// openers may call them, for what is no input: their own outputs and locks, and what the system says of itself.
var openers = []string{
	"internal/infile/infile.go",
	"internal/mem/limits.go",
	"internal/interop/",
	"format/write.go", "format/temporary.go", "format/sys_other.go",
	"train/log.go",
}

func TestInputsAreOpenedInOnePlace(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir("../..", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		rel, err := filepath.Rel("../..", name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && opensFile(sel) {
				seen[rel] = true
				if !slices.ContainsFunc(openers, func(o string) bool { return strings.HasPrefix(rel, o) }) {
					t.Errorf("%s calls os.%s: package infile opens inputs", rel, sel.Sel.Name)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range openers {
		found := false
		for name := range seen {
			found = found || strings.HasPrefix(name, o)
		}
		if !found {
			t.Errorf("%s opens nothing and needs no leave to", o)
		}
	}
}

func opensFile(sel *ast.SelectorExpr) bool {
	pkg, ok := sel.X.(*ast.Ident)
	return ok && pkg.Name == "os" && slices.Contains(opens, sel.Sel.Name)
}

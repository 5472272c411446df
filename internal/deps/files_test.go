package deps

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// onDisk are the calls that open, make, change or remove files, by package. They stand in internal/disk, so that every
// failure can be tried there, and what is written goes by the rules of internal/output.
var onDisk = map[string][]string{
	"os": {"Create", "CreateTemp", "OpenFile", "Open", "OpenRoot", "OpenInRoot", "ReadFile", "WriteFile", "ReadDir",
		"DirFS", "CopyFS",
		"Mkdir", "MkdirAll", "MkdirTemp", "Rename", "Remove", "RemoveAll", "Link", "Symlink", "Truncate", "Chmod", "Chown",
		"Lchown",
		"Chtimes", "Stat", "Lstat"},
	"syscall": {"Open", "Openat", "Creat", "Rename", "Renameat", "Unlink", "Unlinkat", "Mkdir", "Rmdir", "Link", "Symlink",
		"Truncate",
		"Ftruncate", "Write", "Pwrite", "Fsync"},
	"golang.org/x/sys/unix": {"Open", "Openat", "Openat2", "Creat", "Rename", "Renameat", "Renameat2", "Unlink",
		"Unlinkat", "Mkdir",
		"Rmdir", "Link", "Symlink", "Truncate", "Ftruncate", "Fallocate", "Write", "Pwrite", "Fsync", "Fdatasync"},
	"path/filepath": {"Abs", "EvalSymlinks", "Walk", "WalkDir", "Glob"},
	"io/ioutil":     {"WriteFile", "ReadFile", "TempDir", "TempFile", "ReadDir"},
	// Inputs are opened by internal/infile, which waits for no pipe and reads no device.
	"famkit/internal/disk": {"OpenFile", "OpenRead", "ReadFile", "Move", "MoveNew", "Exchange", "HardLink"},
}

// apart may do so themselves: what looks at the machine, and checks that fill folders of their own.
var apart = map[string]string{
	"internal/disk":                 "it is the room for them",
	"internal/infile":               "opens inputs",
	"internal/output":               "writes files",
	"internal/mem":                  "reads the machine's limits, and takes what it cannot read as unlimited",
	"internal/engine/cuda":          "looks where the machine has CUDA's libraries",
	"internal/engine/cuda/cudatest": "builds libraries for tests in the folder of temporary files",
	"internal/interop/configs":      "a check, fills temporary folders with links and damaged files",
	"internal/interop/configs/...":  "likewise",
	"internal/interop/timed":        "a check, appends to a table",
}

// TestFilesAreTouchedInOneRoom looks at every file that is no test.
func TestFilesAreTouchedInOneRoom(t *testing.T) {
	seen := 0
	err := filepath.WalkDir("../..", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() && name != "../.." && (strings.HasPrefix(base, ".") || base == "testdata" || base == "bin") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(base, ".go") || strings.HasSuffix(base, "_test.go") {
			return nil
		}
		rel, err := filepath.Rel("../..", filepath.Dir(name))
		if err != nil {
			return err
		}
		seen++
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			return err
		}
		if touches := diskCalls(file); len(touches) > 0 && !isApart(filepath.ToSlash(rel)) {
			t.Errorf("%s: %s belongs into internal/disk, infile or output", name, strings.Join(touches, ", "))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 100 {
		t.Fatalf("only %d files were looked at", seen)
	}
}

func isApart(dir string) bool {
	for room := range apart {
		if matches([]string{room}, dir) {
			return true
		}
	}
	return false
}

// diskCalls lists the functions of a file that touch files, each once.
func diskCalls(file *ast.File) (found []string) {
	names := map[string]string{} // what a package is called here
	for _, spec := range file.Imports {
		imp, err := strconv.Unquote(spec.Path.Value)
		if err != nil || onDisk[imp] == nil {
			continue
		}
		name := imp[strings.LastIndex(imp, "/")+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = imp
	}
	ast.Inspect(file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && slices.Contains(onDisk[names[x.Name]], sel.Sel.Name) {
			if call := x.Name + "." + sel.Sel.Name; !slices.Contains(found, call) {
				found = append(found, call)
			}
		}
		return true
	})
	return found
}

// TestDiskCallsAreSeen: the search finds calls and values, under other names of the package too, and nothing else.
func TestDiskCallsAreSeen(t *testing.T) {
	for code, want := range map[string]string{
		`import "os"; func f() { os.Create("x") }`:                  "os.Create",
		`import "os"; var open = os.OpenFile`:                       "os.OpenFile",
		`import o "os"; func f() { o.Rename("x", "y") }`:            "o.Rename",
		`import "golang.org/x/sys/unix"; var f = unix.Renameat2`:    "unix.Renameat2",
		`import "famkit/internal/disk"; var f = disk.ReadFile`:      "disk.ReadFile",
		`import "os"; func f() { os.Getenv("x"); _ = os.ErrExist }`: "",
		`func f(os interface{ Create() }) { os.Create() }`:          "",
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x; "+code, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(strings.Join(diskCalls(file), " ")); got != want {
			t.Errorf("%s: found %q, want %q", code, got, want)
		}
	}
}

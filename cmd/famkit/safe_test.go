package main

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"famkit/internal/fault"
)

// evil is what a file could hold in any place of its text.
const evil = "x\x1b[2J\x1b]0;owned\x07\nfamkit: all checks passed\u009b31m\u202e\x7f"

func TestNothingFromAFileIsObeyed(t *testing.T) {
	for name, show := range map[string]func(u *ui){
		"text": func(u *ui) { _ = u.answer(evil, func(w io.Writer) { say(w, "%s\n", evil) }) },
		"raw text": func(u *ui) {
			_ = u.answer(evil, func(w io.Writer) { _, _ = io.WriteString(w, strings.ReplaceAll(evil, "\n", "")+"\n") })
		},
		"JSON":       func(u *ui) { u.json = true; _ = u.answer(map[string]string{evil: evil}, nil) },
		"row":        func(u *ui) { _ = u.lastRow(evil) },
		"note":       func(u *ui) { u.note("%s", evil) },
		"warning":    func(u *ui) { u.warn("%s", evil) },
		"error":      func(u *ui) { u.exit(t.Context(), errors.New(evil)) },
		"hint":       func(u *ui) { u.exit(t.Context(), fault.Hint(fault.Inputf("%s", evil), "%s", evil)) },
		"JSON error": func(u *ui) { u.json = true; u.exit(t.Context(), fault.Inputf("%s", evil)) },
	} {
		var out, errw bytes.Buffer
		show(newUI(&out, &errw))
		text := out.String() + errw.String()
		if !strings.Contains(text, "all checks passed") || strings.ContainsAny(text, "\x1b\x07\x7f\u009b\u202e") ||
			strings.Contains(text, "\nfamkit: all") {
			t.Errorf("%s: %q", name, text)
		}
	}
}

// TestDecodedTextIsKept: the answer of tokenizer decode is text that a program may read, byte by byte.
func TestDecodedTextIsKept(t *testing.T) {
	var out bytes.Buffer
	newUI(&out, io.Discard).plainText(evil)
	if out.String() != evil {
		t.Errorf("%q", out.String())
	}
}

// TestOutputGoesThroughSay looks for prints that could let a name through: fmt.Fprint* to anything but a text that is
// being built.
func TestOutputGoesThroughSay(t *testing.T) {
	allowed := map[string]bool{ // function: it prints only words of the program, or what is printable already
		"say": true, "exit": true, "draw": true, "clear": true, "set": true, "signalContext": true, "helpCommand": true,
	}
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || len(call.Args) == 0 {
					return true
				}
				if sel, ok := call.Fun.(*ast.SelectorExpr); !ok || !strings.HasPrefix(sel.Sel.Name, "Fprint") {
					return true
				}
				seen++
				if !allowed[f.Name.Name] && !builds(call.Args[0]) {
					t.Errorf("%s prints without say", f.Name.Name)
				}
				return true
			})
		}
	}
	if seen < 5 {
		t.Errorf("found %d prints: does the test look at the sources?", seen)
	}
}

// builds reports whether w is a builder: b or &b.
func builds(w ast.Expr) bool {
	if u, ok := w.(*ast.UnaryExpr); ok {
		w = u.X
	}
	id, ok := w.(*ast.Ident)
	return ok && id.Name == "b"
}

package main

import (
	"strings"
	"testing"
)

func TestTally(t *testing.T) {
	pass := `{"Action":"pass","Package":"p","Test":"TestA"}`
	fail := `{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:9: wanted 1\n"}
{"Action":"fail","Package":"p","Test":"TestB"}
{"Action":"fail","Package":"p"}`
	cases := []struct {
		name, in, line, shows string
		ok                    bool
	}{
		{"all pass", pass + "\n" + `{"Action":"pass","Package":"p"}`, "1 passed, 0 failed", "", true},
		{"a skip is counted apart", pass + "\n" + `{"Action":"skip","Package":"p","Test":"TestC"}`,
			"1 passed, 0 failed, 1 skipped", "", true},
		{"a failed test shows its output", pass + "\n" + fail, "1 passed, 1 failed", "b_test.go:9: wanted 1", false},
		{"a package that does not build", pass + "\n" + `{"ImportPath":"q","Action":"build-output","Output":"q.go:1: syntax error\n"}
{"Action":"fail","Package":"q"}`, "1 passed, 1 failed", "syntax error", false},
		{"a crash shows the test that was running", `{"Action":"output","Package":"p","Test":"TestD","Output":"panic: out of range\n"}
{"Action":"fail","Package":"p"}`, "0 passed, 1 failed", "panic: out of range", false},
		{"nothing ran", `{"Action":"skip","Package":"p"}`, "0 passed, 0 failed", "", false},
		{"go's own complaint", "no required module\n" + pass, "1 passed, 0 failed", "no required module", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			got, err := tally(strings.NewReader(c.in), &out)
			if err != nil {
				t.Fatal(err)
			}
			if got.line() != c.line || got.ok() != c.ok || !strings.Contains(out.String(), c.shows) {
				t.Errorf("got %q ok=%v showing %q, wanted %q ok=%v showing %q", got.line(), got.ok(), out.String(), c.line, c.ok,
					c.shows)
			}
		})
	}
}

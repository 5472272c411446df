// Command tally reads `go test -json` on standard input, shows what go test would show, and closes with
// one line that counts the tests: "N passed, N failed" (", N skipped" where there are any). It exits 1
// when a test failed, when a package did not build, or when nothing ran.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"famkit/internal/output"
)

// event is one line of `go test -json`; build-output and build-fail lines carry ImportPath instead of Package.
type event struct {
	Action, Package, ImportPath, Test, Output string
}

// counts is what the closing line says. Broken are packages that failed with no failed test to show for it.
type counts struct {
	passed, failed, skipped, broken int
}

func main() {
	out := flag.String("o", "", "also write the closing line to `FILE`")
	flag.Parse()
	c, err := tally(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "tally:", err)
		os.Exit(1)
	}
	fmt.Println(c.line())
	if *out != "" {
		if err := output.Write(*out, []byte(c.line()+"\n"), output.Replace); err != nil {
			fmt.Fprintln(os.Stderr, "tally:", err)
			os.Exit(1)
		}
	}
	if !c.ok() {
		os.Exit(1)
	}
}

func (c counts) ok() bool { return c.failed+c.broken == 0 && c.passed > 0 }

// line counts a broken package as one failure, so that the line never reads as a success.
func (c counts) line() string {
	s := fmt.Sprintf("%d passed, %d failed", c.passed, c.failed+c.broken)
	if c.skipped > 0 {
		s += fmt.Sprintf(", %d skipped", c.skipped)
	}
	return s
}

// tally prints the output of packages as they end, and of a test when it failed. Lines that are not JSON
// (go's own complaints) are shown as they are.
func tally(r io.Reader, w io.Writer) (counts, error) {
	var c counts
	held := map[string]string{}   // package + test -> output so far
	failedIn := map[string]bool{} // package -> a test of it failed
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 16<<20)
	for sc.Scan() {
		var e event
		if json.Unmarshal(sc.Bytes(), &e) != nil {
			fmt.Fprintln(w, sc.Text())
			continue
		}
		key := e.Package + "\x00" + e.Test
		switch e.Action {
		case "output":
			if e.Test == "" {
				showPackageLine(w, e.Output)
			} else {
				held[key] += e.Output
			}
		case "build-output":
			fmt.Fprint(w, e.Output)
		case "pass", "skip", "fail":
			c.add(e, w, held[key], failedIn)
			delete(held, key)
			if e.Test == "" {
				showUnfinished(w, e, held)
			}
		}
	}
	return c, sc.Err()
}

// add counts the end of a test or of a package.
func (c *counts) add(e event, w io.Writer, output string, failedIn map[string]bool) {
	switch {
	case e.Test == "" && e.Action == "fail" && !failedIn[e.Package]:
		c.broken++
	case e.Test == "":
	case e.Action == "pass":
		c.passed++
	case e.Action == "skip":
		c.skipped++
		fmt.Fprint(w, output)
	case e.Action == "fail":
		c.failed++
		failedIn[e.Package] = true
		fmt.Fprint(w, output)
	}
}

// showUnfinished prints what the tests of a failed package said that never ended: a crash or a time-out.
func showUnfinished(w io.Writer, e event, held map[string]string) {
	for key, output := range held {
		if strings.HasPrefix(key, e.Package+"\x00") {
			if e.Action == "fail" {
				fmt.Fprint(w, output)
			}
			delete(held, key)
		}
	}
}

// showPackageLine leaves out the bare PASS that precedes each "ok" line and the packages without tests.
func showPackageLine(w io.Writer, s string) {
	if s == "PASS\n" || strings.HasSuffix(s, "[no test files]\n") {
		return
	}
	fmt.Fprint(w, s)
}

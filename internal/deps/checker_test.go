package deps

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The second checker of proofs is worth something as long as it is small, reads on one screen after another and needs
// nothing of famkit.
const (
	checkerFile  = "../../docs/check_proof.py"
	checkerLines = 500
	checkerWidth = 120
)

// checkerImports are all that it may import: of Python's own library what computes and reads, and the two packages
// with which anybody reads checkpoints. Nothing here starts a program or opens a connection.
var checkerImports = []string{"fractions", "functools", "hashlib", "json", "math", "numpy", "os", "re", "safetensors",
	"sys"}

var importLine = regexp.MustCompile(`^\s*(?:import|from)\s+(.+)$`)

func TestCheckerStaysSmall(t *testing.T) {
	text, err := os.ReadFile(checkerFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range checkChecker(string(text)) {
		t.Error(bad)
	}
}

// TestCheckerRuleBites feeds the rule programs that break it.
func TestCheckerRuleBites(t *testing.T) {
	for name, text := range map[string]string{
		"too long":          strings.Repeat("x = 1\n", checkerLines+1),
		"too wide":          strings.Repeat("x", checkerWidth+1) + "\n",
		"starts a program":  "import json, subprocess\n",
		"another library":   "from torch.nn import Linear\n",
		"inside a function": "def f():\n    import famkit\n",
		"imports by name":   "m = __import__('famkit')\n",
		"runs a command":    "os.system('famkit verify')\n",
	} {
		if len(checkChecker(text)) == 0 {
			t.Errorf("%s: not found", name)
		}
	}
	if bad := checkChecker("import json, numpy as np\nfrom safetensors import safe_open\n"); bad != nil {
		t.Errorf("a sound program: %v", bad)
	}
}

// checkChecker says what is wrong with the text of the checker.
func checkChecker(text string) []string {
	var bad []string
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) > checkerLines {
		bad = append(bad, "check_proof.py has too many lines")
	}
	for _, line := range lines {
		if len([]rune(line)) > checkerWidth {
			bad = append(bad, "check_proof.py: too wide: "+line)
		}
		for _, name := range importsOf(line) {
			if !slices.Contains(checkerImports, name) {
				bad = append(bad, "check_proof.py may not import "+name)
			}
		}
		for _, call := range []string{"__import__", "importlib", "os.system", "os.popen", "os.exec", "os.spawn", "eval(",
			"exec("} {
			if strings.Contains(line, call) {
				bad = append(bad, "check_proof.py may not use "+call)
			}
		}
	}
	return bad
}

// importsOf gives the modules that a line imports.
func importsOf(line string) []string {
	m := importLine.FindStringSubmatch(line)
	if m == nil || strings.HasPrefix(strings.TrimSpace(line), "from") && !strings.Contains(line, " import ") {
		return nil
	}
	if strings.HasPrefix(strings.TrimSpace(line), "from") {
		module, _, _ := strings.Cut(m[1], " ")
		return []string{strings.Split(module, ".")[0]}
	}
	var out []string
	for part := range strings.SplitSeq(m[1], ",") {
		out = append(out, strings.Split(strings.Fields(part)[0], ".")[0])
	}
	return out
}

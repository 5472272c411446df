package expand

import (
	"os"
	"strings"
	"testing"
)

// TestTable: docs/growth.md carries the table that the compiler gives.
func TestTable(t *testing.T) {
	answers, err := NewTable()
	if err != nil {
		t.Fatal(err)
	}
	table := answers.Markdown()
	for _, want := range []string{"| llama |", "exact", "rounded", "refused: norm over all heads", "none"} {
		if !strings.Contains(table, want) {
			t.Errorf("no %q in the table", want)
		}
	}
	doc, err := os.ReadFile("../docs/growth.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(doc), table) {
		t.Errorf("docs/growth.md does not carry this table:\n%s", table)
	}
}

package job

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"famkit/expand"
	"famkit/internal/growth"
	"famkit/internal/trainstate"
)

// TestLineageOfAGrownModel: a model that was grown and not trained since tells of its growth; files that are no lineage
// or no plan are warned of and told nothing from.
func TestLineageOfAGrownModel(t *testing.T) {
	grown := filepath.Join(t.TempDir(), "grown")
	change, err := expand.ParseChange("2x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Expand(t.Context(), ExpandOptions{Source: "../../fixtures/oracle/llama-tied", Destination: grown,
		Request: expand.Request{Depth: change, Place: expand.Interleave}}, nil); err != nil {
		t.Fatal(err)
	}
	var warned []string
	look := func() []Origin {
		t.Helper()
		warned = nil
		r, err := Inspect(t.Context(), InspectOptions{Path: grown}, func(e Event) {
			if e.Kind == Warning {
				warned = append(warned, e.Message.String())
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return r.Lineage
	}
	if l := look(); len(l) != 1 || l[0].Did != "grown" || !strings.HasPrefix(l[0].Sizes, "layers ") || l[0].Proof != "" ||
		len(warned) > 0 {
		t.Errorf("%+v, %v", l, warned)
	}
	for _, name := range []string{growth.PlanFile, trainstate.LineageFile} {
		if err := os.WriteFile(filepath.Join(grown, name), []byte(`{"format": 9}`), 0o600); err != nil {
			t.Fatal(err)
		}
		if l := look(); len(l) != 0 || len(warned) != 1 || !strings.Contains(warned[0], name) {
			t.Errorf("a broken %s: %+v, %v", name, l, warned)
		}
	}
}

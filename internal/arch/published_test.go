package arch

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPublishedConfigs: configs with the keys of published models are read, and all their keys are known. The factors
// of longrope stand for the published ones.
func TestPublishedConfigs(t *testing.T) {
	files, err := filepath.Glob("testdata/published/*.json")
	if err != nil || len(files) < 14 {
		t.Fatalf("%d configs, %v", len(files), err)
	}
	var seen []*Spec
	for _, path := range files {
		c := mustParse(t, string(readFile(t, path)))
		m, err := Resolve(c)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		seen = append(seen, m.Spec)
		k := &checker{ck: &Checkpoint{Model: m, Config: c, Source: &fake{}}, src: &fake{}}
		k.loaders()
		for _, f := range k.found {
			own := f.Code == OwnCode && strings.Contains(path, "phi-3.5")
			four := f.Code == OneVersion && (strings.HasSuffix(f.Text, `Act is "gelu", not "gelu_pytorch_tanh"`) ||
				strings.HasSuffix(f.Text, "AttnSoftcap is 0, not 50"))
			if !own && !four {
				t.Errorf("%s: %s", path, f.Text)
			}
		}
		if strings.Contains(path, "phi-3.5") && len(k.found) != 1 {
			t.Errorf("%s: nobody says that there is code", path)
		}
	}
	for _, s := range Specs() {
		if !slices.Contains(seen, s) {
			t.Errorf("no published config of %s", s.Name)
		}
	}
}

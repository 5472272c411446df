package archtest_test

import (
	"maps"
	"slices"
	"testing"

	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/tensor"
)

// TestConfigs binds a random checkpoint of every config, and wants all architectures among them.
func TestConfigs(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(archtest.Configs)) {
		src, err := archtest.Random(1, archtest.Configs[name], tensor.F32)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		ck, err := arch.Bind(src)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		seen[ck.Model.Spec.Name] = true
	}
	for _, s := range arch.Specs() {
		if !seen[s.Name] {
			t.Errorf("no config of %s", s.Name)
		}
	}
}

// TestGains: stored gains of a Gemma lie around 0, so that effective ones lie around 1 as everywhere.
func TestGains(t *testing.T) {
	for _, name := range []string{"gemma", "gpt2", "olmo2"} {
		src, err := archtest.Random(1, archtest.Configs[name], tensor.F64)
		if err != nil {
			t.Fatal(err)
		}
		ck, err := arch.Bind(src)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := ck.Find(arch.FinalNorm, -1)
		data := make([]byte, b.Info().Size())
		if _, err := b.ReadAt(data, 0); err != nil {
			t.Fatal(err)
		}
		gains := make([]float64, b.Info().Shape[0])
		tensor.Decode(gains, data, tensor.F64)
		sum := 0.0
		for _, g := range gains {
			sum += g + ck.Model.GainOffset
		}
		if mean := sum / float64(len(gains)); mean < 0.6 || mean > 1.4 {
			t.Errorf("%s: gains of mean %v", name, mean)
		}
	}
}

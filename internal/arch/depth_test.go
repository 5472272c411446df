package arch_test

import (
	"strings"
	"testing"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/tensor"
)

// TestOtherDepth: a config with more or fewer layers than the weights is one finding, in every architecture.
func TestOtherDepth(t *testing.T) {
	for name, config := range archtest.Configs {
		src, err := archtest.Random(1, config, tensor.F32)
		if err != nil {
			t.Fatal(err)
		}
		ck, err := arch.Bind(src)
		if err != nil {
			t.Fatal(err)
		}
		if ck.Model.Window != nil && !allEqual(ck.Model.Window) || ck.Model.Layers < 2 {
			continue // its layers are listed one by one
		}
		for _, by := range []int{-1, 1} {
			c := ck.Config.Clone()
			for _, key := range []string{"num_hidden_layers", "n_layer"} {
				if c.IsSet(key) {
					c.Set(key, ck.Model.Layers+by)
				}
			}
			if c.IsSet("layer_types") {
				continue
			}
			out := format.FromTensors(nil, nil, map[string][]byte{"config.json": c.Bytes()})
			for _, b := range ck.Tensors {
				raw, err := format.ReadAll(b.Tensor)
				if err != nil {
					t.Fatal(err)
				}
				out.AddBytes(b.Info(), raw)
			}
			_, found, err := arch.Check(out)
			if err == nil || strings.Count(err.Error(), "\n") > 0 || !strings.Contains(err.Error(), ", the weights have") {
				t.Errorf("%s, %+d layers: %v", name, by, err)
			}
			fatal := 0
			for _, f := range found {
				if f.Fatal {
					fatal++
				}
			}
			if fatal != 1 {
				t.Errorf("%s, %+d layers: %d findings", name, by, fatal)
			}
		}
	}
}

func allEqual(v []int) bool {
	for _, x := range v {
		if x != v[0] {
			return false
		}
	}
	return true
}

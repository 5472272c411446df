package arch

import (
	"path/filepath"
	"reflect"
	"testing"
)

// FuzzConfig: whatever config.json holds, reading it gives a model or an error, and a model can be written back
// into its config without a change of meaning.
func FuzzConfig(f *testing.F) {
	all, err := filepath.Glob("../../fixtures/oracle/*/config.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range all {
		f.Add(readFile(f, path))
	}
	f.Add([]byte(tiny("llama", `"rope_scaling": {"type": "linear", "factor": 2}, "num_key_value_heads": null, "head_dim": null`)))
	f.Add([]byte(tiny("mistral", `"num_key_value_heads": 4, "sliding_window": 8, "eos_token_id": [], "torch_dtype": "bfloat16"`)))
	f.Add([]byte(tiny("qwen2", `"num_key_value_heads": 4, "use_sliding_window": true, "max_window_layers": -1, "rope_parameters": {}`)))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseConfig(data)
		if err != nil {
			return
		}
		if string(c.Bytes()) != string(data) {
			t.Fatal("an untouched config changed")
		}
		m, err := Resolve(c)
		if err != nil {
			return
		}
		if m.Params() < 1 {
			t.Fatalf("%d parameters", m.Params())
		}
		if err := m.Spec.Update(c, m); err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := ParseConfig(c.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Resolve(again); err != nil || !reflect.DeepEqual(got, m) {
			t.Fatalf("update changed the meaning: %v\n got %+v\nwant %+v", err, got, m)
		}
	})
}

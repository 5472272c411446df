package job

import (
	"path/filepath"
	"testing"
)

// What lies in the hub's cache gets its child in the current folder, under the model's name.
func TestOutsideCache(t *testing.T) {
	hub := "/home/u/.cache/huggingface/hub/models--org--SmolLM-1"
	for path, want := range map[string]string{
		"small":                                 "small",
		"a/small/":                              "a/small/",
		"a/x.safetensors":                       "a/x.safetensors",
		hub:                                     "SmolLM-1",
		hub + "/snapshots/abc123":               "SmolLM-1",
		hub + "/snapshots/abc123/x.safetensors": "SmolLM-1-x.safetensors",
		"/hub/models--alone":                    "alone",
		"/other/snapshots/abc123":               "model",
		"/other/snapshots/abc123/one.safetensors": "one.safetensors",
		"/other/snapshots":                        "/other/snapshots",
	} {
		if got, err := outsideCache(path); got != want || err != nil {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if got, err := outsideCache(filepath.Join("snapshots", "abc")); got != "model" || err != nil {
		t.Errorf("a relative path in a cache gives %q", got)
	}
}

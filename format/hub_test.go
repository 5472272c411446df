package format

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"famkit/internal/fault"
)

func TestLocate(t *testing.T) {
	cache := t.TempDir()
	dir := filepath.Join(cache, "models--org--small.en", "snapshots", "abc")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := os.MkdirAll("org/here", 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HF_HUB_CACHE", cache)
	for in, want := range map[string]string{"org/small.en": dir, "org/here": "org/here", "a/b/c": "a/b/c", "none": "none",
		"/org/small.en": "/org/small.en", "../small.en": "../small.en", "org/small.en/": "org/small.en/"} {
		if got, err := Locate(in); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", in, got, err, want)
		}
	}
	_, err := Locate("org/absent")
	if err == nil || !strings.Contains(err.Error(), cache) || !strings.Contains(fault.HintOf(err),
		"hf download org/absent") {
		t.Errorf("a model that is not in the cache: %v, hint %q", err, fault.HintOf(err))
	}
}

// TestHubCache: the folder is the one that huggingface_hub's own variables name, in its order.
func TestHubCacheFolder(t *testing.T) {
	for _, name := range []string{"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", "/home/u")
	for _, c := range []struct{ name, value, want string }{
		{"HOME", "/home/u", "/home/u/.cache/huggingface/hub"},
		{"XDG_CACHE_HOME", "/x", "/x/huggingface/hub"},
		{"HF_HOME", "/hf", "/hf/hub"},
		{"HUGGINGFACE_HUB_CACHE", "/old", "/old"},
		{"HF_HUB_CACHE", "/new", "/new"},
	} {
		t.Setenv(c.name, c.value)
		if got := hubCache(); got != c.want {
			t.Errorf("with %s: %s, want %s", c.name, got, c.want)
		}
	}
}

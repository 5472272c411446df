package format

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"famkit/internal/disk"
	"famkit/internal/fault"
)

// hubID is a model's name on the Hugging Face hub: ORG/NAME.
var hubID = regexp.MustCompile(`^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$`)

// Locate gives the folder of a checkpoint that is named as on the Hugging Face hub, ORG/NAME, when it is in the hub's
// cache on this machine: the snapshot of its main revision, or its only one. A path that exists is given back as it
// is, and so is whatever cannot be such a name. Nothing is fetched: a name that the cache does not have is refused
// with the command that fetches it.
func Locate(path string) (string, error) {
	if _, err := disk.LstatOf(path); !disk.Absent(err) || !hubID.MatchString(path) || strings.Contains(path, "--") {
		return path, nil
	}
	cache := hubCache()
	dir := filepath.Join(cache, "models--"+strings.ReplaceAll(path, "/", "--"))
	if st, err := disk.StatOf(dir); err == nil && st.IsDir() {
		return snapshot(dir)
	} else if err != nil && !disk.Absent(err) {
		return "", fault.OS(err)
	}
	err := fault.Inputf("%s: no such file or directory, and no model of that name in %s", path, cache)
	return "", fault.Hint(err, "hf download %s fetches it, if it is a model of the Hugging Face hub", path)
}

// hubCache is where huggingface_hub keeps models: by the variables that it reads, in its order.
func hubCache() string {
	for _, name := range []string{"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"} {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	if v := os.Getenv("HF_HOME"); v != "" {
		return filepath.Join(v, "hub")
	}
	if v := os.Getenv("XDG_CACHE_HOME"); v != "" {
		return filepath.Join(v, "huggingface", "hub")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = "~" // as the message then says
	}
	return filepath.Join(home, ".cache", "huggingface", "hub")
}

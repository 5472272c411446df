package format

import (
	"path/filepath"
	"slices"
	"strings"

	"famkit/internal/fault"
)

// planExtra lays out the safetensors files that are written beside the checkpoint's own weights, sorted by name.
func (w *writer) planExtra() error {
	var names []string
	for name := range w.o.Extra {
		if w.lone || filepath.Base(name) != name || !strings.HasSuffix(name, suffix) || strings.HasPrefix(name, "model") {
			return fault.Inputf("%s: an extra file needs a destination directory and a name of its own in it that ends in %s",
				name, suffix)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		list, err := checkTensors(w.o.Extra[name])
		if err != nil {
			return wrap(err, "%s", name)
		}
		files, _, err := planFiles(list, map[string]string{"format": "pt"}, name, 0)
		if err != nil {
			return err
		}
		w.files = append(w.files, files...)
	}
	return nil
}

package format

import (
	"encoding/json"
	"maps"
	"path"
	"path/filepath"
	"slices"

	"famkit/internal/disk"
	"famkit/internal/fault"
)

// Around is what loaders find beside the tensors in the directory of a checkpoint, apart from its side files.
type Around struct {
	// Weights are the files that the tensors come from, sorted, as loaders open them; First are the names of the tensors
	// in the first of them, sorted.
	Weights, First []string
	// Meta are the header metadata of each of them, nil for a file without any.
	Meta []map[string]string
	// Index is the metadata object of the shard index, nil where there is no index or it has none.
	Index map[string]json.RawMessage
	// Others are the names of all other files in the directory, hidden ones too, and of folders with a slash at their end,
	// sorted.
	Others []string
}

// AroundOf is what lies around the tensors of a source that was opened as a directory; ok is false for any other.
func AroundOf(src Source) (Around, bool) {
	b, ok := src.(*bundle)
	if !ok || b.around == nil {
		return Around{}, false
	}
	return *b.around, true
}

// lookAround fills b.around, after the weights were opened, with what else is in dir. index is the metadata of the
// index.
func (b *bundle) lookAround(dir string, index map[string]json.RawMessage) error {
	a := &Around{Index: index}
	metas := map[string]map[string]string{}
	for _, s := range b.shards {
		name, err := filepath.Rel(dir, s.path)
		if err != nil {
			name = s.path
		}
		metas[filepath.ToSlash(name)] = s.hdr.meta
	}
	a.Weights = slices.Sorted(maps.Keys(metas))
	for _, name := range a.Weights {
		a.Meta = append(a.Meta, metas[name])
	}
	for name, s := range b.tensors {
		if at, err := filepath.Rel(dir, s.path); err == nil && filepath.ToSlash(at) == a.Weights[0] {
			a.First = append(a.First, name)
		}
	}
	slices.Sort(a.First)
	list, err := disk.List(dir)
	if err != nil {
		return fault.OS(err)
	}
	for _, de := range list {
		name := de.Name()
		st, err := disk.StatOf(filepath.Join(dir, name))
		if err != nil && !disk.Absent(err) {
			return fault.OS(err)
		}
		if err == nil && st.IsDir() { // a link too
			a.Others = append(a.Others, name+"/")
			continue
		}
		if _, side := b.files[path.Clean(name)]; !side && !slices.Contains(a.Weights, name) {
			a.Others = append(a.Others, name)
		}
	}
	slices.Sort(a.Others)
	b.around = a
	return nil
}

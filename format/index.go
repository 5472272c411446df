package format

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"famkit/internal/fault"
	"famkit/internal/infile"
	"famkit/internal/strictjson"
)

// indexCap bounds the size of an index that is read.
const indexCap = headerCap

// shardIndex is model.safetensors.index.json. Its field order is the order of the keys written.
type shardIndex struct {
	Metadata  *indexMeta        `json:"metadata"`
	WeightMap map[string]string `json:"weight_map"`
}

type indexMeta struct {
	TotalParameters int64 `json:"total_parameters"`
	TotalSize       int64 `json:"total_size"`
}

// addIndex opens the shards that an index names and holds index and headers against each other, both ways. It gives the
// metadata of the index, nil where there is none.
func (b *bundle) addIndex(dir, name string) (map[string]json.RawMessage, error) {
	path := filepath.Join(dir, name)
	weightMap, metadata, err := readIndex(path)
	if err != nil {
		return nil, err
	}
	root, err := newRoot(dir)
	if err != nil {
		return nil, err
	}
	base := filepath.Dir(name) // shards are named from where the index stands
	files := slices.Compact(slices.Sorted(maps.Values(weightMap)))
	for _, file := range files {
		if filepath.IsAbs(file) { // joined to the directory it would look local
			return nil, fault.Inputf("%s: weight_map: absolute file name %q leads out of the checkpoint", path, file)
		}
		shard, err := root.resolve(filepath.Join(base, file))
		if err != nil {
			return nil, fault.Inputf("%s: weight_map: %w", path, err)
		}
		from := len(b.names)
		if err := b.addFile(shard); err != nil {
			return nil, err
		}
		if err := checkShard(path, shard, file, b.names[from:], weightMap); err != nil {
			return nil, err
		}
	}
	if missing := absent(weightMap, b.tensors); len(missing) > 0 {
		return nil, fault.Inputf("%s: weight_map names %s, which no shard holds", path, list(missing))
	}
	if metadata == nil {
		b.warnings = append(b.warnings, name+" has no metadata; transformers refuses such an index")
	}
	if total, ok := metadata["total_size"]; ok {
		if n, err := strconv.ParseFloat(string(total), 64); err != nil || n != float64(b.bytes()) {
			b.warnings = append(b.warnings,
				fmt.Sprintf("%s: metadata.total_size is %.40s, the tensors have %d bytes", name, total, b.bytes()))
		}
	}
	return metadata, nil
}

// checkShard refuses a shard with tensors that the index puts elsewhere or does not know.
func checkShard(index, shard, file string, names []string, weightMap map[string]string) error {
	var unknown, moved []string
	for _, name := range names {
		switch at, ok := weightMap[name]; {
		case !ok:
			unknown = append(unknown, name)
		case at != file:
			moved = append(moved, name)
		}
	}
	switch {
	case len(unknown) > 0:
		return fault.Inputf("%s holds %s, which %s does not name", shard, list(unknown), index)
	case len(moved) > 0:
		return fault.Inputf("%s holds %s, which %s puts into %s", shard, list(moved), index, weightMap[moved[0]])
	}
	return nil
}

func (b *bundle) bytes() (n int64) {
	for _, s := range b.tensors {
		n += s.n
	}
	return n
}

func absent(weightMap map[string]string, have map[string]*section) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(weightMap)) {
		if _, ok := have[name]; !ok {
			names = append(names, name)
		}
	}
	return names
}

// list shows the first names of a list that may be long.
func list(names []string) string {
	const most = 4
	quoted := make([]string, 0, most)
	for _, n := range names[:min(len(names), most)] {
		quoted = append(quoted, fmt.Sprintf("%q", n))
	}
	s := strings.Join(quoted, ", ")
	if len(names) > most {
		s += fmt.Sprintf(" and %d more", len(names)-most)
	}
	if len(names) == 1 {
		return "tensor " + s
	}
	return "tensors " + s
}

// readIndex reads weight_map and metadata, nil where there is none.
func readIndex(path string) (weightMap map[string]string, metadata map[string]json.RawMessage, err error) {
	data, err := infile.ReadUpTo(path, indexCap)
	if err != nil {
		return nil, nil, err
	}
	weightMap, metadata, err = parseIndex(data)
	if err != nil {
		return nil, nil, fault.Inputf("%s: %w", path, err)
	}
	return weightMap, metadata, nil
}

// parseIndex reads the text of an index.
func parseIndex(data []byte) (weightMap map[string]string, metadata map[string]json.RawMessage, err error) {
	var index struct {
		Metadata  map[string]json.RawMessage `json:"metadata"`
		WeightMap map[string]*string         `json:"weight_map"`
	}
	if err := strictjson.Unmarshal(data, &index); err != nil {
		return nil, nil, err
	}
	if len(index.WeightMap) == 0 {
		return nil, nil, errors.New("no weight_map, or an empty one")
	}
	weightMap = make(map[string]string, len(index.WeightMap))
	for name, file := range index.WeightMap {
		if file == nil {
			return nil, nil, fmt.Errorf("weight_map: tensor %q: wanted a file name, found null", name)
		}
		weightMap[name] = *file
	}
	return weightMap, index.Metadata, nil
}

// indexJSON is the text of an index as transformers writes it: indent 2, keys sorted, a newline at the end.
func indexJSON(ix shardIndex) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(ix); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

package format

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"

	"famkit/internal/disk"
	"famkit/internal/fault"
	"famkit/internal/infile"
	"famkit/internal/strictjson"
)

// The names under which transformers looks for weights, in its order.
const (
	modelFile = "model" + suffix
	indexFile = modelFile + ".index.json"
)

// openDir opens a checkpoint directory or a model directory of the hub cache.
func openDir(path string) (Handle, error) {
	dir, err := snapshot(path)
	if err != nil {
		return nil, err
	}
	name, err := chooseWeights(dir)
	if err != nil {
		return nil, err
	}
	return openIn(path, dir, name)
}

// openIn opens the weights called name in dir, with the side files of dir. path is what the user gave.
func openIn(path, dir, name string) (Handle, error) {
	b := newBundle(path)
	err := b.readSideFiles(dir)
	var index map[string]json.RawMessage
	if err == nil {
		if isIndexName(name) {
			index, err = b.addIndex(dir, name)
		} else {
			err = b.addFile(filepath.Join(dir, name))
		}
	}
	if err == nil {
		err = b.lookAround(dir, index)
	}
	if err != nil {
		_ = b.Close()
		return nil, err
	}
	stale := false
	if name == modelFile {
		stale, err = exists(filepath.Join(dir, indexFile))
	}
	if err != nil {
		_ = b.Close()
		return nil, err
	}
	if stale {
		b.warnings = append(b.warnings, "both "+modelFile+" and "+indexFile+" are there: "+modelFile+
			" is read, as transformers does, and the shards are not; one of them is stale")
	}
	return b, nil
}

func (b *bundle) addFile(path string) error {
	s, err := openWeights(path)
	if err != nil {
		return err
	}
	return b.add(s)
}

// openIndexFile opens the directory of an index through that index.
func openIndexFile(path string) (Handle, error) {
	dir, name := filepath.Split(path)
	return openIn(path, filepath.Clean(dir), name)
}

// openModelFile opens one safetensors file. When it is the model file of a directory that has a config.json, the
// result is that of opening the directory.
func openModelFile(path string) (Handle, error) {
	dir, name := filepath.Split(path)
	dir = filepath.Clean(dir)
	config, err := exists(filepath.Join(dir, "config.json"))
	if err != nil {
		return nil, err
	}
	if config {
		chosen, err := chooseWeights(dir)
		if fault.Machines(err) {
			return nil, err
		}
		if err == nil && chosen == name {
			return openIn(path, dir, name)
		}
	}
	b, err := openLone(path)
	if err != nil {
		return nil, err
	}
	if shardName(name) {
		index, err := exists(filepath.Join(dir, indexFile))
		if err != nil {
			_ = b.Close()
			return nil, err
		}
		if index {
			b.warnings = append(b.warnings, name+" is one shard of "+indexFile+"; open the directory for the whole checkpoint")
		}
	}
	return b, nil
}

// shardName reports whether name has the form model-00001-of-00002.safetensors.
func shardName(name string) bool {
	return strings.HasSuffix(name, suffix) && strings.Contains(name, "-of-")
}

// snapshot resolves a model directory of the hub cache (blobs, refs, snapshots) to the snapshot of its main revision,
// or to its only one. Other directories are returned as they are.
func snapshot(path string) (string, error) {
	snapshots := filepath.Join(path, "snapshots")
	if !strings.HasPrefix(filepath.Base(path), "models--") {
		return path, nil
	}
	if there, err := exists(snapshots); err != nil || !there {
		return path, err
	}
	ref, err := infile.Read(filepath.Join(path, "refs", "main"))
	if err != nil && !disk.Absent(err) {
		return "", err
	}
	if commit := strings.TrimSpace(string(ref)); commit != "" && filepath.IsLocal(commit) {
		dir := filepath.Join(snapshots, commit)
		if there, err := exists(dir); err != nil || there {
			return dir, err
		}
	}
	list, err := disk.List(snapshots)
	if err != nil {
		return "", fault.OS(err)
	}
	if len(list) != 1 {
		return "", fault.Inputf("%s: refs/main names no snapshot here, and there are %d: name one of them", path, len(list))
	}
	return filepath.Join(snapshots, list[0].Name()), nil
}

// chooseWeights picks the weights of a directory as transformers does: what config.json names in transformers_weights,
// then model.safetensors, then its index.
func chooseWeights(dir string) (string, error) {
	if name, err := explicitWeights(dir); name != "" || err != nil {
		return name, err
	}
	for _, name := range []string{modelFile, indexFile} {
		if there, err := exists(filepath.Join(dir, name)); err != nil || there {
			return name, err
		}
	}
	return "", noWeights(dir)
}

// explicitWeights reads transformers_weights of config.json; "" when it is not set. A config.json that is no JSON
// object is left to those who need it.
func explicitWeights(dir string) (string, error) {
	data, err := infile.Read(filepath.Join(dir, "config.json"))
	if disk.Absent(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var config struct {
		Weights *string `json:"transformers_weights"`
	}
	if text := bytes.TrimSpace(data); !json.Valid(text) || text[0] != '{' {
		return "", nil
	}
	if err := strictjson.Unmarshal(data, &config); err != nil {
		return "", fault.Inputf("%s: config.json: %w", dir, err)
	}
	if config.Weights == nil {
		return "", nil
	}
	name := *config.Weights
	root, err := newRoot(dir)
	if err != nil {
		return "", err
	}
	if _, err := root.resolve(name); err != nil {
		return "", fault.Inputf("config.json: transformers_weights: %w", err)
	}
	if !isIndexName(name) && !strings.HasSuffix(name, suffix) {
		return "", fault.Inputf("%s: config.json: transformers_weights: wanted a safetensors file or index, found %q", dir,
			name)
	}
	return name, nil
}

// noWeights refuses a directory and names what is there instead.
func noWeights(dir string) error {
	err := fault.Inputf("%s: wanted %s or %s, found neither", dir, modelFile, indexFile)
	list, readErr := disk.List(dir)
	if readErr != nil {
		return fault.OS(readErr)
	}
	var other, pickles []string
	for _, de := range list {
		switch filepath.Ext(de.Name()) {
		case suffix, ".gguf":
			other = append(other, de.Name())
		case ".bin", ".pt", ".pth":
			pickles = append(pickles, de.Name())
		}
	}
	switch {
	case len(other) > 0:
		return fault.Hint(err, "name the file itself, one of: %s", strings.Join(other[:min(len(other), 5)], ", "))
	case len(pickles) > 0:
		return fault.Hint(fault.Inputf("%w; %s is a PyTorch pickle, which can run code when it is read", err, pickles[0]),
			pickleHint, dir)
	}
	return err
}

// exists reports whether something stands at path. What cannot be told is an error.
func exists(path string) (bool, error) {
	there, err := disk.Exists(path)
	if err != nil {
		return false, fault.OS(err)
	}
	return there, nil
}

package job

import (
	"path/filepath"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/disk"
	"famkit/internal/fault"
	"famkit/internal/infile"
)

// configFile is the name of a model's configuration.
const configFile = "config.json"

// Open opens a checkpoint and tells its warnings. The caller closes the handle.
func Open(path string, on Observer) (format.Handle, error) {
	h, err := format.Open(path)
	if err != nil {
		return nil, err
	}
	for _, w := range h.Warnings() {
		on.warn("%s: %s", path, w)
	}
	return h, nil
}

// OpenModel opens a model and recognises its tensors, those of a lone file by their names. The caller closes the
// handle.
func OpenModel(path string, on Observer) (format.Handle, *arch.Checkpoint, error) {
	h, err := Open(path, on)
	if err != nil {
		return nil, nil, err
	}
	ck, err := bind(h, path)
	if err != nil {
		_ = h.Close()
		return nil, nil, err
	}
	return h, ck, nil
}

// openToRun opens a model that is to be run, also by its name on the hub: *path becomes where it is. A lone file is
// refused, since without a config.json it is as without says. The caller closes the handle.
func openToRun(path *string, without string, on Observer) (format.Handle, *arch.Checkpoint, error) {
	if err := locate(on, path); err != nil {
		return nil, nil, err
	}
	h, ck, err := OpenModel(*path, on)
	if err != nil {
		return nil, nil, err
	}
	if isLone(ck) {
		_ = h.Close()
		return nil, nil, fault.Inputf("%s: has no %s, without which %s", *path, configFile, without)
	}
	return h, ck, nil
}

func bind(h format.Handle, path string) (*arch.Checkpoint, error) {
	if _, ok := format.ReadFile(h, configFile); ok {
		return arch.Bind(h)
	}
	if _, gguf := format.GGUF(h); gguf {
		return nil, fault.Hint(fault.Inputf("%s: is a GGUF file, not a Hugging Face checkpoint", path),
			"famkit convert %s DIR, then work on DIR", path)
	}
	return arch.BindLone(h)
}

// locate finds models that are named as on the Hugging Face hub, in place, and tells where they are.
func locate(on Observer, paths ...*string) error {
	for _, p := range paths {
		at, err := format.Locate(*p)
		if err != nil {
			return err
		}
		if at != *p {
			on.note("%s is %s", *p, at)
			*p = at
		}
	}
	return nil
}

// isLone reports whether the checkpoint is a lone file, without config.json.
func isLone(ck *arch.Checkpoint) bool { return ck.Config == nil }

// ModelConfig resolves the config.json at path, which may also be a directory that holds one.
func ModelConfig(path string) (*arch.Model, error) {
	path, err := format.Locate(path)
	if err != nil {
		return nil, err
	}
	if path, err = infile.At(path, configFile); err != nil {
		return nil, err
	}
	b, err := infile.Read(path)
	if err != nil {
		return nil, err
	}
	cfg, err := arch.ParseConfig(b)
	if err != nil {
		return nil, fault.Inputf("%s: %w", path, err)
	}
	m, err := arch.Resolve(cfg)
	if err != nil {
		return nil, fault.Inputf("%s: %w", path, err)
	}
	return m, nil
}

// home is the path that an output must not touch: the directory, where a file inside it was opened with config.json
// beside.
func home(path string, src format.Source) (string, error) {
	st, err := disk.StatOf(path)
	if err != nil {
		return "", fault.OS(err)
	}
	if _, config := format.ReadFile(src, configFile); !st.IsDir() && config {
		path = filepath.Dir(path)
	}
	if filepath.Base(path) != "." {
		return filepath.Clean(path), nil
	}
	abs, err := disk.Abs(path)
	if err != nil {
		return "", fault.OS(err)
	}
	return abs, nil
}

// pathFrom is path as seen from directory dir, so that what names each other can move together; the absolute path
// where there is no way between them.
func pathFrom(dir, path string) (string, error) {
	from, err := disk.Abs(dir)
	if err != nil {
		return "", fault.OS(err)
	}
	to, err := disk.Abs(path)
	if err != nil {
		return "", fault.OS(err)
	}
	if rel, err := filepath.Rel(from, to); err == nil {
		return rel, nil
	}
	return to, nil
}

// parameters counts the elements of all tensors.
func parameters(src format.Source) (int64, error) {
	total := int64(0)
	for _, name := range src.Names() {
		t, err := src.Tensor(name)
		if err != nil {
			return 0, err
		}
		n, err := t.Info().Elems()
		if err != nil {
			return 0, err
		}
		total += int64(n)
	}
	return total, nil
}

package main

import (
	"os"
	"path/filepath"

	"famkit/expand"
	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/fault"
)

// openCheckpoint opens a model and recognises its tensors, a lone file by their names. The caller closes the handle.
func (u *ui) openCheckpoint(path string) (format.Handle, *arch.Checkpoint, error) {
	h, err := u.openSource(path)
	if err != nil {
		return nil, nil, err
	}
	bind := arch.Bind
	if _, ok := format.ReadFile(h, expand.ConfigFile); !ok {
		bind = arch.BindLone
		if _, gguf := format.GGUF(h); gguf {
			_ = h.Close()
			return nil, nil, fault.Hint(fault.Inputf("%s: is a GGUF file, not a Hugging Face checkpoint", path), "famkit convert %s DIR, then work on DIR", path)
		}
	}
	ck, err := bind(h)
	if err != nil {
		_ = h.Close()
		return nil, nil, err
	}
	return h, ck, nil
}

// openSource opens a checkpoint and shows its warnings.
func (u *ui) openSource(path string) (format.Handle, error) {
	h, err := format.Open(path)
	if err != nil {
		return nil, err
	}
	for _, w := range h.Warnings() {
		u.warn("%s: %s", path, w)
	}
	return h, nil
}

// isLone reports whether the checkpoint is a lone file, without config.json.
func isLone(ck *arch.Checkpoint) bool { return ck.Config == nil }

// modelPath is the path that names a model: the directory, when a file inside it was given with its config beside.
func modelPath(path string, ck *arch.Checkpoint) string {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() && !isLone(ck) {
		path = filepath.Dir(path)
	}
	if filepath.Base(path) == "." {
		if abs, err := filepath.Abs(path); err == nil {
			return abs
		}
	}
	return filepath.Clean(path)
}

package train

import (
	"errors"
	"io/fs"
	"maps"
	"path/filepath"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/infile"
	"famkit/internal/tensor"
	"famkit/internal/trainstate"
)

const (
	configFile     = "config.json"
	generationFile = "generation_config.json"
	tokenizerFile  = "tokenizer.json"
)

// tokenizerFiles are the files that belong to a tokenizer.json.
var tokenizerFiles = []string{tokenizerConfig, specialTokens, "vocab.json", "merges.txt", "tokenizer.model",
	"chat_template.jinja"}

// open reads what the training begins from: a config for fresh weights (nil checkpoint), or a model.
func (r *run) open() (*arch.Checkpoint, error) {
	if r.o.Init != "" {
		return nil, r.openConfig()
	}
	h, err := format.Open(r.o.Model)
	if err != nil {
		return nil, err
	}
	ck, err := arch.Bind(h)
	if err == nil {
		r.model, r.config, r.dtype = ck.Model, ck.Config, ck.DType()
		r.files = maps.Collect(h.Files())
		err = r.openTokenizer()
	}
	if err != nil {
		_ = h.Close()
		return nil, err
	}
	return ck, nil
}

// openConfig reads a config.json to train from scratch.
func (r *run) openConfig() error {
	path, err := infile.At(r.o.Init, configFile)
	if err != nil {
		return err
	}
	b, err := infile.Read(path)
	if err != nil {
		return err
	}
	if r.config, err = arch.ParseConfig(b); err != nil {
		return fault.Inputf("%s: %w", path, err)
	}
	if r.model, err = arch.Resolve(r.config); err != nil {
		return fault.Inputf("%s: %w", path, err)
	}
	r.files = map[string][]byte{}
	if r.dtype = r.model.DType; !r.dtype.Real() {
		r.dtype = tensor.F32
	}
	if err := r.openTokenizer(); err != nil {
		return err
	}
	return r.completeConfig(path)
}

// openTokenizer takes the tokenizer that was named, with the files beside it that belong to it, or the model's own.
func (r *run) openTokenizer() error {
	if path := r.o.Tokenizer; path != "" {
		path, err := infile.At(path, tokenizerFile)
		if err != nil {
			return err
		}
		dir := filepath.Dir(path)
		b, err := infile.Read(path)
		if err != nil {
			return err
		}
		r.files[tokenizerFile] = b
		for _, name := range tokenizerFiles {
			delete(r.files, name)
			b, err := infile.Read(filepath.Join(dir, name))
			switch {
			case err == nil:
				r.files[name] = b
			case !errors.Is(err, fs.ErrNotExist):
				return err
			}
		}
	}
	r.digests.Tokenizer = trainstate.Digest(r.files[tokenizerFile])
	return nil
}

// writeConfig makes the config.json of the checkpoints: the model's own with the saved type, both spellings.
func (r *run) writeConfig() error {
	c, m := r.config.Clone(), r.model.Clone()
	m.DType = r.dtype
	if err := m.Spec.Update(c, m); err != nil {
		return err
	}
	r.config = c
	r.digests.Config = trainstate.Digest(c.Bytes())
	delete(r.files, configFile)
	return nil
}

package train

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/corpus"
	"famkit/internal/fault"
	"famkit/internal/tensor"
	"famkit/internal/tokenizer"
	"famkit/internal/trainstate"
)

const tokenizerFile = "tokenizer.json"

// open reads what the training begins from: a config for fresh weights (nil checkpoint), a model, or a training to resume.
func (r *run) open() (*arch.Checkpoint, error) {
	if err := r.choose(); err != nil {
		return nil, err
	}
	if r.o.Init != "" {
		return nil, r.openConfig()
	}
	h, err := format.Open(r.o.Model)
	if err != nil {
		return nil, err
	}
	ck, err := arch.Bind(h)
	if err != nil {
		_ = h.Close()
		return nil, err
	}
	r.model, r.config, r.dtype = ck.Model, ck.Config, ck.DType()
	r.files = maps.Collect(h.Files())
	if err := r.openTokenizer(); err != nil {
		_ = h.Close()
		return nil, err
	}
	return ck, nil
}

// choose settles Model and Out, and refuses an output that could not be written in the end.
func (r *run) choose() error {
	o := &r.o
	switch {
	case o.Init != "" && o.Model != "":
		return fault.Usagef("a model and --init contradict each other")
	case o.Init == "" && o.Model == "":
		return fault.Usagef("neither a model nor --init is given")
	}
	r.origin = o.Model
	if o.Init != "" {
		r.origin = o.Init
	}
	_, err := os.Stat(o.Out)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.Inputf("%w", err)
	}
	switch exists := err == nil; {
	case o.Resume && exists: // an output of this training counts more than where it began
		o.Model, o.Init = o.Out, ""
	case o.Resume && o.Init != "":
		return fault.Inputf("%s: no such training to resume", o.Out)
	}
	if strings.HasSuffix(o.Out, ".safetensors") {
		return fault.Usagef("%s: the output of a training is a folder", o.Out)
	}
	if !o.DryRun {
		if err := format.Admit(o.Out, &format.Memory{}, r.writeOptions()); err != nil {
			if !o.Force && fault.HintOf(err) != "" {
				err = fault.Hint(err, "choose another name, continue it with --resume, or replace it with --force")
			}
			return err
		}
	}
	if o.Log != "" && inside(o.Log, o.Out) {
		return fault.Usagef("--log %s: the output is replaced whole at every save; put the log elsewhere", o.Log)
	}
	if !o.Resume {
		return nil
	}
	if r.state, err = trainstate.Read(o.Model); err != nil {
		return err
	}
	r.origin = r.state.Model
	return nil
}

// openConfig reads a config.json to train from scratch.
func (r *run) openConfig() error {
	path := r.o.Init
	if isFolder(path) {
		path = filepath.Join(path, "config.json")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return fault.Inputf("%w", err)
	}
	if r.config, err = arch.ParseConfig(b); err != nil {
		return fault.Inputf("%s: %w", path, err)
	}
	if r.model, err = arch.Resolve(r.config); err != nil {
		return fault.Inputf("%s: %w", path, err)
	}
	r.files = map[string][]byte{"generation_config.json": generationConfig(r.model)}
	if r.dtype = r.model.DType; !r.dtype.Real() {
		r.dtype = tensor.F32
	}
	return r.openTokenizer()
}

// generationConfig is what transformers derives from a model's config when none is there.
func generationConfig(m *arch.Model) []byte {
	ids := func(list []int) any {
		switch len(list) {
		case 0:
			return nil
		case 1:
			return list[0]
		}
		return list
	}
	b, err := json.MarshalIndent(struct {
		From bool `json:"_from_model_config"`
		BOS  any  `json:"bos_token_id,omitempty"`
		EOS  any  `json:"eos_token_id,omitempty"`
	}{true, ids(m.BOS), ids(m.EOS)}, "", "  ")
	if err != nil {
		panic(err) // numbers marshal
	}
	return append(b, '\n')
}

// openTokenizer takes the tokenizer that was named, with the files beside it that belong to it, or the model's own.
func (r *run) openTokenizer() error {
	if path := r.o.Tokenizer; path != "" {
		dir := path
		if isFolder(path) {
			path = filepath.Join(path, tokenizerFile)
		} else {
			dir = filepath.Dir(path)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return fault.Inputf("%w", err)
		}
		r.files[tokenizerFile] = b
		for _, name := range []string{"tokenizer_config.json", "special_tokens_map.json", "vocab.json", "merges.txt", "tokenizer.model", "chat_template.jinja"} {
			delete(r.files, name)
			if b, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
				r.files[name] = b
			}
		}
	}
	r.digests.Tokenizer = trainstate.Digest(r.files[tokenizerFile])
	return nil
}

// encoder reads the tokenizer; token data does without.
func (r *run) encoder() (corpus.Encoder, error) {
	b := r.files[tokenizerFile]
	if b == nil {
		return nil, fault.Hint(fault.Inputf("text needs a tokenizer, and the model has no tokenizer.json"), "%v, or data of token ids", fault.Arg("tokenizer", "DIR"))
	}
	t, err := tokenizer.Load(b)
	if err != nil {
		return nil, fault.Inputf("%s: %w", tokenizerFile, err)
	}
	return t, nil
}

// writeConfig makes the config.json of the checkpoints: the model's own with the saved type, both spellings. What recorded how
// the model was grown does not hold for what training makes of it and stays behind.
func (r *run) writeConfig() error {
	c, m := r.config.Clone(), r.model.Clone()
	m.DType = r.dtype
	if err := m.Spec.Update(c, m); err != nil {
		return err
	}
	r.config = c
	r.digests.Config = trainstate.Digest(c.Bytes())
	for _, name := range []string{"plan.json", "proof.json", "config.json"} {
		delete(r.files, name)
	}
	return nil
}

func isFolder(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// inside reports whether path lies in dir.
func inside(path, dir string) bool {
	p, errP := filepath.Abs(path)
	d, errD := filepath.Abs(dir)
	if errP != nil || errD != nil {
		return false
	}
	rel, err := filepath.Rel(d, p)
	return err == nil && filepath.IsLocal(rel)
}

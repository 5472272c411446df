package convert

import (
	"slices"
	"strings"
	"unicode/utf8"

	"famkit/format"
	"famkit/internal/fault"
)

// Keys of the tokenizer in GGUF metadata.
const (
	tokenizerModel  = "tokenizer.ggml.model"
	tokenizerPre    = "tokenizer.ggml.pre"
	tokenizerTokens = "tokenizer.ggml.tokens"
	tokenizerTypes  = "tokenizer.ggml.token_type"
	tokenizerMerges = "tokenizer.ggml.merges"
	tokenizerScores = "tokenizer.ggml.scores"
)

// Types of a token.
const (
	tokenNormal  = 1
	tokenUnknown = 2
	tokenControl = 3
	tokenUser    = 4
	tokenUnused  = 5
)

// vocab is the tokenizer that a GGUF file describes. An id that is not set is -1.
type vocab struct {
	path               string
	tokens             []string
	types              []int64
	ids                map[string]int // of the tokens that the model can produce or match
	merges             [][2]string
	bos, eos, unk, pad int
	addBOS, addEOS     bool
	scheme             scheme
}

// readVocab reads the tokenizer of a model whose embedding has size rows.
func readVocab(meta *format.GGUFMeta, size int) (*vocab, error) {
	v := &vocab{path: meta.Path()}
	var err error
	if v.tokens, err = meta.Strs(tokenizerTokens); err != nil {
		return nil, err
	}
	if n := len(v.tokens); n == 0 || n > size {
		return nil, fault.Inputf("%s: metadata key %q: wanted 1 to %d tokens, as token_embd.weight has rows, found %d",
			v.path, tokenizerTokens, size, n)
	}
	if err := v.readTypes(meta); err != nil {
		return nil, err
	}
	if err := v.index(); err != nil {
		return nil, err
	}
	if err := v.readSpecial(meta); err != nil {
		return nil, err
	}
	if err := v.readScheme(meta); err != nil {
		return nil, err
	}
	return v, v.checkMerges()
}

func (v *vocab) readTypes(meta *format.GGUFMeta) (err error) {
	if !meta.Has(tokenizerTypes) {
		v.types = slices.Repeat([]int64{tokenNormal}, len(v.tokens))
		return nil
	}
	if v.types, err = meta.Ints(tokenizerTypes); err != nil {
		return err
	}
	if len(v.types) != len(v.tokens) {
		return fault.Inputf("%s: metadata key %q: wanted %d entries as there are tokens, found %d", v.path, tokenizerTypes,
			len(v.tokens), len(v.types))
	}
	return nil
}

// index maps tokens to ids. Padding that fills the embedding up ("[PAD17]", unused) is no token.
func (v *vocab) index() error {
	v.ids = make(map[string]int, len(v.tokens))
	for id, t := range v.tokens {
		if v.padding(id) {
			continue
		}
		if !utf8.ValidString(t) {
			return fault.Inputf("%s: metadata key %q: token %d: wanted UTF-8, found %q", v.path, tokenizerTokens, id, t)
		}
		if other, dup := v.ids[t]; dup {
			return fault.Inputf("%s: metadata key %q: token %q is there twice, as %d and %d", v.path, tokenizerTokens, t, other,
				id)
		}
		v.ids[t] = id
	}
	return nil
}

func (v *vocab) padding(id int) bool {
	return v.types[id] == tokenUnused && strings.HasPrefix(v.tokens[id], "[PAD")
}

func (v *vocab) readSpecial(meta *format.GGUFMeta) error {
	for _, s := range []struct {
		name string
		id   *int
	}{{"bos", &v.bos}, {"eos", &v.eos}, {"unknown", &v.unk}, {"padding", &v.pad}} {
		r := &ggufReader{GGUFMeta: meta}
		*s.id = -1
		if ids := r.ids(s.name); ids != nil {
			*s.id = ids[0]
		}
		if r.err != nil {
			return r.err
		}
		if *s.id >= len(v.tokens) {
			return fault.Inputf("%s: metadata key \"tokenizer.ggml.%s_token_id\": wanted an id below %d, found %d", v.path,
				s.name, len(v.tokens), *s.id)
		}
		if *s.id >= 0 && v.padding(*s.id) {
			delete(v.ids, v.tokens[*s.id])
			v.types[*s.id] = tokenControl
			v.ids[v.tokens[*s.id]] = *s.id
		}
	}
	return nil
}

// readScheme finds out how text is cut and merged, and what stands around it.
func (v *vocab) readScheme(meta *format.GGUFMeta) (err error) {
	kind, err := meta.Str(tokenizerModel)
	if err != nil {
		return err
	}
	switch kind {
	case "gpt2":
		err = v.readByteLevel(meta)
	case "llama":
		err = v.readSentencePiece(meta)
	default:
		err = fault.Inputf("%s: metadata key %q: wanted gpt2 (byte-level BPE) or llama (SentencePiece BPE), found %q", v.path,
			tokenizerModel, kind)
	}
	if err != nil {
		return err
	}
	v.addBOS, err = flag(meta, "tokenizer.ggml.add_bos_token", v.scheme.addBOS)
	if err != nil {
		return err
	}
	if v.addEOS, err = flag(meta, "tokenizer.ggml.add_eos_token", false); err != nil {
		return err
	}
	if v.addBOS && v.bos < 0 || v.addEOS && v.eos < 0 {
		return fault.Inputf("%s: the tokenizer is to add a token at the beginning (%t) or end (%t) of a text, but "+
			"bos_token_id is %d and eos_token_id %d",
			v.path, v.addBOS, v.addEOS, v.bos, v.eos)
	}
	return nil
}

func flag(meta *format.GGUFMeta, key string, def bool) (bool, error) {
	if !meta.Has(key) {
		return def, nil
	}
	return meta.Bool(key)
}

// readMerges splits the lines "a b".
func (v *vocab) readMerges(meta *format.GGUFMeta) error {
	lines, err := meta.Strs(tokenizerMerges)
	if err != nil {
		return err
	}
	v.merges = make([][2]string, len(lines))
	for i, line := range lines {
		a, b, ok := strings.Cut(line, " ")
		if !ok || a == "" || b == "" {
			return fault.Inputf("%s: metadata key %q: entry %d: wanted two tokens with a space between, found %q", v.path,
				tokenizerMerges, i, line)
		}
		v.merges[i] = [2]string{a, b}
	}
	return nil
}

// checkMerges refuses merges of or to what is no token; the tokenizers library would not load them.
func (v *vocab) checkMerges() error {
	for i, m := range v.merges {
		for _, t := range []string{m[0], m[1], m[0] + m[1]} {
			if _, ok := v.ids[t]; !ok {
				return fault.Inputf("%s: metadata key %q: entry %d, %q with %q: wanted tokens, found none called %q", v.path,
					tokenizerMerges, i, m[0], m[1], t)
			}
		}
	}
	return nil
}

// special reports whether a token never stands for text: decoding may skip it.
func (v *vocab) special(id int) bool {
	return v.types[id] == tokenControl || v.types[id] == tokenUnknown || id == v.bos || id == v.eos || id == v.unk ||
		id == v.pad
}

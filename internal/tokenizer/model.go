package tokenizer

import (
	"encoding/json"
	"errors"
	"strings"

	"famkit/internal/fault"
)

// model turns one word into ids.
type model interface {
	// encode appends the ids of word, using w for scratch memory.
	encode(dst []int32, word string, w *worker) []int32
	tokenID(token string) (int32, bool)
	words() map[string]int32
}

func (m *bpe) words() map[string]int32       { return m.vocab }
func (m *wordLevel) words() map[string]int32 { return m.vocab }

// wordLevel knows whole words only.
type wordLevel struct {
	vocab map[string]int32
	unk   int32
}

func (m *wordLevel) tokenID(token string) (int32, bool) {
	id, ok := m.vocab[token]
	return id, ok
}

func (m *wordLevel) encode(dst []int32, word string, _ *worker) []int32 {
	if id, ok := m.vocab[word]; ok {
		return append(dst, id)
	}
	return append(dst, m.unk)
}

// modelJSON is the model of tokenizer.json.
type modelJSON struct {
	Type         string            `json:"type"`
	Dropout      *float64          `json:"dropout"`
	UnkToken     *string           `json:"unk_token"`
	Prefix       *string           `json:"continuing_subword_prefix"`
	Suffix       *string           `json:"end_of_word_suffix"`
	FuseUnk      bool              `json:"fuse_unk"`
	ByteFallback bool              `json:"byte_fallback"`
	IgnoreMerges bool              `json:"ignore_merges"`
	Vocab        map[string]int32  `json:"vocab"`
	Merges       []json.RawMessage `json:"merges"`
}

func parseModel(raw json.RawMessage) (model, error) {
	if isNull(raw) {
		return nil, fault.Inputf("model is missing")
	}
	// The type is read first: other models spell their vocabulary differently.
	var head struct {
		Type   string          `json:"type"`
		Merges json.RawMessage `json:"merges"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return nil, fault.Inputf("model: %w", err)
	}
	if head.Type == "" && head.Merges != nil {
		head.Type = "BPE" // files of early versions do not say it
	}
	if head.Type != "BPE" && head.Type != "WordLevel" {
		return nil, fault.Inputf("model %q is not supported: wanted BPE or WordLevel", head.Type)
	}
	var c modelJSON
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, fault.Inputf("model %s: %w", head.Type, err)
	}
	unk := int32(-1)
	if c.UnkToken != nil {
		if id, ok := c.Vocab[*c.UnkToken]; ok {
			unk = id
		}
	}
	if head.Type == "WordLevel" {
		if unk < 0 {
			return nil, fault.Inputf("model WordLevel: wanted an unk_token that is in the vocabulary")
		}
		return &wordLevel{c.Vocab, unk}, nil
	}
	return c.bpe(unk)
}

func (c *modelJSON) bpe(unk int32) (*bpe, error) {
	if c.Dropout != nil && *c.Dropout != 0 {
		return nil, fault.Inputf("model BPE: dropout %g would give other ids every time: wanted null", *c.Dropout)
	}
	m := &bpe{vocab: c.Vocab, unk: unk, fuseUnk: c.FuseUnk, ignoreMerges: c.IgnoreMerges}
	if c.UnkToken != nil && unk < 0 {
		m.missingUnk = *c.UnkToken
	}
	if m.vocab == nil {
		m.vocab = map[string]int32{}
	}
	if c.Prefix != nil {
		m.prefix = *c.Prefix
	}
	if c.Suffix != nil {
		m.suffix = *c.Suffix
	}
	if n := max(len(m.prefix), len(m.suffix)); n > maxAffix {
		return nil, fault.Inputf("model BPE: a prefix or suffix of %d bytes, wanted at most %d", n, maxAffix)
	}
	if c.ByteFallback {
		m.findFallback()
	}
	m.merges = make(map[uint64]pairRank, len(c.Merges))
	for rank, raw := range c.Merges {
		a, b, err := parseMerge(raw)
		if err == errVersionLine {
			continue
		}
		if err == nil {
			err = m.addMerge(int32(rank), a, b)
		}
		if err != nil {
			return nil, fault.Inputf("model BPE: merge %d: %w", rank, err)
		}
	}
	return m, nil
}

var errVersionLine = errors.New("a #version line")

// parseMerge reads "a b" or ["a", "b"]; errVersionLine for the heading that merges.txt had.
func parseMerge(raw json.RawMessage) (a, b string, err error) {
	if len(raw) > 0 && raw[0] == '[' {
		var pair []string
		if err := json.Unmarshal(raw, &pair); err != nil {
			return "", "", fault.Inputf("%w", err)
		}
		if len(pair) != 2 {
			return "", "", fault.Inputf("wanted two tokens, found %d", len(pair))
		}
		return pair[0], pair[1], nil
	}
	var line string
	if err := json.Unmarshal(raw, &line); err != nil {
		return "", "", fault.Inputf("%w", err)
	}
	if strings.HasPrefix(line, "#version") {
		return "", "", errVersionLine
	}
	parts := strings.Split(line, " ")
	if len(parts) != 2 {
		return "", "", fault.Inputf("wanted two tokens with one space between, found %q", line)
	}
	return parts[0], parts[1], nil
}

func (m *bpe) addMerge(rank int32, a, b string) error {
	left, okA := m.vocab[a]
	right, okB := m.vocab[b]
	if !okA || !okB {
		missing := a
		if okA {
			missing = b
		}
		return fault.Inputf("token %q is not in the vocabulary", missing)
	}
	if !strings.HasPrefix(b, m.prefix) {
		return fault.Inputf("wanted the prefix %q, found token %q", m.prefix, b)
	}
	joined := a + b[len(m.prefix):]
	id, ok := m.vocab[joined]
	if !ok {
		return fault.Inputf("%q and %q give %q, which is not in the vocabulary", a, b, joined)
	}
	m.merges[pairKey(left, right)] = pairRank{rank, id} // the last of equal pairs counts, as in the library
	return nil
}

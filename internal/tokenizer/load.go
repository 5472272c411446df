package tokenizer

import (
	"bytes"
	"encoding/json"
	"strings"

	"famkit/internal/fault"
)

// Bounds on what Load accepts: far above the largest vocabularies in use.
const (
	// MaxFile bounds a tokenizer.json, in bytes.
	MaxFile = 64 << 20

	maxID    = 1 << 24
	maxDepth = 16
)

// fileJSON is the top level of tokenizer.json.
type fileJSON struct {
	AddedTokens   []addedToken    `json:"added_tokens"`
	Normalizer    json.RawMessage `json:"normalizer"`
	PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
	PostProcessor json.RawMessage `json:"post_processor"`
	Decoder       json.RawMessage `json:"decoder"`
	Model         json.RawMessage `json:"model"`
}

// Load reads the bytes of a tokenizer.json. Components that it does not know, inconsistent vocabularies and
// merges, and malformed JSON are refused by name.
func Load(data []byte) (*Tokenizer, error) { return LoadFile("tokenizer", data) }

// LoadFile is Load, with the name of the file that the bytes come from, for errors.
func LoadFile(name string, data []byte) (*Tokenizer, error) {
	t, err := load(data)
	if err != nil {
		return nil, fault.Inputf("%s: %w", name, err)
	}
	t.name = name
	return t, nil
}

func load(data []byte) (*Tokenizer, error) {
	if len(data) > MaxFile {
		return nil, fault.Inputf("wanted at most %d bytes, found %d", MaxFile, len(data))
	}
	var f fileJSON
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fault.Inputf("not a tokenizer.json: %w", err)
	}
	t := &Tokenizer{}
	t.workers.New = func() any { return newWorker() }
	m, err := parseModel(f.Model)
	if err != nil {
		return nil, err
	}
	t.model = m
	if t.norm, err = parseNormalizer(f.Normalizer, 0); err != nil {
		return nil, err
	}
	if t.pre, err = parseSplitter(f.PreTokenizer, 0); err != nil {
		return nil, err
	}
	if t.decoders, err = parseDecoders(f.Decoder, 0); err != nil {
		return nil, err
	}
	t.joined = !isNull(f.Decoder)
	if t.template, err = parseTemplate(f.PostProcessor, 0); err != nil {
		return nil, err
	}
	if err := t.addTokens(m.words(), f.AddedTokens); err != nil {
		return nil, err
	}
	if b, ok := m.(*bpe); ok {
		t.pre = leaveRaw(t.pre, b)
		if b.missingUnk != "" && !b.neverUnknown() {
			return nil, fault.Inputf("model BPE: unk_token %q is not in the vocabulary", b.missingUnk)
		}
	}
	return t, nil
}

// leaveRaw lets the model map bytes where ByteLevel is the last step before it.
func leaveRaw(s splitter, m *bpe) splitter {
	switch p := s.(type) {
	case byteLevelSplit:
		p.rawWords = true
		m.takeRawBytes()
		return p
	case sequenceSplit:
		if n := len(p); n > 0 {
			if last, ok := p[n-1].(byteLevelSplit); ok {
				p[n-1] = leaveRaw(last, m)
			}
		}
	}
	return s
}

// addTokens fills the table of tokens from the model's vocabulary and the added tokens, whose ids must be
// those that the library gives: that of the vocabulary, or else the next free one.
func (t *Tokenizer) addTokens(vocab map[string]int32, list []addedToken) error {
	// A table of all ids is made, so that they must not lie far apart.
	highest := min(maxID, 8*(len(vocab)+len(list))+1<<16)
	for token, id := range vocab {
		if err := t.setToken(id, token, highest); err != nil {
			return err
		}
	}
	next := int64(len(vocab))
	added := 0
	seen := map[string]addedToken{}
	var kept []addedToken
	for _, tok := range list {
		if tok.Content == "" {
			continue
		}
		if added += len(tok.Content); added > maxAddedText {
			return fault.Inputf("the added tokens have more than %d bytes", maxAddedText)
		}
		if before, ok := seen[tok.Content]; ok {
			if before != tok {
				return fault.Inputf("added token %q occurs twice with different settings", tok.Content)
			}
			continue
		}
		seen[tok.Content] = tok
		want, inVocab := vocab[tok.Content]
		if !inVocab {
			want = int32(next)
		}
		if int64(want) != tok.ID {
			return fault.Inputf("added token %q: wanted id %d from its place, found %d", tok.Content, want, tok.ID)
		}
		if !inVocab {
			if err := t.setToken(want, tok.Content, highest); err != nil {
				return err
			}
		}
		next = max(next, tok.ID+1)
		kept = append(kept, tok)
	}
	var err error
	if t.added, err = newAdded(kept, t.norm); err != nil {
		return err
	}
	for _, id := range t.template {
		if id != wholeText && (int(id) >= len(t.tokens) || !t.known[id]) {
			return fault.Inputf("post-processor: no token has id %d", id)
		}
	}
	return nil
}

func (t *Tokenizer) setToken(id int32, token string, highest int) error {
	if id < 0 || int(id) >= highest {
		return fault.Inputf("token %q: wanted an id below %d, found %d", token, highest, id)
	}
	if n := int(id) + 1 - len(t.tokens); n > 0 {
		t.tokens = append(t.tokens, make([]string, n)...)
		t.known = append(t.known, make([]bool, n)...)
	}
	if t.known[id] {
		return fault.Inputf("tokens %q and %q both have id %d", min(token, t.tokens[id]), max(token, t.tokens[id]), id)
	}
	t.tokens[id], t.known[id] = token, true
	return nil
}

func isNull(raw json.RawMessage) bool {
	return len(raw) == 0 || bytes.Equal(raw, []byte("null"))
}

// componentType is the type of a component of tokenizer.json; "" where it is null.
func componentType(what string, raw json.RawMessage, depth int) (string, error) {
	if isNull(raw) {
		return "", nil
	}
	if depth > maxDepth {
		return "", fault.Inputf("%s: nested more than %d deep", what, maxDepth)
	}
	var c struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return "", fault.Inputf("%s: %w", what, err)
	}
	if strings.TrimSpace(c.Type) == "" {
		return "", fault.Inputf("%s has no type", what)
	}
	return c.Type, nil
}

func decodeComponent(what, kind string, raw json.RawMessage, c any) error {
	if err := json.Unmarshal(raw, c); err != nil {
		return fault.Inputf("%s %s: %w", what, kind, err)
	}
	return nil
}

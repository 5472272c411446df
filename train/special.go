package train

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"famkit/internal/arch"
	"famkit/internal/corpus"
	"famkit/internal/fault"
	"famkit/internal/tokenizer"
)

// The files beside tokenizer.json that name its special tokens.
const (
	tokenizerConfig = "tokenizer_config.json"
	specialTokens   = "special_tokens_map.json"
)

// Token is a token of the vocabulary, and who named it.
type Token struct {
	ID   int32  `json:"id"`
	Text string `json:"text"`
	From string `json:"from"`
}

// loadTokenizer reads the tokenizer once.
func (r *run) loadTokenizer() (*tokenizer.Tokenizer, error) {
	if r.tok != nil {
		return r.tok, nil
	}
	b := r.files[tokenizerFile]
	if b == nil {
		return nil, fault.Hint(fault.Inputf("text needs a tokenizer, and the model has no %s", tokenizerFile),
			"%v, or data of token ids",
			fault.Arg("tokenizer", "DIR"))
	}
	t, err := tokenizer.Load(b)
	if err != nil {
		return nil, fault.Inputf("%s: %w", tokenizerFile, err)
	}
	r.tok = t
	return t, nil
}

// text is what the data needs to turn text into ids.
func (r *run) text() (corpus.Encoder, int32, error) {
	t, err := r.loadTokenizer()
	if err != nil {
		return nil, 0, err
	}
	if r.plan.Data.Separator, err = r.separator(); err != nil {
		return nil, 0, err
	}
	return t, r.plan.Data.Separator.ID, nil
}

// separator is the token that follows each document: the one that was named, or the end of text. A config.json without
// eos_token_id has none: transformers would take the id that is the default of the architecture, whatever token that
// is.
func (r *run) separator() (*Token, error) {
	if name := r.s.Separator; name != "" {
		return r.namedToken(name)
	}
	own, err := r.tokenizerToken("eos_token")
	if err != nil {
		return nil, err
	}
	for _, from := range []struct {
		file string
		ids  []int
	}{
		{configFile + ": eos_token_id", explicit(r.config, "eos_token_id", r.model.EOS)},
		{generationFile + ": eos_token_id", r.generationIDs("eos_token_id")},
	} {
		if len(from.ids) > 0 {
			return r.agreed(from.ids, from.file, own)
		}
	}
	if own != nil {
		return own, nil
	}
	if ids := explicit(r.config, "bos_token_id", r.model.BOS); len(ids) > 0 {
		return r.agreed(ids, configFile+": bos_token_id", nil)
	}
	return nil, fault.Hint(fault.Inputf("no token ends a document: neither %s nor the tokenizer's files name an end of "+
		"text",
		configFile),
		"%v names it%s", fault.Arg("separator", "TOKEN"), r.candidates())
}

// agreed gives the first of ids as a token. It refuses one that is an ordinary token while the tokenizer names another
// end of text.
func (r *run) agreed(ids []int, from string, own *Token) (*Token, error) {
	t, err := r.loadTokenizer()
	if err != nil {
		return nil, err
	}
	text, ok := t.Token(int32(ids[0]))
	switch {
	case !ok || ids[0] >= r.model.Vocab:
		return nil, fault.Hint(fault.Inputf("%s is %d, which is no token of %s", from, ids[0], tokenizerFile),
			"%v names the one to use%s",
			fault.Arg("separator", "TOKEN"), r.candidates())
	case own != nil && !slices.Contains(ids, int(own.ID)) && !t.IsSpecial(int32(ids[0])):
		return nil, fault.Hint(fault.Inputf("%s is %d, which is the ordinary token %q; %s names %q (%d)", from, ids[0], text,
			own.From, own.Text, own.ID),
			"correct %s, or %v names the one to use", configFile, fault.Arg("separator", own.ID))
	}
	return &Token{int32(ids[0]), text, from}, nil
}

// namedToken finds a token by its id, where the name is a number, or by its text.
func (r *run) namedToken(name string) (*Token, error) {
	t, err := r.loadTokenizer()
	if err != nil {
		return nil, err
	}
	id, ok := t.TokenID(name)
	if n, err := strconv.ParseInt(name, 10, 32); err == nil {
		id = int32(n)
		_, ok = t.Token(id)
	}
	if !ok || int(id) >= r.model.Vocab {
		return nil, fault.Hint(fault.Inputf("%v %q: no such token", fault.Arg("separator"), name),
			"it is a token's id or text%s", r.candidates())
	}
	text, _ := t.Token(id)
	return &Token{id, text, "given"}, nil
}

// tokenizerToken is a special token that the tokenizer's files name, nil where they name none.
func (r *run) tokenizerToken(key string) (*Token, error) {
	for _, file := range []string{tokenizerConfig, specialTokens} {
		var fields map[string]json.RawMessage
		if json.Unmarshal(r.files[file], &fields) != nil {
			continue
		}
		text := tokenText(fields[key])
		if text == "" {
			continue
		}
		t, err := r.loadTokenizer()
		if err != nil {
			return nil, err
		}
		id, ok := t.TokenID(text)
		if !ok || int(id) >= r.model.Vocab {
			return nil, fault.Inputf("%s: %s %q is no token of %s", file, key, text, tokenizerFile)
		}
		return &Token{id, text, file + ": " + key}, nil
	}
	return nil, nil
}

// tokenText reads a token as a string or as an object with its content.
func tokenText(v json.RawMessage) (text string) {
	if json.Unmarshal(v, &text) == nil {
		return text
	}
	var object struct{ Content string }
	if json.Unmarshal(v, &object) == nil {
		return object.Content
	}
	return ""
}

// explicit gives ids that the config itself names, not those that its class has as a default.
func explicit(c *arch.Config, key string, ids []int) []int {
	if !c.IsSet(key) {
		return nil
	}
	return ids
}

// generationIDs reads an id, or a list of them, of generation_config.json.
func (r *run) generationIDs(key string) []int {
	b := r.files[generationFile]
	if b == nil {
		return nil
	}
	c, err := arch.ParseConfig(b)
	if err != nil || !c.IsSet(key) {
		return nil
	}
	if list, ok, err := c.Ints(key); err == nil && ok {
		return list
	}
	if id, err := c.Int(key, -1); err == nil && id >= 0 {
		return []int{id}
	}
	return nil
}

// candidates lists the tokenizer's special tokens for a hint.
func (r *run) candidates() string {
	const most = 8
	var list []string
	for _, id := range r.tok.SpecialIDs() {
		text, _ := r.tok.Token(id)
		if list = append(list, fmt.Sprintf("%.40q (%d)", text, id)); len(list) == most {
			break
		}
	}
	if len(list) == 0 {
		return ""
	}
	return "; the tokenizer has " + strings.Join(list, ", ")
}

// completeConfig gives the config of a new model the special ids that it does not name, from the tokenizer, and refuses
// a tokenizer that the config contradicts. path is the config's.
func (r *run) completeConfig(path string) error {
	defer func() { r.files[generationFile] = generationConfig(r.config, r.model) }()
	if r.files[tokenizerFile] == nil {
		return nil
	}
	t, err := r.loadTokenizer()
	if err != nil {
		return err
	}
	if n := t.VocabSize(); n > r.model.Vocab {
		return fault.Inputf("%s: vocab_size %d is too small for the tokenizer's %d tokens", path, r.model.Vocab, n)
	}
	for _, k := range []struct {
		key, token string
		ids        *[]int
	}{{"bos_token_id", "bos_token", &r.model.BOS}, {"eos_token_id", "eos_token", &r.model.EOS}} {
		own, err := r.tokenizerToken(k.token)
		if err != nil {
			return err
		}
		switch {
		case r.config.IsSet(k.key):
			if _, err := r.agreed(*k.ids, path+": "+k.key, own); err != nil {
				return err
			}
		case own != nil:
			*k.ids = []int{int(own.ID)}
			r.config.Set(k.key, int(own.ID))
			r.plan.Special = append(r.plan.Special, fmt.Sprintf("%s %d, %q of %s", k.key, own.ID, own.Text, own.From))
		}
	}
	return nil
}

// generationConfig is what transformers derives from a model's config when no such file is there, of the ids that the
// config names itself.
func generationConfig(c *arch.Config, m *arch.Model) []byte {
	ids := func(key string, list []int) any {
		switch list = explicit(c, key, list); len(list) {
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
	}{true, ids("bos_token_id", m.BOS), ids("eos_token_id", m.EOS)}, "", "  ")
	if err != nil {
		panic(err) // numbers marshal
	}
	return append(b, '\n')
}

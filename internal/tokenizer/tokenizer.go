// Package tokenizer reads Hugging Face tokenizer.json files, turns text into the same ids as the tokenizers
// library and back, and trains byte-level BPE tokenizers that the library loads.
package tokenizer

import (
	"sync"

	"famkit/internal/fault"
)

// Tokenizer is one loaded tokenizer.json. It is immutable and may be used by many goroutines at once.
// Truncation and padding settings in the file are not applied: every text gives all of its ids.
type Tokenizer struct {
	name     string     // the file, for errors
	norm     normalizer // nil: none
	pre      splitter   // nil: the whole segment is one word
	model    model
	added    added
	template []int32 // ids around the text, wholeText where the text goes
	decoders []decoder
	joined   bool     // there is a decoder; without one, tokens are joined by spaces
	tokens   []string // id -> token text
	known    []bool   // id -> whether a token has it
	workers  sync.Pool
}

// wholeText stands for the ids of the text in a template.
const wholeText int32 = -1

// VocabSize is the number of ids that a model needs for this tokenizer: its largest id plus one.
func (t *Tokenizer) VocabSize() int { return len(t.tokens) }

// TokenID is the id of a token given by its text as tokenizer.json spells it (byte-level alphabet included).
func (t *Tokenizer) TokenID(token string) (int32, bool) {
	if id, ok := t.added.ids[token]; ok {
		return id, true
	}
	return t.model.tokenID(token)
}

// Token is the text of an id as tokenizer.json spells it; false where no token has that id.
func (t *Tokenizer) Token(id int32) (string, bool) {
	if id < 0 || int(id) >= len(t.tokens) || !t.known[id] {
		return "", false
	}
	return t.tokens[id], true
}

// IsSpecial says whether an id belongs to a special token, which Decode can skip.
func (t *Tokenizer) IsSpecial(id int32) bool {
	s, ok := t.Token(id)
	return ok && t.added.special[s]
}

// SpecialIDs lists the ids of the special tokens in increasing order.
func (t *Tokenizer) SpecialIDs() []int32 {
	var ids []int32
	for id := range t.tokens {
		if t.IsSpecial(int32(id)) {
			ids = append(ids, int32(id))
		}
	}
	return ids
}

// Encode gives the ids of text. Added tokens that occur in the text are recognised, special ones too, as the
// library does. With addSpecial the post-processor's tokens (such as <s>) are put around the text.
// Bytes that are not UTF-8 count as U+FFFD, one for each maximal ill-formed part. The errors are
// those of a tokenizer.json that multiplies the text, or whose regular expressions take too long on it.
func (t *Tokenizer) Encode(text string, addSpecial bool) ([]int32, error) {
	ids, err := t.EncodeAppend(nil, text)
	if err != nil || !addSpecial || len(t.template) == 1 {
		return ids, err
	}
	out := make([]int32, 0, len(ids)+len(t.template))
	for _, id := range t.template {
		if id == wholeText {
			out = append(out, ids...)
		} else {
			out = append(out, id)
		}
	}
	return out, nil
}

// EncodeAppend appends the ids of text to dst, without the post-processor's tokens. See Encode for the error.
func (t *Tokenizer) EncodeAppend(dst []int32, text string) ([]int32, error) {
	w := t.workers.Get().(*worker)
	defer t.workers.Put(w)
	dst, err := t.encodeText(dst, validText(text), w, newWork(len(text)))
	if err != nil {
		return dst, fault.Inputf("%s: %w", t.name, err)
	}
	return dst, nil
}

// encodeText finds the added tokens that match raw text, then normalizes what lies between them.
func (t *Tokenizer) encodeText(dst []int32, text string, w *worker, left *work) ([]int32, error) {
	err := t.added.raw.each(text, func(start, end int, id int32) error {
		if id >= 0 {
			dst = append(dst, id)
			return nil
		}
		segment := text[start:end]
		var err error
		if t.norm != nil {
			if segment, err = t.norm.normalize(segment, left); err != nil {
				return fault.Inputf("normalizer: %w", err)
			}
		}
		dst, err = t.encodeNormalized(dst, segment, start == 0, w, left)
		return err
	})
	return dst, err
}

// encodeNormalized finds the added tokens that match normalized text and gives the rest to the model, word by word.
func (t *Tokenizer) encodeNormalized(dst []int32, text string, first bool, w *worker, left *work) ([]int32, error) {
	word := func(s string, _ bool) error {
		dst = t.model.encode(dst, s, w)
		return nil
	}
	err := t.added.normalized.each(text, func(start, end int, id int32) error {
		switch {
		case id >= 0:
			dst = append(dst, id)
		case t.pre == nil:
			return word(text[start:end], false)
		default:
			return t.pre.split(text[start:end], first && start == 0, left, word)
		}
		return nil
	})
	return dst, err
}

// Decode gives the text of ids, leaving special tokens out where skipSpecial is set. An id that no token has
// is an error (the library leaves it out silently).
func (t *Tokenizer) Decode(ids []int32, skipSpecial bool) (string, error) {
	tokens := make([]string, 0, len(ids))
	for i, id := range ids {
		s, ok := t.Token(id)
		if !ok {
			return "", fault.Inputf("id %d at position %d: wanted the id of a token, 0 to %d", id, i, len(t.tokens)-1)
		}
		if pattern, ok := t.added.decoded[id]; ok {
			s = pattern
		}
		if skipSpecial && t.added.special[s] {
			continue
		}
		tokens = append(tokens, s)
	}
	text, err := t.join(tokens)
	if err != nil {
		return "", fault.Inputf("%s: %w", t.name, err)
	}
	return text, nil
}

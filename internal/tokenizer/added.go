package tokenizer

import (
	"unicode"
	"unicode/utf8"

	"famkit/internal/fault"
)

// addedToken is an entry of added_tokens in tokenizer.json.
type addedToken struct {
	ID         int64  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	Lstrip     bool   `json:"lstrip"`
	Rstrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

// added holds the added tokens: those looked for in raw text and those looked for after normalization.
type added struct {
	ids             map[string]int32
	special         map[string]bool
	decoded         map[int32]string // what Decode makes of tokens that the normalizer changes: their normalized text
	raw, normalized matcher
}

// newAdded lays the added tokens out in the library's order: special ones first, so that the first of two
// equal patterns wins.
func newAdded(tokens []addedToken, norm normalizer) (added, error) {
	a := added{ids: map[string]int32{}, special: map[string]bool{}, decoded: map[int32]string{}}
	total := 0
	for _, tok := range tokens {
		total += len(tok.Content)
		a.ids[tok.Content] = int32(tok.ID)
		if tok.Special {
			a.special[tok.Content] = true
		}
	}
	left := newWork(total)
	for _, special := range []bool{true, false} {
		for _, tok := range tokens {
			if a.special[tok.Content] != special {
				continue
			}
			if !tok.Normalized {
				a.raw.add(tok.Content, tok)
				continue
			}
			pattern := tok.Content
			if norm != nil {
				var err error
				if pattern, err = norm.normalize(pattern, left); err != nil {
					return a, fault.Inputf("added token %q: normalizer: %w", tok.Content, err)
				}
			}
			if pattern == "" {
				return a, fault.Inputf("added token %q: the normalizer leaves nothing of it", tok.Content)
			}
			if pattern != tok.Content {
				a.decoded[int32(tok.ID)] = pattern
			}
			a.normalized.add(pattern, tok)
		}
	}
	a.raw.finish()
	a.normalized.finish()
	return a, nil
}

func endsWithWord(s string) bool {
	r, n := utf8.DecodeLastRuneInString(s)
	return n > 0 && isWord(r)
}

func startsWithWord(s string) bool {
	r, n := utf8.DecodeRuneInString(s)
	return n > 0 && isWord(r)
}

// trimRightSpace is the length of s without the white space at its end.
func trimRightSpace(s string) int {
	for len(s) > 0 {
		r, n := utf8.DecodeLastRuneInString(s)
		if !unicode.IsSpace(r) {
			break
		}
		s = s[:len(s)-n]
	}
	return len(s)
}

// leadingSpace is the length of the white space at the start of s.
func leadingSpace(s string) int {
	for i, r := range s {
		if !unicode.IsSpace(r) {
			return i
		}
	}
	return len(s)
}

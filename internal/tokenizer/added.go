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

// matcher finds added tokens in text: leftmost first, among those the longest.
type matcher struct {
	starts [256]bool // bytes that begin a token
	root   trieNode
	empty  bool
}

type trieNode struct {
	next  map[byte]*trieNode
	id    int32 // -1: no token ends here
	token addedToken
}

// newAdded lays the added tokens out in the library's order: special ones first, so that the first of two
// equal patterns wins.
func newAdded(tokens []addedToken, norm normalizer) (added, error) {
	a := added{ids: map[string]int32{}, special: map[string]bool{}, decoded: map[int32]string{}}
	a.raw.empty, a.normalized.empty = true, true
	for _, tok := range tokens {
		a.ids[tok.Content] = int32(tok.ID)
		if tok.Special {
			a.special[tok.Content] = true
		}
	}
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
				if pattern, err = norm.normalize(pattern); err != nil {
					return a, err
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
	return a, nil
}

// add enters a pattern; the first of equal patterns stays.
func (m *matcher) add(pattern string, tok addedToken) {
	m.starts[pattern[0]] = true
	n := &m.root
	for i := range len(pattern) {
		if n.next == nil {
			n.next = map[byte]*trieNode{}
		}
		c := n.next[pattern[i]]
		if c == nil {
			c = &trieNode{id: -1}
			n.next[pattern[i]] = c
		}
		n = c
	}
	if n.id < 0 {
		n.id, n.token = int32(tok.ID), tok
	}
	m.empty = false
}

// next finds the first token at or after byte i; node nil: there is none.
func (m *matcher) next(s string, i int) (start, end int, node *trieNode) {
	for ; i < len(s); i++ {
		if !m.starts[s[i]] {
			continue
		}
		n := &m.root
		for j := i; j < len(s); j++ {
			if n = n.next[s[j]]; n == nil {
				break
			}
			if n.id >= 0 {
				end, node = j+1, n
			}
		}
		if node != nil {
			return i, end, node
		}
	}
	return 0, 0, nil
}

// each calls f on the parts of s in order: the text between tokens with id -1 (never empty) and the tokens.
func (m *matcher) each(s string, f func(start, end int, id int32) error) error {
	done := 0
	for at := 0; !m.empty; {
		start, end, node := m.next(s, at)
		if node == nil {
			break
		}
		at = end
		tok := node.token
		if tok.SingleWord && (endsWithWord(s[:start]) || startsWithWord(s[end:])) {
			continue
		}
		if tok.Lstrip {
			start = max(trimRightSpace(s[:start]), done)
		}
		if tok.Rstrip {
			end += leadingSpace(s[end:])
		}
		if done < start {
			if err := f(done, start, -1); err != nil {
				return err
			}
		}
		if err := f(start, end, node.id); err != nil {
			return err
		}
		done = end
	}
	if done < len(s) {
		return f(done, len(s), -1)
	}
	return nil
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

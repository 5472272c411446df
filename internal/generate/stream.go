package generate

import "strings"

// Decoder turns ids into text; package tokenizer has one.
type Decoder interface {
	Decode(ids []int32, skipSpecial bool) (string, error)
}

// Stream gives text as its tokens come. What a token means depends on those before it, and a character may take
// several tokens: so the last few are decoded again with each new one, and an unfinished character waits for the
// next.
type Stream struct {
	tok     Decoder
	special bool // special tokens are shown
	ids     []int32
	from    int // the tokens that give the context of the next
	shown   int // tokens whose text was given
}

// NewStream begins after the prompt, whose text is not given.
func NewStream(tok Decoder, prompt []int32, special bool) *Stream {
	return &Stream{tok: tok, special: special, ids: append([]int32(nil), prompt...), shown: len(prompt)}
}

// Add gives the text that an id completes, often "".
func (s *Stream) Add(id int32) (string, error) {
	if _, err := s.tok.Decode([]int32{id}, false); err != nil {
		return "", nil // an id of the model's that no token has
	}
	s.ids = append(s.ids, id)
	text, err := s.pending()
	if err != nil || text == "" || strings.HasSuffix(text, "\uFFFD") {
		return "", err
	}
	s.from, s.shown = s.shown, len(s.ids)
	return text, nil
}

// End gives what is left: an unfinished character, as the tokenizer shows it.
func (s *Stream) End() (string, error) { return s.pending() }

// pending is the text of the tokens that are not shown yet.
func (s *Stream) pending() (string, error) {
	before, err := s.tok.Decode(s.ids[s.from:s.shown], !s.special)
	if err != nil {
		return "", err
	}
	all, err := s.tok.Decode(s.ids[s.from:], !s.special)
	if err != nil {
		return "", err
	}
	return all[common(before, all):], nil
}

// common is the length of what two texts begin with alike. It is the first one's, unless that ends inside a character.
func common(a, b string) int {
	n := 0
	for i, r := range a {
		if !strings.HasPrefix(b[i:], string(r)) {
			return i
		}
		n = i + len(string(r))
	}
	return n
}

package strictjson

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Raw takes a string without escapes and gives its bytes within the text; a string with escapes is decoded.
func (w *Walker) Raw() ([]byte, error) {
	if w.pos >= len(w.text) || w.text[w.pos] != '"' {
		return nil, w.Failf("wanted a string, found %s", w.Found())
	}
	start := w.pos + 1
	for i := start; i < len(w.text); i++ {
		switch c := w.text[i]; {
		case c == '"':
			w.pos = i + 1
			return w.text[start:i], nil
		case c == '\\':
			return w.escaped(start, i)
		case c < 0x20:
			w.pos = i
			return nil, w.Failf("control character %#02x in a string", c)
		}
	}
	w.pos = len(w.text)
	return nil, w.Failf("a string does not end")
}

// Str takes a string.
func (w *Walker) Str() (string, error) {
	b, err := w.Raw()
	return string(b), err
}

// escaped decodes a string whose first backslash is at i.
func (w *Walker) escaped(start, i int) ([]byte, error) {
	out := append([]byte(nil), w.text[start:i]...)
	for w.pos = i; w.pos < len(w.text); {
		switch c := w.text[w.pos]; {
		case c == '"':
			w.pos++
			return out, nil
		case c < 0x20:
			return nil, w.Failf("control character %#02x in a string", c)
		case c != '\\':
			out = append(out, c)
			w.pos++
		default:
			r, err := w.escape()
			if err != nil {
				return nil, err
			}
			out = utf8.AppendRune(out, r)
		}
	}
	return nil, w.Failf("a string does not end")
}

var simpleEscapes = map[byte]rune{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape takes one escape sequence, a surrogate pair as one.
func (w *Walker) escape() (rune, error) {
	if w.pos+1 >= len(w.text) {
		return 0, w.Failf("a string does not end")
	}
	c := w.text[w.pos+1]
	if r, ok := simpleEscapes[c]; ok {
		w.pos += 2
		return r, nil
	}
	if c != 'u' {
		return 0, w.Failf("invalid escape %s", w.Found())
	}
	r, err := w.hex4()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	if w.pos+1 < len(w.text) && w.text[w.pos] == '\\' && w.text[w.pos+1] == 'u' {
		low, err := w.hex4()
		if err != nil {
			return 0, err
		}
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, nil
		}
	}
	return 0, w.Failf("lone surrogate in a string")
}

func (w *Walker) hex4() (rune, error) {
	if w.pos+6 > len(w.text) {
		return 0, w.Failf("invalid escape %s", w.Found())
	}
	v, err := strconv.ParseUint(string(w.text[w.pos+2:w.pos+6]), 16, 16)
	if err != nil {
		return 0, w.Failf("invalid escape %s", w.Found())
	}
	w.pos += 6
	return rune(v), nil
}

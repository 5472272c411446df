package format

import (
	"fmt"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// depthCap is how deep values may nest inside keys that are ignored: serde_json's limit of 128, less what stands around them.
const depthCap = 125

// walker reads JSON token by token, for headers and indexes. encoding/json would accept duplicate names and replace bad surrogates, and it
// decodes a large header ten times slower. Errors carry the byte offset within the header.
type walker struct {
	text []byte
	pos  int
	dims []uint64 // the shapes are cut from here, a few thousand to an allocation
}

type syntaxError struct {
	pos int
	msg string
}

func (e *syntaxError) Error() string { return fmt.Sprintf("%s at byte %d", e.msg, e.pos) }

func (w *walker) failf(format string, a ...any) error {
	return &syntaxError{w.pos, fmt.Sprintf(format, a...)}
}

func (w *walker) space() {
	for w.pos < len(w.text) {
		switch w.text[w.pos] {
		case ' ', '\t', '\n', '\r':
			w.pos++
		default:
			return
		}
	}
}

// next skips spaces and gives the next byte without taking it, 0 at the end.
func (w *walker) next() byte {
	if w.space(); w.pos < len(w.text) {
		return w.text[w.pos]
	}
	return 0
}

// found shows what stands at the present place, for messages.
func (w *walker) found() string {
	if w.pos >= len(w.text) {
		return "the end"
	}
	return strconv.Quote(string(w.text[w.pos:min(len(w.text), w.pos+12)]))
}

func (w *walker) take(c byte) error {
	if w.next() != c || w.pos >= len(w.text) {
		return w.failf("wanted %q, found %s", c, w.found())
	}
	w.pos++
	return nil
}

// object walks {"key": value, ...}; value is called with the cursor before each value and must take it.
// The key is valid only during the call.
func (w *walker) object(what string, value func(key []byte) error) error {
	if w.next() != '{' {
		return w.failf("%s: wanted an object, found %s", what, w.found())
	}
	w.pos++
	if w.next() == '}' {
		w.pos++
		return nil
	}
	for {
		w.space()
		key, err := w.raw()
		if err != nil {
			return err
		}
		if err := w.take(':'); err != nil {
			return err
		}
		if err := value(key); err != nil {
			return err
		}
		if w.next() == '}' {
			w.pos++
			return nil
		}
		if err := w.take(','); err != nil {
			return err
		}
	}
}

// array walks [value, ...].
func (w *walker) array(what string, value func() error) error {
	if w.next() != '[' {
		return w.failf("%s: wanted an array, found %s", what, w.found())
	}
	w.pos++
	if w.next() == ']' {
		w.pos++
		return nil
	}
	for {
		if err := value(); err != nil {
			return err
		}
		if w.next() == ']' {
			w.pos++
			return nil
		}
		if err := w.take(','); err != nil {
			return err
		}
	}
}

// uint takes a number that is an unsigned integer as JSON spells it: no sign, no fraction, no exponent, no leading zero.
func (w *walker) uint() (v uint64, ok bool) {
	w.space()
	i := w.pos
	for ; i < len(w.text) && w.text[i]-'0' <= 9; i++ {
		d := uint64(w.text[i] - '0')
		if v > (math.MaxUint64-d)/10 {
			return 0, false
		}
		v = v*10 + d
	}
	n := i - w.pos
	if n == 0 || n > 1 && w.text[w.pos] == '0' {
		return 0, false
	}
	if i < len(w.text) && (w.text[i] == '.' || w.text[i] == 'e' || w.text[i] == 'E') {
		return 0, false
	}
	w.pos = i
	return v, true
}

// raw takes a string without escapes and gives its bytes within the header; one with escapes is decoded.
func (w *walker) raw() ([]byte, error) {
	if w.pos >= len(w.text) || w.text[w.pos] != '"' {
		return nil, w.failf("wanted a string, found %s", w.found())
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
			return nil, w.failf("control character %#02x in a string", c)
		}
	}
	w.pos = len(w.text)
	return nil, w.failf("a string does not end")
}

func (w *walker) str() (string, error) {
	b, err := w.raw()
	return string(b), err
}

// escaped decodes a string whose first backslash is at i.
func (w *walker) escaped(start, i int) ([]byte, error) {
	out := append([]byte(nil), w.text[start:i]...)
	for w.pos = i; w.pos < len(w.text); {
		switch c := w.text[w.pos]; {
		case c == '"':
			w.pos++
			return out, nil
		case c < 0x20:
			return nil, w.failf("control character %#02x in a string", c)
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
	return nil, w.failf("a string does not end")
}

var simpleEscapes = map[byte]rune{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape takes one escape sequence, a surrogate pair as one.
func (w *walker) escape() (rune, error) {
	if w.pos+1 >= len(w.text) {
		return 0, w.failf("a string does not end")
	}
	c := w.text[w.pos+1]
	if r, ok := simpleEscapes[c]; ok {
		w.pos += 2
		return r, nil
	}
	if c != 'u' {
		return 0, w.failf("invalid escape %s", w.found())
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
	return 0, w.failf("lone surrogate in a string")
}

func (w *walker) hex4() (rune, error) {
	if w.pos+6 > len(w.text) {
		return 0, w.failf("invalid escape %s", w.found())
	}
	v, err := strconv.ParseUint(string(w.text[w.pos+2:w.pos+6]), 16, 16)
	if err != nil {
		return 0, w.failf("invalid escape %s", w.found())
	}
	w.pos += 6
	return rune(v), nil
}

func (w *walker) word(s string) error {
	if w.pos+len(s) > len(w.text) || string(w.text[w.pos:w.pos+len(s)]) != s {
		return w.failf("wanted %s, found %s", s, w.found())
	}
	w.pos += len(s)
	return nil
}

// skip takes any value.
func (w *walker) skip(depth int) error {
	switch c := w.next(); {
	case (c == '{' || c == '[') && depth >= depthCap:
		return w.failf("values nest deeper than %d", depthCap)
	case c == '{':
		return w.object("value", func([]byte) error { return w.skip(depth + 1) })
	case c == '[':
		return w.array("value", func() error { return w.skip(depth + 1) })
	case c == '"':
		_, err := w.raw()
		return err
	case c == 't':
		return w.word("true")
	case c == 'f':
		return w.word("false")
	case c == 'n':
		return w.word("null")
	}
	return w.number()
}

// number takes any JSON number.
func (w *walker) number() error {
	i := w.pos
	digits := func() bool {
		from := i
		for i < len(w.text) && w.text[i]-'0' <= 9 {
			i++
		}
		return i > from
	}
	at := func(set string) bool {
		for k := range len(set) {
			if i < len(w.text) && w.text[i] == set[k] {
				i++
				return true
			}
		}
		return false
	}
	at("-")
	whole := i
	ok := digits() && (w.text[whole] != '0' || i == whole+1)
	if ok && at(".") {
		ok = digits()
	}
	if ok && at("eE") {
		at("+-")
		ok = digits()
	}
	if !ok {
		return w.failf("wanted a value, found %s", w.found())
	}
	if _, err := strconv.ParseFloat(string(w.text[w.pos:i]), 64); err != nil {
		return w.failf("number out of range")
	}
	w.pos = i
	return nil
}

package strictjson

import (
	"fmt"
	"math"
	"strconv"
)

// MaxDepth is how deep values may nest: the limit of serde_json, which reads tokenizers and safetensors headers.
// Python's own reader gives up somewhat deeper.
const MaxDepth = 128

// Walker reads JSON token by token. Its text must be valid UTF-8. Errors carry the byte offset within the text.
type Walker struct {
	text []byte
	pos  int
}

// NewWalker stands before the first value of text.
func NewWalker(text []byte) Walker { return Walker{text: text} }

// syntaxError is an error that knows its place in the text.
type syntaxError struct {
	pos int
	msg string
}

func (e *syntaxError) Error() string { return fmt.Sprintf("%s at byte %d", e.msg, e.pos) }

// Failf is an error at the present place.
func (w *Walker) Failf(format string, a ...any) error {
	return &syntaxError{w.pos, fmt.Sprintf(format, a...)}
}

func (w *Walker) space() {
	for w.pos < len(w.text) {
		switch w.text[w.pos] {
		case ' ', '\t', '\n', '\r':
			w.pos++
		default:
			return
		}
	}
}

// Next skips spaces and gives the next byte without taking it, 0 at the end.
func (w *Walker) Next() byte {
	if w.space(); w.pos < len(w.text) {
		return w.text[w.pos]
	}
	return 0
}

// Found shows what stands at the present place, for messages.
func (w *Walker) Found() string {
	if w.pos >= len(w.text) {
		return "the end"
	}
	return strconv.Quote(string(w.text[w.pos:min(len(w.text), w.pos+12)]))
}

// End refuses anything but spaces after the last value.
func (w *Walker) End(what string) error {
	if w.space(); w.pos < len(w.text) {
		return w.Failf("found %s after %s", w.Found(), what)
	}
	return nil
}

func (w *Walker) take(c byte) error {
	if w.Next() != c || w.pos >= len(w.text) {
		return w.Failf("wanted %q, found %s", c, w.Found())
	}
	w.pos++
	return nil
}

// Object walks {"key": value, ...}; value is called with the cursor before each value and must take it.
// The key is valid only during the call.
func (w *Walker) Object(what string, value func(key []byte) error) error {
	if w.Next() != '{' {
		return w.Failf("%s: wanted an object, found %s", what, w.Found())
	}
	w.pos++
	if w.Next() == '}' {
		w.pos++
		return nil
	}
	for {
		w.space()
		key, err := w.Raw()
		if err != nil {
			return err
		}
		if err := w.take(':'); err != nil {
			return err
		}
		if err := value(key); err != nil {
			return err
		}
		if w.Next() == '}' {
			w.pos++
			return nil
		}
		if err := w.take(','); err != nil {
			return err
		}
	}
}

// Array walks [value, ...].
func (w *Walker) Array(what string, value func() error) error {
	if w.Next() != '[' {
		return w.Failf("%s: wanted an array, found %s", what, w.Found())
	}
	w.pos++
	if w.Next() == ']' {
		w.pos++
		return nil
	}
	for {
		if err := value(); err != nil {
			return err
		}
		if w.Next() == ']' {
			w.pos++
			return nil
		}
		if err := w.take(','); err != nil {
			return err
		}
	}
}

// Uint takes a number that is an unsigned integer as JSON spells it: no sign, no fraction, no exponent, no leading
// zero.
func (w *Walker) Uint() (v uint64, ok bool) {
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

// Word takes true, false or null.
func (w *Walker) Word(s string) error {
	if w.pos+len(s) > len(w.text) || string(w.text[w.pos:w.pos+len(s)]) != s {
		return w.Failf("wanted %s, found %s", s, w.Found())
	}
	w.pos += len(s)
	return nil
}

// Skip takes any value; depth is how many values it stands in.
func (w *Walker) Skip(depth int) error {
	switch c := w.Next(); {
	case (c == '{' || c == '[') && depth >= MaxDepth:
		return w.Failf("values nest deeper than %d", MaxDepth)
	case c == '{':
		return w.Object("value", func([]byte) error { return w.Skip(depth + 1) })
	case c == '[':
		return w.Array("value", func() error { return w.Skip(depth + 1) })
	case c == '"':
		_, err := w.Raw()
		return err
	case c == 't':
		return w.Word("true")
	case c == 'f':
		return w.Word("false")
	case c == 'n':
		return w.Word("null")
	}
	return w.Number()
}

// Number takes any JSON number.
func (w *Walker) Number() error {
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
		return w.Failf("wanted a value, found %s", w.Found())
	}
	if _, err := strconv.ParseFloat(string(w.text[w.pos:i]), 64); err != nil {
		return w.Failf("number out of range")
	}
	w.pos = i
	return nil
}

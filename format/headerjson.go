package format

import (
	"fmt"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"famkit/internal/tensor"
)

// depthCap is how deep values may nest inside keys that are ignored: serde_json's limit of 128, less what stands around them.
const depthCap = 125

// walker reads header JSON token by token. encoding/json would accept duplicate names and replace bad surrogates, and it
// decodes a large header tens of times slower. Errors carry the byte offset within the header.
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

// parseHeader reads {"__metadata__": {...}, NAME: {"dtype":, "shape":, "data_offsets":}, ...}. text must be valid UTF-8.
func parseHeader(text []byte) (*header, error) {
	w := &walker{text: text}
	h := &header{entries: make([]entry, 0, len(text)/80)}
	seen := make(map[string]struct{}, len(text)/80)
	err := w.object("the header", func(raw []byte) error {
		key := string(raw)
		if _, dup := seen[key]; dup {
			return w.failf("duplicate tensor name %q", key)
		}
		seen[key] = struct{}{}
		if key == metadataKey {
			return w.metadata(h)
		}
		e, err := w.entry(key)
		h.entries = append(h.entries, e)
		return err
	})
	if err != nil {
		return nil, err
	}
	if w.space(); w.pos < len(w.text) {
		return nil, w.failf("found %s after the header's end", w.found())
	}
	return h, nil
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

func (w *walker) metadata(h *header) error {
	if w.next() == 'n' {
		return w.word("null")
	}
	h.meta = map[string]string{}
	return w.object(metadataKey, func(raw []byte) error {
		key := string(raw)
		if _, dup := h.meta[key]; dup {
			return w.failf("%s: duplicate key %q", metadataKey, key)
		}
		if w.next() != '"' {
			return w.failf("%s: key %q: wanted a string, found %s", metadataKey, key, w.found())
		}
		s, err := w.str()
		h.meta[key] = s
		return err
	})
}

// entry reads one tensor's description. Keys that the format does not know are skipped, as the Rust crate does.
func (w *walker) entry(name string) (entry, error) {
	e := entry{name: name}
	var seen [3]bool
	once := func(i int, key string) error {
		if seen[i] {
			return w.failf("tensor %q: duplicate key %q", name, key)
		}
		seen[i] = true
		return nil
	}
	if w.next() != '{' {
		return e, w.failf("tensor %q: wanted an object, found %s", name, w.found())
	}
	err := w.object("tensor", func(key []byte) (err error) {
		switch string(key) {
		case "dtype":
			if err := once(0, "dtype"); err != nil {
				return err
			}
			e.dtype, err = w.dtype(name)
		case "shape":
			if err := once(1, "shape"); err != nil {
				return err
			}
			e.shape, err = w.uints(name, "shape")
		case "data_offsets":
			if err := once(2, "data_offsets"); err != nil {
				return err
			}
			err = w.offsets(&e)
		default:
			err = w.skip(0)
		}
		return err
	})
	if err != nil {
		return e, err
	}
	for i, key := range []string{"dtype", "shape", "data_offsets"} {
		if !seen[i] {
			return e, w.failf("tensor %q: missing key %q", name, key)
		}
	}
	return e, nil
}

func (w *walker) dtype(name string) (tensor.DType, error) {
	if w.next() != '"' {
		return 0, w.failf("tensor %q: dtype: wanted a string, found %s", name, w.found())
	}
	s, err := w.raw()
	if err != nil {
		return 0, err
	}
	if d, ok := dtypes[string(s)]; ok {
		return d, nil
	}
	return 0, w.failf("tensor %q: unknown dtype %q", name, s)
}

// dtypes maps the format's spellings.
var dtypes = func() map[string]tensor.DType {
	m := map[string]tensor.DType{}
	for d := tensor.Bool; d <= tensor.U64; d++ {
		m[d.String()] = d
	}
	return m
}()

func (w *walker) offsets(e *entry) error {
	v, err := w.uints(e.name, "data_offsets")
	if err != nil {
		return err
	}
	if len(v) != 2 {
		return w.failf("tensor %q: data_offsets: wanted 2 numbers, found %d", e.name, len(v))
	}
	e.begin, e.end = v[0], v[1]
	w.dims = w.dims[:len(w.dims)-2]
	return nil
}

// uints reads an array of unsigned integers. The result is cut from w.dims.
func (w *walker) uints(name, key string) ([]uint64, error) {
	if cap(w.dims)-len(w.dims) < 64 {
		w.dims = make([]uint64, 0, 4096)
	}
	from := len(w.dims)
	if w.next() != '[' {
		return nil, w.failf("tensor %q: %s: wanted an array, found %s", name, key, w.found())
	}
	err := w.array(key, func() error {
		v, ok := w.uint()
		if !ok {
			return w.failf("tensor %q: %s: wanted an unsigned 64-bit integer, found %s", name, key, w.found())
		}
		if len(w.dims) == cap(w.dims) { // a shape of absurd rank must not overwrite its neighbour
			w.dims = append(make([]uint64, 0, 4*(len(w.dims)-from)+4096), w.dims[from:]...)
			from = 0
		}
		w.dims = append(w.dims, v)
		return nil
	})
	return w.dims[from:len(w.dims):len(w.dims)], err
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

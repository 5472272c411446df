package printable

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Writer is the last net below a program's output: it writes text on to w, with escapes in the place of characters that
// a terminal would obey. Line ends and tabs pass, and so do the sequences of pass, which begin with U+001B and which
// the program itself writes. A character must not be cut in two by calls of Write.
func Writer(w io.Writer, pass ...string) io.Writer { return netWriter{w, pass} }

type netWriter struct {
	w    io.Writer
	pass []string
}

func (n netWriter) Write(p []byte) (int, error) {
	var b strings.Builder
	for rest := string(p); rest != ""; {
		i := strings.IndexByte(rest, 0x1b)
		if i < 0 {
			i = len(rest)
		}
		own := n.own(rest[i:])
		b.WriteString(escape(rest[:i], "\n\t"))
		if own == "" && i < len(rest) {
			b.WriteString(escaped(rest[i : i+1]))
			i++
		}
		b.WriteString(own)
		rest = rest[i+len(own):]
	}
	if _, err := io.WriteString(n.w, b.String()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// own is the sequence that s begins with and that passes, "" where it begins with none.
func (n netWriter) own(s string) string {
	for _, p := range n.pass {
		if strings.HasPrefix(s, p) {
			return p
		}
	}
	return ""
}

// JSON is a text in JSON in which all but visible characters, spaces and line ends are written as JSON's escapes.
// encoding/json does so only below U+0020: a terminal obeys U+009B as well, and marks of direction.
func JSON(text []byte) []byte {
	if !bytes.ContainsFunc(text, notJSON) {
		return text
	}
	out := slices.Grow([]byte(nil), len(text)+len(text)/8)
	for _, r := range string(text) {
		switch {
		case !notJSON(r):
			out = utf8.AppendRune(out, r)
		case r > 0xffff: // as two halves
			out = appendUnit(appendUnit(out, 0xd800+(r-0x10000)>>10), 0xdc00+(r-0x10000)&0x3ff)
		default:
			out = appendUnit(out, r)
		}
	}
	return out
}

func notJSON(r rune) bool { return !Plain(r) && r != '\n' && r != '\t' && r != '\r' }

func appendUnit(b []byte, u rune) []byte {
	const hex = "0123456789abcdef"
	return append(b, '\\', 'u', hex[u>>12&15], hex[u>>8&15], hex[u>>4&15], hex[u&15])
}

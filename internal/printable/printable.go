// Package printable makes text from files fit for a terminal. A name in a file may hold escape sequences, line breaks
// or marks that turn the direction of writing: printed as it is, it could move the cursor, or write a line that looks
// like one of the program. Here whatever is not a visible character or a space is written as an escape, and what is
// very long is cut.
package printable

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Most is how many bytes of one text are shown, MostQuoted of one in quotes.
const (
	Most       = 2000
	MostQuoted = 200
)

// Plain reports whether r may be printed as it is.
func Plain(r rune) bool { return unicode.IsPrint(r) }

// Text is s on one line: all but visible characters and spaces are written as escapes such as \x1b, \n or \u202e. What
// is longer than Most is cut.
func Text(s string) string {
	s, more := cut(s, Most)
	return escape(s, "") + more
}

// Quote is s in quotes, written as a Go string. What is longer than MostQuoted is cut.
func Quote(s string) string {
	s, more := cut(s, MostQuoted)
	return strconv.Quote(s) + more
}

// escape writes escapes for all runes that are neither plain nor in keep.
func escape(s, keep string) string {
	plain := func(r rune, n int) bool {
		return !(r == utf8.RuneError && n == 1) && (Plain(r) || strings.ContainsRune(keep, r))
	}
	var b []byte
	done := 0
	for i := 0; i < len(s); {
		r, n := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(s[i:])
		}
		if !plain(r, n) {
			b = append(append(b, s[done:i]...), escaped(s[i:i+n])...)
			done = i + n
		}
		i += n
	}
	if b == nil {
		return s
	}
	return string(append(b, s[done:]...))
}

// escaped is the escape of the one character, or broken byte, that s is.
func escaped(s string) string {
	q := strconv.Quote(s)
	return q[1 : len(q)-1]
}

// cut leaves the first most bytes of s, in whole characters, and gives the dots that stand for the rest.
func cut(s string, most int) (head, more string) {
	if len(s) <= most {
		return s, ""
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most], "..."
}

// Args makes the arguments of a format printable, whatever they are: strings, lists of strings, errors. Widths and
// verbs of the format still hold.
func Args(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		out[i] = Arg(a)
	}
	return out
}

// Arg is one argument of a format, made printable. Numbers and truth values are left as they are.
func Arg(a any) any {
	switch a.(type) {
	case nil, bool, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, float32, float64, Lines, arg:
		return a
	}
	return arg{a}
}

// Lines are lines that stand one below the other, each of them printable.
type Lines []string

// String puts the lines together.
func (l Lines) String() string {
	out := make([]string, len(l))
	for i, s := range l {
		out[i] = Text(s)
	}
	return strings.Join(out, "\n")
}

// arg is formatted like what it holds, and then made printable.
type arg struct{ v any }

// Format implements fmt.Formatter.
func (a arg) Format(f fmt.State, verb rune) {
	if s, ok := a.v.(string); ok && verb == 'q' && !f.Flag('#') && !f.Flag('+') {
		if _, precise := f.Precision(); !precise {
			_, _ = f.Write([]byte(Quote(s)))
			return
		}
	}
	_, _ = f.Write([]byte(Text(fmt.Sprintf(fmt.FormatString(f, verb), a.v))))
}

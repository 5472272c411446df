// Package regex matches the regular expressions of tokenizers: those of Oniguruma in Ruby's syntax, as the tokenizers
// library reads them, without what a tokenizer has no use for. Patterns come from files, so time is bounded: a pattern
// of m instructions finds all its matches in a text of n bytes in at most n times m steps, whatever it nests.
//
// A backtracking engine asks the same question again and again: can the rest of the pattern match from here? Without
// backreferences the answer depends on the place in the pattern and the place in the text alone. It is kept, and asked
// once, also from match to match (see search.go). What is found is what a backtracking engine finds: the leftmost
// match, and of those at one place the first in the order of the alternatives.
//
// What is not supported is refused: backreferences, conditionals, recursion, absent operators, \G, \K and \X.
package regex

import (
	"errors"
	"sync"
	"unicode/utf8"
)

// Bounds of a pattern. The longest in use has 500 characters and 150 instructions.
const (
	maxPattern      = 1 << 14 // bytes
	maxInstructions = 1 << 13
	maxNesting      = 100
)

// Errors of a match. Neither is reached by patterns in use.
var (
	ErrSteps  = errors.New("takes too many steps on this text")
	ErrMemory = errors.New("takes too much memory on this text")
)

// maxText is the longest text that can be searched, in bytes.
const maxText = 1 << 30

// Regexp is a compiled pattern. Several goroutines may use it.
type Regexp struct {
	text     string
	code     []instr
	start    int32
	splits   int     // instructions that need an answer remembered
	inner    int     // those within lookarounds and atomic groups
	firsts   []first // of each instruction
	searches sync.Pool
}

// Span is a match, in bytes.
type Span struct{ Start, End int }

// Compile reads a pattern.
func Compile(pattern string) (*Regexp, error) {
	if len(pattern) > maxPattern {
		return nil, errors.New("too long")
	}
	if !utf8.ValidString(pattern) {
		return nil, errors.New("not UTF-8 text")
	}
	tree, err := parse(pattern)
	if err != nil {
		return nil, err
	}
	return compile(pattern, tree)
}

// String is the pattern.
func (re *Regexp) String() string { return re.text }

// FindAll appends the matches in s, from left to right, as the tokenizers library walks them: an empty match right
// after a match is left out. s must be UTF-8. steps is how many steps the matching may take, and is counted down; a
// step is some nanoseconds.
func (re *Regexp) FindAll(dst []Span, s string, steps *int64) ([]Span, error) {
	if len(s) > maxText {
		return dst, ErrMemory
	}
	m, _ := re.searches.Get().(*search)
	if m == nil {
		m = &search{re: re}
	}
	m.begin(s, *steps)
	defer func() {
		*steps = m.left
		m.end()
		re.searches.Put(m)
	}()
	last := -1 // the end of the last match
	for at := 0; at <= len(s); {
		start, end, err := m.find(at)
		switch {
		case err != nil:
			return dst, err
		case start < 0:
			return dst, nil
		case start == end && end == last:
			at += max(runeLen(s, at), 1)
			continue
		}
		dst = append(dst, Span{start, end})
		at, last = end, end
	}
	return dst, nil
}

// runeLen is the length of the character at byte i, 0 at the end.
func runeLen(s string, i int) int {
	if i < len(s) && s[i] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRuneInString(s[i:])
	return n
}

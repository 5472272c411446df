package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

// The regular expressions that nearly all byte-level tokenizers use.
const (
	regexGPT2   = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
	regexLlama3 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	regexQwen2  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// scanners are hand-written matchers of these expressions: given a position, the end of the match there.
var scanners = map[string]scanPattern{
	regexGPT2:   scanGPT2,
	regexLlama3: func(s string, i int) int { return scanLlama3(s, i, 3) },
	regexQwen2:  func(s string, i int) int { return scanLlama3(s, i, 1) },
}

// class of a code point, as the expressions divide them.
type class uint8

const (
	other class = iota
	letter
	number
	space
	newline // \r or \n, which are spaces too
	none    // the end of the text
)

var asciiClass = func() (t [utf8.RuneSelf]class) {
	for r := range t {
		t[r] = slowClass(rune(r))
	}
	return t
}()

func slowClass(r rune) class {
	switch {
	case r == '\r' || r == '\n':
		return newline
	case unicode.IsLetter(r):
		return letter
	case unicode.IsNumber(r):
		return number
	case unicode.IsSpace(r):
		return space
	}
	return other
}

// classAt gives the class of the code point at byte i and its length.
func classAt(s string, i int) (class, int) {
	if i >= len(s) {
		return none, 0
	}
	if c := s[i]; c < utf8.RuneSelf {
		return asciiClass[c], 1
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	return slowClass(r), n
}

// run is the end of the longest run of code points of class c from byte i on.
func run(s string, i int, c class) int {
	for {
		k, n := classAt(s, i)
		if k != c {
			return i
		}
		i += n
	}
}

func scanGPT2(s string, i int) int {
	if s[i] == '\'' {
		if n := contraction(s[i:]); n > 0 {
			return i + n
		}
	}
	c, n := classAt(s, i)
	if s[i] == ' ' {
		c, n = classAt(s, i+1)
		n++
	}
	switch c {
	case letter, number, other:
		return run(s, i+n, c)
	}
	return scanSpace(s, i, false)
}

// contraction is the length of 's 't 're 've 'm 'll 'd at the start of s, or 0.
func contraction(s string) int {
	if len(s) >= 2 {
		switch s[1] {
		case 's', 't', 'm', 'd':
			return 2
		}
	}
	if len(s) >= 3 {
		switch s[1:3] {
		case "re", "ve", "ll":
			return 3
		}
	}
	return 0
}

// foldedContraction is contraction without regard to case; U+017F is an s when case is folded.
func foldedContraction(s string) int {
	if len(s) >= 3 && s[1:3] == "ſ" {
		return 3
	}
	lower := [3]byte{}
	n := copy(lower[:], s)
	for i := 1; i < n; i++ {
		if 'A' <= lower[i] && lower[i] <= 'Z' {
			lower[i] += 'a' - 'A'
		}
	}
	return contraction(string(lower[:n]))
}

// scanLlama3 is the expression of Llama 3 with digits in groups of 3, and that of Qwen 2 with single digits.
func scanLlama3(s string, i, digits int) int {
	if s[i] == '\'' {
		if n := foldedContraction(s[i:]); n > 0 {
			return i + n
		}
	}
	c, n := classAt(s, i)
	if c == letter {
		return run(s, i+n, letter)
	}
	if c == other || c == space { // [^\r\n\p{L}\p{N}]?\p{L}+
		if k, m := classAt(s, i+n); k == letter {
			return run(s, i+n+m, letter)
		}
	}
	if c == number {
		end := i + n
		for d := 1; d < digits; d++ {
			k, m := classAt(s, end)
			if k != number {
				break
			}
			end += m
		}
		return end
	}
	if s[i] == ' ' { //  ?[^\s\p{L}\p{N}]+[\r\n]*
		if k, m := classAt(s, i+1); k == other {
			c, n = k, m+1
		}
	}
	if c == other {
		return run(s, run(s, i+n, other), newline)
	}
	return scanSpace(s, i, true)
}

// scanSpace matches \s+(?!\S)|\s+ at white space: the run of it, less its last code point where something
// follows. With toNewline \s*[\r\n]+ goes before: the run up to its last line end.
func scanSpace(s string, i int, toNewline bool) int {
	end, last, newlineEnd := i, i, -1
	for {
		c, n := classAt(s, end)
		if c != space && c != newline {
			break
		}
		last = end
		end += n
		if c == newline {
			newlineEnd = end
		}
	}
	if toNewline && newlineEnd > 0 {
		return newlineEnd
	}
	if end == len(s) || last == i {
		return end
	}
	return last
}

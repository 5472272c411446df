package tokenizer

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2"

	"famkit/internal/fault"
)

// regexTimeout bounds one match: the engine backtracks, and a pattern comes from a file that may be hostile.
const regexTimeout = 10 * time.Second

// regexPattern is a regular expression for which there is no scanner.
type regexPattern struct{ re *regexp2.Regexp }

// contractions in this spelling ignore case with Unicode folding in the library: U+017F is an s.
const (
	contractions         = `(?i:'s|'t|'re|'ve|'m|'ll|'d)`
	contractionsExpanded = `(?:'[sSſ]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])`
)

// compileRegex translates a regular expression of the library's dialect (Ruby's: ^ and $ match at every line)
// and refuses what the engine here would read differently.
func compileRegex(expr string) (pattern, error) {
	translated, err := translateRegex(strings.ReplaceAll(expr, contractions, contractionsExpanded))
	if err != nil {
		return nil, fault.Inputf("regular expression %q: %w", expr, err)
	}
	re, err := regexp2.Compile(translated, regexp2.Multiline)
	if err != nil {
		return nil, fault.Inputf("regular expression %q is not supported: %w", expr, err)
	}
	re.MatchTimeout = regexTimeout
	return regexPattern{re}, nil
}

// word is the inside of the library's \w: alphabetic, mark, decimal number, connector, and six old fractions
// and superscripts.
const word = `\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}²³¹¼½¾Ⓐ-ⓩ🄰-🅉🅐-🅩🅰-🆉`

// translateRegex widens \w and \W to all of Unicode's word characters and finds nested classes.
func translateRegex(expr string) (string, error) {
	var b strings.Builder
	inClass := false
	for i := 0; i < len(expr); i++ {
		c := expr[i]
		if c == '\\' && i+1 < len(expr) {
			i++
			switch {
			case expr[i] == 'w' && inClass:
				b.WriteString(word)
			case expr[i] == 'w':
				b.WriteString("[" + word + "]")
			case expr[i] == 'W' && inClass, expr[i] == 'h', expr[i] == 'H', expr[i] == 'X', expr[i] == 'K', expr[i] == 'R':
				return "", fault.Inputf(`\%c is not supported here`, expr[i])
			case expr[i] == 'W':
				b.WriteString("[^" + word + "]")
			default:
				b.WriteByte('\\')
				b.WriteByte(expr[i])
			}
			continue
		}
		switch {
		case inClass && c == '[', inClass && strings.HasPrefix(expr[i:], "&&"):
			return "", fault.Inputf("classes inside classes are not supported")
		case c == '[':
			inClass = true
		case c == ']' && inClass:
			inClass = false
		case strings.HasPrefix(expr[i:], "(?m"):
			return "", fault.Inputf("the option m is not supported")
		}
		b.WriteByte(c)
	}
	return b.String(), nil
}

// spans walks the matches as the library does: an empty match right after a match is left out.
func (p regexPattern) spans(dst []span, s string) ([]span, error) {
	runes := []rune(s)
	offset := make([]int, len(runes)+1) // rune index -> byte offset
	for i, r := range runes {
		offset[i+1] = offset[i] + utf8.RuneLen(r)
	}
	done, last := 0, -1
	for at := 0; at <= len(runes); {
		m, err := p.re.FindRunesMatchStartingAt(runes, at)
		if err != nil {
			return nil, fault.Inputf("regular expression %q: %w", p.re.String(), err)
		}
		if m == nil {
			break
		}
		start, end := m.Index, m.Index+m.Length
		if start == end && end == last {
			at = end + 1
			continue
		}
		at, last = end, end
		if done < start {
			dst = append(dst, span{offset[done], offset[start], false})
		}
		dst = append(dst, span{offset[start], offset[end], true})
		done = end
	}
	return closeSpans(dst, offset[done], s), nil
}

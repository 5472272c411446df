package tokenizer

import (
	"encoding/json"
	"strings"

	"famkit/internal/fault"
)

// span is a part of a text in bytes; a text's spans cover it from start to end.
type span struct {
	start, end int
	match      bool
}

// pattern finds what a Split or Replace acts on.
type pattern interface {
	// spans appends the matches of s and the parts between them, in order.
	spans(dst []span, s string, w *work) ([]span, error)
}

type (
	literalPattern string
	runePattern    func(rune) bool // every code point for which it is true is a match
	scanPattern    func(s string, i int) int
)

func (p literalPattern) spans(dst []span, s string, _ *work) ([]span, error) {
	done := 0
	for p != "" {
		i := strings.Index(s[done:], string(p))
		if i < 0 {
			break
		}
		if i > 0 {
			dst = append(dst, span{done, done + i, false})
		}
		dst = append(dst, span{done + i, done + i + len(p), true})
		done += i + len(p)
	}
	return closeSpans(dst, done, s), nil
}

func (p runePattern) spans(dst []span, s string, _ *work) ([]span, error) {
	done := 0
	for i, r := range s {
		if !p(r) {
			continue
		}
		if done < i {
			dst = append(dst, span{done, i, false})
		}
		// The text is valid UTF-8 here, so the length of the rune is that of its bytes.
		n := len(string(r))
		dst = append(dst, span{i, i + n, true})
		done = i + n
	}
	return closeSpans(dst, done, s), nil
}

// spans of a scanner are all matches: the scanned patterns match at every position.
func (p scanPattern) spans(dst []span, s string, _ *work) ([]span, error) {
	for i := 0; i < len(s); {
		end := p(s, i)
		dst = append(dst, span{i, end, true})
		i = end
	}
	return dst, nil
}

// closeSpans adds what follows the last match.
func closeSpans(dst []span, done int, s string) []span {
	if done < len(s) {
		dst = append(dst, span{done, len(s), false})
	}
	return dst
}

// replaceAll puts content in the place of every match.
func replaceAll(p pattern, s, content string, w *work) (string, error) {
	if l, ok := p.(literalPattern); ok && l != "" {
		n := strings.Count(s, string(l))
		if err := w.make(len(s) + n*(len(content)-len(l))); err != nil {
			return "", err
		}
		return strings.ReplaceAll(s, string(l), content), nil
	}
	spans, err := p.spans(nil, s, w)
	if err != nil {
		return "", err
	}
	size := len(s)
	for _, sp := range spans {
		if sp.match {
			size += len(content) - (sp.end - sp.start)
		}
	}
	if err := w.make(size); err != nil {
		return "", err
	}
	var b strings.Builder
	b.Grow(size)
	for _, sp := range spans {
		if sp.match {
			b.WriteString(content)
		} else {
			b.WriteString(s[sp.start:sp.end])
		}
	}
	return b.String(), nil
}

// parsePattern reads {"String": ...} or {"Regex": ...}; a known regular expression becomes a scanner.
func parsePattern(raw json.RawMessage) (pattern, error) {
	var c struct{ String, Regex *string }
	if len(raw) == 0 {
		return nil, fault.Inputf("pattern is missing")
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, fault.Inputf("pattern: %w", err)
	}
	switch {
	case c.String != nil && c.Regex == nil:
		return literalPattern(*c.String), nil
	case c.Regex != nil && c.String == nil:
		if scan := scanners[*c.Regex]; scan != nil {
			return scan, nil
		}
		return compileRegex(*c.Regex)
	}
	return nil, fault.Inputf(`pattern: wanted {"String": ...} or {"Regex": ...}, found %.100s`, raw)
}

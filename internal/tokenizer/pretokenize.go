package tokenizer

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"famkit/internal/fault"
)

// emitFunc takes one part of a text; first says that it starts where the whole text does.
type emitFunc func(part string, first bool) error

// splitter cuts normalized text into the words that merges never cross. Parts are never empty.
type splitter interface {
	split(s string, first bool, w *work, emit emitFunc) error
}

type (
	sequenceSplit []splitter
	patternSplit  struct {
		pattern   pattern
		behaviour behaviour
		invert    bool
	}
	byteLevelSplit struct {
		prefixSpace, useRegex bool
		// rawWords leaves the words as they are: the model maps bytes itself, which saves a copy of every word.
		rawWords bool
	}
	metaspaceSplit struct {
		replacement string
		scheme      prependScheme
		cut         bool
	}
)

// split runs the splitters one inside the other.
func (q sequenceSplit) split(s string, first bool, w *work, emit emitFunc) error {
	if len(q) == 0 {
		return emit(s, first)
	}
	if len(q) == 1 {
		return q[0].split(s, first, w, emit)
	}
	return q[0].split(s, first, w, func(part string, first bool) error {
		return q[1:].split(part, first, w, emit)
	})
}

func (p byteLevelSplit) split(s string, first bool, w *work, emit emitFunc) error {
	if p.prefixSpace && s[0] != ' ' {
		s = " " + s
	}
	for i := 0; i < len(s); {
		end := len(s)
		if p.useRegex {
			end = scanGPT2(s, i)
		}
		word := s[i:end]
		if !p.rawWords {
			word = toByteAlphabet(word)
			if err := w.make(len(word)); err != nil {
				return err
			}
		}
		if err := emit(word, first && i == 0); err != nil {
			return err
		}
		i = end
	}
	return nil
}

// prependScheme says when Metaspace puts its replacement in front.
type prependScheme string

const (
	prependAlways prependScheme = "always"
	prependFirst  prependScheme = "first"
	prependNever  prependScheme = "never"
)

func (m metaspaceSplit) split(s string, first bool, w *work, emit emitFunc) error {
	if err := w.make(len(s) + strings.Count(s, " ")*len(m.replacement)); err != nil {
		return err
	}
	s = strings.ReplaceAll(s, " ", m.replacement)
	if !strings.HasPrefix(s, m.replacement) && (m.scheme == prependAlways || m.scheme == prependFirst && first) {
		s = m.replacement + s
	}
	if !m.cut {
		return emit(s, first)
	}
	return patternSplit{literalPattern(m.replacement), mergedWithNext, false}.split(s, first, w, emit)
}

// parseSplitter builds the pre-tokenizer of tokenizer.json; nil where it is null.
func parseSplitter(raw json.RawMessage, depth int) (splitter, error) {
	kind, err := componentType("pre-tokenizer", raw, depth)
	if err != nil || kind == "" {
		return nil, err
	}
	var c splitterJSON
	if err := decodeComponent("pre-tokenizer", kind, raw, &c); err != nil {
		return nil, err
	}
	switch kind {
	case "Sequence":
		return parseSplitters(c.Pretokenizers, depth)
	case "ByteLevel":
		return byteLevelSplit{prefixSpace: orTrue(c.AddPrefixSpace), useRegex: orTrue(c.UseRegex)}, nil
	case "Metaspace":
		return c.metaspace()
	case "Split":
		return c.patternSplit()
	case "Digits":
		if c.IndividualDigits {
			return patternSplit{runePattern(unicode.IsNumber), isolated, false}, nil
		}
		return patternSplit{runePattern(unicode.IsNumber), contiguous, false}, nil
	case "Whitespace":
		return patternSplit{scanWords{}, removed, true}, nil
	case "WhitespaceSplit":
		return patternSplit{runePattern(unicode.IsSpace), removed, false}, nil
	case "Punctuation":
		b, err := parseBehaviour(c.Behavior, isolated)
		return patternSplit{runePattern(isPunctuation), b, false}, err
	case "BertPreTokenizer":
		return sequenceSplit{patternSplit{runePattern(unicode.IsSpace), removed, false},
			patternSplit{runePattern(isPunctuation), isolated, false}}, nil
	case "CharDelimiterSplit":
		if utf8.RuneCountInString(c.Delimiter) != 1 {
			return nil, fault.Inputf("pre-tokenizer CharDelimiterSplit: wanted one character, found %q", c.Delimiter)
		}
		return patternSplit{literalPattern(c.Delimiter), removed, false}, nil
	}
	return nil, fault.Inputf("pre-tokenizer %q is not supported", kind)
}

// splitterJSON holds the settings of every kind of pre-tokenizer.
type splitterJSON struct {
	Pretokenizers    []json.RawMessage `json:"pretokenizers"`
	AddPrefixSpace   *bool             `json:"add_prefix_space"`
	UseRegex         *bool             `json:"use_regex"`
	Replacement      *string           `json:"replacement"`
	PrependScheme    *prependScheme    `json:"prepend_scheme"`
	Split            *bool             `json:"split"`
	Pattern          json.RawMessage   `json:"pattern"`
	Behavior         string            `json:"behavior"`
	Invert           bool              `json:"invert"`
	IndividualDigits bool              `json:"individual_digits"`
	Delimiter        string            `json:"delimiter"`
}

func parseSplitters(raws []json.RawMessage, depth int) (splitter, error) {
	q := sequenceSplit{}
	for _, raw := range raws {
		s, err := parseSplitter(raw, depth+1)
		if err != nil {
			return nil, err
		}
		if inner, ok := s.(sequenceSplit); ok {
			q = append(q, inner...)
		} else if s != nil {
			q = append(q, s)
		}
	}
	if len(q) > maxSteps {
		return nil, fault.Inputf("%d pre-tokenizers, wanted at most %d", len(q), maxSteps)
	}
	return q, nil
}

func (c *splitterJSON) patternSplit() (splitter, error) {
	p, err := parsePattern(c.Pattern)
	if err != nil {
		return nil, err
	}
	b, err := parseBehaviour(c.Behavior, "")
	return patternSplit{p, b, c.Invert}, err
}

// metaspace reads both spellings: prepend_scheme, and the older add_prefix_space.
func (c *splitterJSON) metaspace() (splitter, error) {
	m := metaspaceSplit{replacement: "▁", scheme: prependAlways, cut: orTrue(c.Split)}
	if c.Replacement != nil {
		m.replacement = *c.Replacement
	}
	if utf8.RuneCountInString(m.replacement) != 1 {
		return nil, fault.Inputf("Metaspace: wanted one character as replacement, found %q", m.replacement)
	}
	if !orTrue(c.AddPrefixSpace) {
		m.scheme = prependNever
		if c.PrependScheme != nil && *c.PrependScheme != prependNever {
			return nil, fault.Inputf("Metaspace: add_prefix_space is false but prepend_scheme is %q", *c.PrependScheme)
		}
	}
	if c.PrependScheme != nil {
		m.scheme = *c.PrependScheme
	}
	switch m.scheme {
	case prependAlways, prependFirst, prependNever:
		return m, nil
	}
	return nil, fault.Inputf("Metaspace: wanted prepend_scheme always, first or never, found %q", m.scheme)
}

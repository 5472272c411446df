package tokenizer

import (
	"encoding/json"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"famkit/internal/fault"
)

// normalizer rewrites a segment of text before it is split into words.
type normalizer interface {
	normalize(s string, w *work) (string, error)
}

type (
	unicodeForm   norm.Form
	lowercase     struct{}
	stripAccents  struct{}
	byteLevelNorm struct{}
	prependNorm   string
	stripNorm     struct{ left, right bool }
	replaceNorm   struct {
		pattern pattern
		content string
	}
	sequenceNorm []normalizer
)

func (f unicodeForm) normalize(s string, _ *work) (string, error) { return norm.Form(f).String(s), nil }

func (lowercase) normalize(s string, _ *work) (string, error) {
	// Lowering is per code point, without context; U+0130 is the one whose lower case has two.
	return strings.ReplaceAll(strings.Map(func(r rune) rune {
		if r == 'İ' {
			return r
		}
		return unicode.ToLower(r)
	}, s), "İ", "i̇"), nil
}

func (stripAccents) normalize(s string, _ *work) (string, error) {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.M, r) {
			return -1
		}
		return r
	}, s), nil
}

func (byteLevelNorm) normalize(s string, _ *work) (string, error) { return toByteAlphabet(s), nil }

func (p prependNorm) normalize(s string, w *work) (string, error) {
	if s == "" {
		return s, nil
	}
	if err := w.make(len(p)); err != nil {
		return "", err
	}
	return string(p) + s, nil
}

func (t stripNorm) normalize(s string, _ *work) (string, error) {
	if t.left {
		s = s[leadingSpace(s):]
	}
	if t.right {
		s = s[:trimRightSpace(s)]
	}
	return s, nil
}

func (p replaceNorm) normalize(s string, w *work) (string, error) {
	return replaceAll(p.pattern, s, p.content, w)
}

func (q sequenceNorm) normalize(s string, w *work) (string, error) {
	for _, n := range q {
		var err error
		if s, err = n.normalize(s, w); err != nil {
			return "", err
		}
		if err := w.make(len(s)); err != nil {
			return "", err
		}
	}
	return s, nil
}

// parseNormalizer builds the normalizer of tokenizer.json; nil where it is null.
func parseNormalizer(raw json.RawMessage, depth int) (normalizer, error) {
	kind, err := componentType("normalizer", raw, depth)
	if err != nil || kind == "" {
		return nil, err
	}
	var c struct {
		Prepend     string            `json:"prepend"`
		StripLeft   *bool             `json:"strip_left"`
		StripRight  *bool             `json:"strip_right"`
		Pattern     json.RawMessage   `json:"pattern"`
		Content     string            `json:"content"`
		Normalizers []json.RawMessage `json:"normalizers"`
	}
	if err := decodeComponent("normalizer", kind, raw, &c); err != nil {
		return nil, err
	}
	switch kind {
	case "NFC":
		return unicodeForm(norm.NFC), nil
	case "NFD":
		return unicodeForm(norm.NFD), nil
	case "NFKC":
		return unicodeForm(norm.NFKC), nil
	case "NFKD":
		return unicodeForm(norm.NFKD), nil
	case "Lowercase":
		return lowercase{}, nil
	case "StripAccents":
		return stripAccents{}, nil
	case "ByteLevel":
		return byteLevelNorm{}, nil
	case "Prepend":
		return prependNorm(c.Prepend), nil
	case "Strip":
		return stripNorm{left: orTrue(c.StripLeft), right: orTrue(c.StripRight)}, nil
	case "Replace":
		p, err := parsePattern(c.Pattern)
		if err != nil {
			return nil, err
		}
		return replaceNorm{p, c.Content}, nil
	case "Sequence":
		return parseNormalizers(c.Normalizers, depth)
	}
	return nil, fault.Inputf("normalizer %q is not supported", kind)
}

func parseNormalizers(raws []json.RawMessage, depth int) (normalizer, error) {
	var q sequenceNorm
	for _, raw := range raws {
		n, err := parseNormalizer(raw, depth+1)
		if err != nil {
			return nil, err
		}
		if inner, ok := n.(sequenceNorm); ok {
			q = append(q, inner...)
		} else if n != nil {
			q = append(q, n)
		}
	}
	if len(q) > maxSteps {
		return nil, fault.Inputf("%d normalizers, wanted at most %d", len(q), maxSteps)
	}
	return q, nil
}

func orTrue(b *bool) bool { return b == nil || *b }

package tokenizer

import (
	"unicode"

	"famkit/internal/fault"
)

// behaviour says what becomes of the matches of a split.
type behaviour string

const (
	removed            behaviour = "Removed"
	isolated           behaviour = "Isolated"
	mergedWithPrevious behaviour = "MergedWithPrevious"
	mergedWithNext     behaviour = "MergedWithNext"
	contiguous         behaviour = "Contiguous"
)

func parseBehaviour(s string, standard behaviour) (behaviour, error) {
	if s == "" && standard != "" {
		return standard, nil
	}
	switch b := behaviour(s); b {
	case removed, isolated, mergedWithPrevious, mergedWithNext, contiguous:
		return b, nil
	}
	return "", fault.Inputf("split behavior %q is not supported", s)
}

func (p patternSplit) split(s string, first bool, w *work, emit emitFunc) error {
	if scan, ok := p.pattern.(scanPattern); ok && (p.behaviour == isolated || p.behaviour == removed && p.invert) {
		for i := 0; i < len(s); { // every part is a match: no list of them is needed
			end := scan(s, i)
			if err := emit(s[i:end], first && i == 0); err != nil {
				return err
			}
			i = end
		}
		return nil
	}
	spans, err := p.pattern.spans(nil, s, w)
	if err != nil {
		return err
	}
	if p.invert {
		for i := range spans {
			spans[i].match = !spans[i].match
		}
	}
	for _, sp := range joinSpans(spans, p.behaviour) {
		if sp.start == sp.end || p.behaviour == removed && sp.match {
			continue
		}
		if err := emit(s[sp.start:sp.end], first && sp.start == 0); err != nil {
			return err
		}
	}
	return nil
}

// joinSpans joins neighbouring spans as the behaviour asks, in place.
func joinSpans(spans []span, b behaviour) []span {
	out := spans[:0]
	switch b {
	case contiguous, mergedWithPrevious:
		previous := false
		for _, sp := range spans {
			join := sp.match == previous
			if b == mergedWithPrevious {
				join = sp.match && !previous
			}
			previous = sp.match
			if join && len(out) > 0 {
				out[len(out)-1].end = sp.end
			} else {
				out = append(out, sp)
			}
		}
		return out
	case mergedWithNext:
		return joinWithNext(spans)
	}
	return spans
}

// joinWithNext goes from the back: a match joins what follows it unless that is a match as well.
func joinWithNext(spans []span) []span {
	previous := false
	at := len(spans) // spans[at:] are done
	for i := len(spans) - 1; i >= 0; i-- {
		sp := spans[i]
		if sp.match && !previous && at < len(spans) {
			spans[at].start = sp.start
		} else {
			at--
			spans[at] = sp
		}
		previous = sp.match
	}
	return spans[at:]
}

// scanWords matches \w+|[^\w\s]+ of the Whitespace pre-tokenizer.
type scanWords struct{}

func (scanWords) spans(dst []span, s string, _ *work) ([]span, error) {
	kind := func(r rune) int {
		switch {
		case isWord(r):
			return 1
		case unicode.IsSpace(r):
			return 0
		}
		return 2
	}
	start, current := 0, -1
	for i, r := range s {
		k := kind(r)
		if k != current && i > 0 {
			dst = append(dst, span{start, i, current != 0})
			start = i
		}
		current = k
	}
	if len(s) > 0 {
		dst = append(dst, span{start, len(s), current != 0})
	}
	return dst, nil
}

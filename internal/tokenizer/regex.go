package tokenizer

import (
	"famkit/internal/fault"
	"famkit/internal/regex"
)

// regexPattern is a regular expression for which there is no scanner.
type regexPattern struct{ re *regex.Regexp }

func compileRegex(expr string) (pattern, error) {
	re, err := regex.Compile(expr)
	if err != nil {
		return nil, fault.Inputf("regular expression %q: %w", expr, err)
	}
	return regexPattern{re}, nil
}

func (p regexPattern) spans(dst []span, s string, w *work) ([]span, error) {
	matches, err := p.re.FindAll(nil, s, &w.steps)
	if err != nil {
		return nil, fault.Inputf("regular expression %q %w", p.re.String(), err)
	}
	done := 0
	for _, m := range matches {
		if done < m.Start {
			dst = append(dst, span{done, m.Start, false})
		}
		dst = append(dst, span{m.Start, m.End, true})
		done = m.End
	}
	return closeSpans(dst, done, s), nil
}

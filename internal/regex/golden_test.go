package regex

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
	"unicode/utf8"
)

// TestGolden compares the patterns of published models and random ones with what Oniguruma finds, through the
// tokenizers library: internal/interop/regex_golden.py.
func TestGolden(t *testing.T) {
	data, err := os.ReadFile("testdata/oniguruma.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]json.RawMessage
	if err := json.Unmarshal(data, &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) < 4000 {
		t.Fatalf("%d cases", len(rows))
	}
	for _, row := range rows {
		var pattern, text string
		var isolated, left []int
		for i, v := range []any{&pattern, &text, &isolated, &left} {
			if err := json.Unmarshal(row[i], v); err != nil {
				t.Fatal(err)
			}
		}
		iso, rest := cutAt(text, find(t, pattern, text))
		if !slices.Equal(iso, isolated) || !slices.Equal(rest, left) {
			t.Errorf("%q in %q: %v and %v, Oniguruma %v and %v", pattern, text, iso, rest, isolated, left)
		}
	}
}

// cutAt gives the lengths of the parts of s with its matches, and without them.
func cutAt(s string, matches []Span) (all, rest []int) {
	done := 0
	add := func(end int, match bool) {
		if done < end {
			n := utf8.RuneCountInString(s[done:end])
			all = append(all, n)
			if !match {
				rest = append(rest, n)
			}
		}
		done = end
	}
	for _, m := range matches {
		add(m.Start, false)
		add(m.End, true)
	}
	add(len(s), false)
	return all, rest
}

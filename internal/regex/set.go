package regex

import (
	"slices"
	"sort"
	"unicode"
	"unicode/utf8"
)

// set is a set of characters.
type set struct {
	ascii  [2]uint64
	ranges []span // sorted, apart from each other
}

// span is a range of characters, both ends in it.
type span struct{ lo, hi rune }

func newSet(ranges []span) *set {
	s := &set{ranges: tidy(ranges)}
	for _, r := range s.ranges {
		for c := r.lo; c <= r.hi && c < utf8.RuneSelf; c++ {
			s.ascii[c>>6] |= 1 << (c & 63)
		}
	}
	return s
}

func (s *set) has(r rune) bool {
	if r < utf8.RuneSelf {
		return s.ascii[r>>6&1]>>(r&63)&1 != 0
	}
	i := sort.Search(len(s.ranges), func(i int) bool { return s.ranges[i].hi >= r })
	return i < len(s.ranges) && s.ranges[i].lo <= r
}

// tidy sorts ranges and joins those that touch.
func tidy(ranges []span) []span {
	slices.SortFunc(ranges, func(a, b span) int { return int(a.lo - b.lo) })
	out := ranges[:0]
	for _, r := range ranges {
		if n := len(out); n > 0 && r.lo <= out[n-1].hi+1 {
			out[n-1].hi = max(out[n-1].hi, r.hi)
		} else {
			out = append(out, r)
		}
	}
	return out
}

// negate gives all characters that are not in ranges.
func negate(ranges []span) []span {
	var out []span
	next := rune(0)
	for _, r := range tidy(slices.Clone(ranges)) {
		if next < r.lo {
			out = append(out, span{next, r.lo - 1})
		}
		next = r.hi + 1
	}
	if next <= unicode.MaxRune {
		out = append(out, span{next, unicode.MaxRune})
	}
	return out
}

// intersect gives the characters that are in both.
func intersect(a, b []span) []span {
	return negate(append(negate(a), negate(b)...))
}

// of gives the ranges of tables of package unicode.
func of(tables ...*unicode.RangeTable) []span {
	var out []span
	for _, t := range tables {
		for _, r := range t.R16 {
			out = appendStride(out, rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
		for _, r := range t.R32 {
			out = appendStride(out, rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
	}
	return tidy(out)
}

func appendStride(out []span, lo, hi, stride rune) []span {
	if stride == 1 {
		return append(out, span{lo, hi})
	}
	for r := lo; r <= hi; r += stride {
		out = append(out, span{r, r})
	}
	return out
}

// chars gives the characters of a text.
func chars(text string) []span {
	var out []span
	for _, r := range text {
		out = append(out, span{r, r})
	}
	return tidy(out)
}

// fold adds the characters that differ from those of ranges in case only.
func fold(ranges []span) []span {
	out := slices.Clone(ranges)
	s := newSet(slices.Clone(ranges))
	for _, c := range caseOrbits() {
		if s.has(c) {
			for f := unicode.SimpleFold(c); f != c; f = unicode.SimpleFold(f) {
				out = append(out, span{f, f})
			}
		}
	}
	return tidy(out)
}

// foldOf is r in the case that stands for all: lower case, of ASCII where there is one.
func foldOf(r rune) string {
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		if 'a' <= f && f <= 'z' {
			return string(f)
		}
	}
	return string(unicode.ToLower(r))
}

package regex

import (
	"unicode/utf8"
)

// naive matches n at position pos by plain backtracking and calls then with every end in their order, until one is
// taken. It is slow, and what the engine must find.
func naive(n *node, s string, pos int, then func(end int) bool) bool {
	switch n.kind {
	case kindSet:
		if pos == len(s) {
			return false
		}
		r, k := utf8.DecodeRuneInString(s[pos:])
		return n.set.has(r) && then(pos+k)
	case kindCat:
		return naiveCat(n.parts, s, pos, then)
	case kindAlt:
		for _, p := range n.parts {
			if naive(p, s, pos, then) {
				return true
			}
		}
		return false
	case kindRepeat:
		return naiveRepeat(n, 0, s, pos, then)
	case kindAtomic:
		end, ok := naiveFirst(n.parts[0], s, pos)
		return ok && then(end)
	case kindAhead:
		_, ok := naiveFirst(n.parts[0], s, pos)
		return ok != n.negative && then(pos)
	case kindBehind:
		ok := false
		for from := range pos + 1 {
			ok = ok || (from == len(s) || utf8.RuneStart(s[from])) &&
				naive(n.parts[0], s, from, func(end int) bool { return end == pos })
		}
		return ok != n.negative && then(pos)
	case kindPlace:
		return (&search{s: s}).holds(n.place, pos) && then(pos)
	}
	return then(pos)
}

func naiveCat(parts []*node, s string, pos int, then func(end int) bool) bool {
	if len(parts) == 0 {
		return then(pos)
	}
	return naive(parts[0], s, pos, func(end int) bool { return naiveCat(parts[1:], s, end, then) })
}

func naiveRepeat(n *node, done int, s string, pos int, then func(end int) bool) bool {
	again := func() bool {
		return (n.max < 0 || done < n.max) && naive(n.parts[0], s, pos, func(end int) bool {
			if end == pos && done >= n.min { // a turn that matched nothing is the last
				return then(end)
			}
			return naiveRepeat(n, done+1, s, end, then)
		})
	}
	switch {
	case done < n.min:
		return again()
	case n.lazy:
		return then(pos) || again()
	}
	return again() || then(pos)
}

func naiveFirst(n *node, s string, pos int) (end int, ok bool) {
	ok = naive(n, s, pos, func(e int) bool { end = e; return true })
	return end, ok
}

// naiveAll walks the matches as the tokenizers library does.
func naiveAll(n *node, s string) (out []Span) {
	last := -1
search:
	for at := 0; at <= len(s); {
		for from := at; from <= len(s); from += max(runeLen(s, from), 1) {
			end, ok := naiveFirst(n, s, from)
			switch {
			case !ok:
				continue
			case from == end && end == last:
				at += max(runeLen(s, at), 1)
				continue search
			}
			out = append(out, Span{from, end})
			at, last = end, end
			continue search
		}
		break
	}
	return out
}

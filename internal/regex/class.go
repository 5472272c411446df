package regex

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// escape reads what follows a backslash outside of a class.
func (p *parser) escape() (n *node, literal rune, err error) {
	if p.pos+1 >= len(p.text) {
		return nil, -1, errors.New("nothing after the last \\")
	}
	for _, e := range []struct {
		letter byte
		at     place
	}{{'A', textStart}, {'z', textEnd}, {'Z', textEndNewline}, {'b', wordBoundary}, {'B', noWordBoundary}} {
		if p.text[p.pos+1] == e.letter {
			p.pos += 2
			return &node{kind: kindPlace, place: e.at}, -1, nil
		}
	}
	if p.take(`\R`) {
		crlf := &node{kind: kindCat, parts: []*node{one(chars("\r")), one(chars("\n"))}}
		return single(kindAtomic, &node{kind: kindAlt, parts: []*node{crlf,
			one([]span{{'\n', '\r'}, {0x85, 0x85}, {0x2028, 0x2029}})}}), -1, nil
	}
	ranges, r, err := p.escaped()
	if err != nil {
		return nil, -1, err
	}
	if r >= 0 {
		n, err = p.literal(r)
		return n, r, err
	}
	return one(ranges), -1, nil
}

func one(ranges []span) *node { return &node{kind: kindSet, set: newSet(ranges)} }

// shorthands are the classes of one letter.
var shorthands = map[byte][]span{
	'd': digits, 'D': negate(digits), 's': spaces, 'S': negate(spaces), 'w': words, 'W': negate(words),
	'h': hexes, 'H': negate(hexes), 'N': noLine, 'O': anyChar,
}

var controls = map[byte]rune{'t': '\t', 'n': '\n', 'r': '\r', 'f': '\f', 'v': '\v', 'a': '\a', 'e': 0x1b}

// escaped reads an escape that stands for characters: one of them (r >= 0), or a class.
func (p *parser) escaped() (ranges []span, r rune, err error) {
	if p.pos+1 >= len(p.text) {
		return nil, -1, errors.New("nothing after the last \\")
	}
	c := p.text[p.pos+1]
	if set, ok := shorthands[c]; ok {
		p.pos += 2
		return slices.Clone(set), -1, nil
	}
	if r, ok := controls[c]; ok {
		p.pos += 2
		return nil, r, nil
	}
	switch {
	case c == 'p' || c == 'P':
		p.pos += 2
		ranges, err = p.property(c == 'P')
		return ranges, -1, err
	case c == 'x' || c == 'u':
		p.pos += 2
		r, err = p.hex(c)
		return nil, r, err
	case c == '0':
		p.pos++
		n := 0
		for n < 3 && p.pos+n < len(p.text) && '0' <= p.text[p.pos+n] && p.text[p.pos+n] <= '7' {
			n++
		}
		v, err := strconv.ParseUint(p.text[p.pos:p.pos+n], 8, 8)
		p.pos += n
		if err != nil || v >= utf8.RuneSelf {
			return nil, -1, unsupported("a byte above 0x7f")
		}
		return nil, rune(v), nil
	case '1' <= c && c <= '9':
		return nil, -1, unsupported("a backreference")
	case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
		return nil, -1, unsupported(fmt.Sprintf(`\%c`, c))
	}
	p.pos++
	return nil, p.rune(), nil
}

// property reads {Name} or {^Name} of \p.
func (p *parser) property(negative bool) ([]span, error) {
	name, _, ok := strings.Cut(p.text[p.pos:], "}")
	if !ok || !strings.HasPrefix(name, "{") {
		return nil, errors.New(`wanted \p{NAME}`)
	}
	p.pos += len(name) + 1
	plain, caret := strings.CutPrefix(name[1:], "^")
	ranges, ok := property(plain)
	if !ok {
		return nil, unsupported(fmt.Sprintf(`\p{%.40s}`, plain))
	}
	if negative != caret {
		return negate(ranges), nil
	}
	return slices.Clone(ranges), nil
}

// hex reads the digits of \x41, \x{1F600} or \u0041.
func (p *parser) hex(kind byte) (rune, error) {
	digits := ""
	switch {
	case kind == 'x' && p.at("{"):
		inside, _, ok := strings.Cut(p.text[p.pos+1:], "}")
		if !ok {
			return -1, errors.New(`\x{ does not end`)
		}
		p.pos += len(inside) + 2
		digits = inside
	default:
		n, most := 0, 2
		if kind == 'u' {
			most = 4
		}
		for n < most && p.pos+n < len(p.text) && strings.IndexByte("0123456789abcdefABCDEF", p.text[p.pos+n]) >= 0 {
			n++
		}
		digits = p.text[p.pos : p.pos+n]
		p.pos += n
		if kind == 'u' && n != 4 {
			return -1, errors.New(`wanted four digits after \u`)
		}
	}
	v, err := strconv.ParseUint(digits, 16, 32)
	if err != nil || v > utf8.MaxRune || !utf8.ValidRune(rune(v)) {
		return -1, fmt.Errorf(`\%c%.40s is no character`, kind, digits)
	}
	if kind == 'x' && v >= utf8.RuneSelf && len(digits) == 2 && p.text[p.pos-1] != '}' {
		return -1, unsupported("a byte above 0x7f") // it is part of a character
	}
	return rune(v), nil
}

// class reads [ ... ] after its bracket. Parts that && divides are intersected.
func (p *parser) class(depth int) ([]span, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("classes nest deeper than %d", maxNesting)
	}
	negative := p.take("^")
	var all, part []span
	divided := false
	for first := true; ; first = false {
		switch {
		case !p.more():
			return nil, errors.New("a class does not end")
		case p.at("]") && !first:
			p.pos++
			if divided {
				part = intersect(all, part)
			}
			return p.closeClass(part, negative)
		case p.take("&&"):
			if divided {
				part = intersect(all, part)
			}
			all, part, divided = part, nil, true
		default:
			more, err := p.classPart(depth)
			if err != nil {
				return nil, err
			}
			part = append(part, more...)
		}
	}
}

// closeClass ends a class: characters of any case where case is ignored, and all others where it begins with ^.
func (p *parser) closeClass(ranges []span, negative bool) ([]span, error) {
	ranges = tidy(ranges)
	if p.opt.ignoreCase {
		if !negative && len(intersect(manyFold.ranges, ranges)) > 0 {
			return nil, unsupported("a class with ß and the like without regard to case")
		}
		ranges = fold(ranges)
	}
	if negative {
		ranges = negate(ranges)
	}
	return ranges, nil
}

// classPart reads a character, a range, a class by name or a class inside.
func (p *parser) classPart(depth int) ([]span, error) {
	if p.at("[:") {
		if name, _, ok := strings.Cut(p.text[p.pos+2:], ":]"); ok && len(name) < 20 {
			plain, negative := strings.CutPrefix(name, "^")
			ranges, ok := bracket(plain)
			if !ok {
				return nil, unsupported("[:" + name + ":]")
			}
			p.pos += len(name) + 4
			if negative {
				return negate(ranges), nil
			}
			return slices.Clone(ranges), nil
		}
	}
	if p.take("[") {
		return p.class(depth + 1)
	}
	ranges, lo, err := p.classChar()
	if err != nil || lo < 0 {
		return ranges, err
	}
	if !p.at("-") || p.pos+1 >= len(p.text) || p.text[p.pos+1] == ']' {
		return []span{{lo, lo}}, nil
	}
	p.pos++
	if p.at("[") || p.at("&&") {
		return nil, unsupported("a range to a class")
	}
	ranges, hi, err := p.classChar()
	switch {
	case err != nil:
		return nil, err
	case hi < 0: // [a-\d]: the three
		return append(ranges, span{lo, lo}, span{'-', '-'}), nil
	case hi < lo:
		return nil, fmt.Errorf("a range from %q to %q", lo, hi)
	}
	return []span{{lo, hi}}, nil
}

// classChar reads one character (r >= 0) or an escaped class.
func (p *parser) classChar() (ranges []span, r rune, err error) {
	if !p.more() {
		return nil, -1, errors.New("a class does not end")
	}
	if p.next() != '\\' {
		return nil, p.rune(), nil
	}
	if p.pos+1 < len(p.text) {
		switch p.text[p.pos+1] {
		case 'b':
			p.pos += 2
			return nil, '\b', nil
		case 'w', 'W':
			p.pos += 2
			if p.text[p.pos-1] == 'W' {
				return negate(classWords), -1, nil
			}
			return slices.Clone(classWords), -1, nil
		}
	}
	return p.escaped()
}

package regex

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// options of a part of a pattern.
type options struct {
	ignoreCase bool // i
	dotAll     bool // m: a dot matches line ends too
	extended   bool // x: spaces and comments say nothing
}

// parser reads a pattern from left to right.
type parser struct {
	text  string
	pos   int
	opt   options
	depth int
}

func parse(pattern string) (*node, error) {
	p := &parser{text: pattern}
	n, err := p.alternatives()
	if err == nil && p.pos < len(p.text) {
		err = errors.New("unmatched )")
	}
	if err != nil {
		return nil, fmt.Errorf("at byte %d: %w", p.pos, err)
	}
	return n, nil
}

func (p *parser) more() bool         { return p.pos < len(p.text) }
func (p *parser) at(s string) bool   { return strings.HasPrefix(p.text[p.pos:], s) }
func (p *parser) take(s string) bool { ok := p.at(s); p.pos += len(s) * btoi(ok); return ok }
func (p *parser) rune() (r rune) {
	r, n := utf8.DecodeRuneInString(p.text[p.pos:])
	p.pos += n
	return r
}
func (p *parser) next() (b byte)       { b = p.text[p.pos]; return b }
func unsupported(what string) error    { return fmt.Errorf("%s is not supported", what) }
func single(k nodeKind, n *node) *node { return &node{kind: k, parts: []*node{n}} }

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// alternatives reads up to the end of the group: a|b|c.
func (p *parser) alternatives() (*node, error) {
	if p.depth++; p.depth > maxNesting {
		return nil, fmt.Errorf("groups nest deeper than %d", maxNesting)
	}
	defer func() { p.depth-- }()
	var alts []*node
	for {
		n, err := p.sequence()
		if err != nil {
			return nil, err
		}
		alts = append(alts, n)
		if !p.take("|") {
			break
		}
	}
	if len(alts) == 1 {
		return alts[0], nil
	}
	return &node{kind: kindAlt, parts: alts}, nil
}

// sequence reads parts up to | or the end of the group.
func (p *parser) sequence() (*node, error) {
	cat := &node{kind: kindCat}
	literal := rune(-1) // the literal that was read last
	for p.more() && p.next() != '|' && p.next() != ')' {
		if p.skipped() {
			continue
		}
		if ok, err := p.options(); err != nil {
			return nil, err
		} else if ok { // for the rest of the group, its other alternatives too
			n, err := p.alternatives()
			cat.parts = append(cat.parts, n)
			return cat, err
		}
		n, r, err := p.atom()
		if err != nil {
			return nil, err
		}
		if literal >= 0 && r >= 0 && p.opt.ignoreCase && manyFolded[foldOf(literal)+foldOf(r)] {
			return nil, unsupported(fmt.Sprintf("%q without regard to case", string(literal)+string(r)))
		}
		literal = r
		if n, err = p.repeats(n); err != nil {
			return nil, err
		}
		cat.parts = append(cat.parts, n)
	}
	return cat, nil
}

// skipped takes what the option x makes meaningless, and comments.
func (p *parser) skipped() bool {
	from := p.pos
	if p.opt.extended {
		for p.more() && strings.IndexByte(" \t\n\r\f\v", p.next()) >= 0 {
			p.pos++
		}
		if p.at("#") {
			p.skipPast("\n")
		}
	}
	if p.at("(?#") {
		p.skipPast(")")
	}
	return p.pos > from
}

func (p *parser) skipPast(end string) {
	_, rest, _ := strings.Cut(p.text[p.pos:], end)
	p.pos = len(p.text) - len(rest)
}

// options takes (?imx-imx), which holds to the end of the group.
func (p *parser) options() (bool, error) {
	if !p.at("(?") {
		return false, nil
	}
	end := strings.IndexByte(p.text[p.pos:], ')')
	if end < 0 || strings.Trim(p.text[p.pos+2:p.pos+end], "imx-") != "" || end == 2 {
		return false, nil
	}
	flags := p.text[p.pos+2 : p.pos+end]
	p.pos += end + 1
	return true, p.set(flags)
}

// set turns options on and, after a minus, off.
func (p *parser) set(flags string) error {
	on := true
	for _, f := range flags {
		switch f {
		case 'i':
			p.opt.ignoreCase = on
		case 'm':
			p.opt.dotAll = on
		case 'x':
			p.opt.extended = on
		case '-':
			on = false
		default:
			return unsupported(fmt.Sprintf("option %q", f))
		}
	}
	return nil
}

// atom reads one character, class, place or group. literal is the character where it is one, else -1.
func (p *parser) atom() (n *node, literal rune, err error) {
	switch c := p.next(); c {
	case '(':
		n, err = p.group()
		return n, -1, err
	case '[':
		p.pos++
		ranges, err := p.class(0)
		return &node{kind: kindSet, set: newSet(ranges)}, -1, err
	case '.':
		p.pos++
		if p.opt.dotAll {
			return &node{kind: kindSet, set: newSet(negate(nil))}, -1, nil
		}
		return &node{kind: kindSet, set: newSet(negate(chars("\n")))}, -1, nil
	case '^', '$':
		p.pos++
		at := lineStart
		if c == '$' {
			at = lineEnd
		}
		return &node{kind: kindPlace, place: at}, -1, nil
	case '*', '+', '?':
		return nil, -1, fmt.Errorf("nothing to repeat before %q", c)
	case '\\':
		return p.escape()
	}
	r := p.rune()
	n, err = p.literal(r)
	return n, r, err
}

// literal is one character, in any case where case is ignored.
func (p *parser) literal(r rune) (*node, error) {
	ranges := []span{{r, r}}
	if p.opt.ignoreCase {
		if manyFold.has(r) {
			return nil, unsupported(fmt.Sprintf("%q without regard to case", r))
		}
		ranges = fold(ranges)
	}
	return &node{kind: kindSet, set: newSet(ranges)}, nil
}

// groups that are no plain ones.
var groups = []struct {
	opens  string
	kind   nodeKind
	negate bool
}{
	{"(?:", kindCat, false}, {"(?>", kindAtomic, false}, {"(?=", kindAhead, false}, {"(?!", kindAhead, true},
	{"(?<=", kindBehind, false}, {"(?<!", kindBehind, true},
}

// group reads ( ... ). What it matched cannot be asked for, so that names are passed over.
func (p *parser) group() (*node, error) {
	opt := p.opt
	defer func() { p.opt = opt }()
	kind, negative := kindCat, false
	known := false
	for _, g := range groups {
		if p.take(g.opens) {
			kind, negative, known = g.kind, g.negate, true
			break
		}
	}
	if !known {
		if err := p.plainGroup(); err != nil {
			return nil, err
		}
	}
	n, err := p.alternatives()
	if err != nil {
		return nil, err
	}
	if !p.take(")") {
		return nil, errors.New("a group does not end")
	}
	if kind == kindCat {
		return n, nil
	}
	out := single(kind, n)
	out.negative = negative
	return out, nil
}

// plainGroup takes "(", "(?<name>" or "(?i-m:".
func (p *parser) plainGroup() error {
	p.pos++
	if !p.take("?") {
		return nil
	}
	rest := p.text[p.pos:]
	if name, _, ok := strings.Cut(rest, ">"); ok && strings.HasPrefix(name, "<") && isName(name[1:]) {
		p.pos += len(name) + 1
		return nil
	}
	flags, _, ok := strings.Cut(rest, ":")
	if !ok || flags == "" || strings.Trim(flags, "imx-") != "" {
		return unsupported("a group that begins with (?" + rest[:min(len(rest), 1)])
	}
	p.pos += len(flags) + 1
	return p.set(flags)
}

func isName(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// repeats takes what says how often n is matched.
func (p *parser) repeats(n *node) (*node, error) {
	if p.opt.extended {
		for p.skipped() {
			continue
		}
	}
	lo, hi, counted, ok, err := p.count()
	if err != nil || !ok {
		return n, err
	}
	if n.kind == kindPlace || n.kind == kindAhead || n.kind == kindBehind {
		return nil, unsupported("repeating a condition")
	}
	out := &node{kind: kindRepeat, parts: []*node{n}, min: lo, max: hi}
	switch {
	case counted && p.at("+"): // in Ruby the repetition is repeated
		p.pos++
		out = &node{kind: kindRepeat, parts: []*node{out}, min: 1, max: -1}
	case counted && lo == hi && p.at("?"):
		return nil, unsupported("{n}?")
	case p.take("?"):
		out.lazy = true
	case p.take("+"):
		out = single(kindAtomic, out)
	}
	if _, _, _, more, err := p.count(); more || err != nil {
		return nil, unsupported("repeating a repetition")
	}
	return out, nil
}

// count reads ? * + or {n,m}; counted tells the last. A brace that is no count is a character.
func (p *parser) count() (lo, hi int, counted, ok bool, err error) {
	switch {
	case p.take("?"):
		return 0, 1, false, true, nil
	case p.take("*"):
		return 0, -1, false, true, nil
	case p.take("+"):
		return 1, -1, false, true, nil
	case !p.at("{"):
		return 0, 0, false, false, nil
	}
	end := strings.IndexByte(p.text[p.pos:], '}')
	if end < 0 {
		return 0, 0, false, false, nil
	}
	first, second, comma := strings.Cut(p.text[p.pos+1:p.pos+end], ",")
	lo, okLo := number(first)
	hi, okHi := number(second)
	switch {
	case !comma:
		hi, ok = lo, okLo
	case first == "":
		ok = okHi
	case second == "":
		hi, ok = -1, okLo
	default:
		ok = okLo && okHi
	}
	if !ok {
		return 0, 0, false, false, nil
	}
	p.pos += end + 1
	if hi >= 0 && lo > hi {
		return 0, 0, true, true, fmt.Errorf("a count from %d to %d", lo, hi)
	}
	return lo, hi, true, true, nil
}

// number reads a count of at most five digits.
func number(s string) (n int, ok bool) {
	if s == "" || len(s) > 5 {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = 10*n + int(s[i]-'0')
	}
	return n, true
}

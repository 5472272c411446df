package regex

import (
	"errors"
	"slices"
)

// instr is one instruction. It goes on at out, or fails.
type instr struct {
	op       opcode
	out      int32
	other    int32 // opSplit: where to go when out fails; opAhead, opAtomic: where the inside begins
	moved    int32 // opAtomic: where to go in the place of out when it matched any character
	index    int32 // opSplit: its place among those that remember
	loop     bool  // opSplit: that of a loop
	negative bool
	place    place
	set      *set
	behind   []behind
}

// behind is an alternative of a lookbehind, and how many characters it matches.
type behind struct {
	start int32
	width int
}

type opcode uint8

const (
	opMatch opcode = iota
	opRune
	opSplit
	opPlace
	opAhead
	opBehind
	opAtomic
)

var errTooLarge = errors.New("too large")

// compiler writes a tree as instructions, from the end to the start: each part knows where to go on.
//
// A turn of a loop that matched nothing is the loop's last, or the loop would never end. So the way on from a place
// inside of loops depends on which of them have moved on in their present turn. Turns of inner loops begin later: where
// an outer loop has not moved on, inner ones have not either. That leaves one case more than there are loops, and ways
// has where to go in each: ways[k] when the k outermost loops have moved on and the others have not. Only loops count
// whose inside may be empty, so that nearly always there is one way.
type compiler struct {
	re     *Regexp
	inside bool // a lookaround or an atomic group, whose splits remember where they end
}

type ways []int32

// moved is where to go when a character was matched.
func (w ways) moved() int32 { return w[len(w)-1] }

func compile(pattern string, tree *node) (*Regexp, error) {
	c := &compiler{re: &Regexp{text: pattern}}
	end, err := c.emit(instr{op: opMatch})
	if err != nil {
		return nil, err
	}
	start, err := c.node(tree, ways{end})
	if err != nil {
		return nil, err
	}
	c.re.start = start[0]
	c.re.findFirsts()
	return c.re, nil
}

func (c *compiler) emit(i instr) (int32, error) {
	if len(c.re.code) >= maxInstructions {
		return 0, errTooLarge
	}
	if i.op == opSplit {
		counter := &c.re.splits
		if c.inside {
			counter = &c.re.inner
		}
		i.index = int32(*counter)
		*counter++
	}
	c.re.code = append(c.re.code, i)
	return int32(len(c.re.code) - 1), nil
}

// each writes the instruction that make gives for every way on, one for ways that are the same.
func (c *compiler) each(n int, same func(k, l int) bool, make func(k int) instr) (ways, error) {
	out := slices.Repeat(ways{0}, n)
next:
	for k := range n {
		for l := range k {
			if same(k, l) {
				out[k] = out[l]
				continue next
			}
		}
		var err error
		if out[k], err = c.emit(make(k)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// node writes n so that it goes on at next, and gives its first instructions.
func (c *compiler) node(n *node, next ways) (ways, error) {
	on := func(i instr) (ways, error) {
		return c.each(len(next), func(k, l int) bool { return next[k] == next[l] }, func(k int) instr {
			i.out = next[k]
			return i
		})
	}
	switch n.kind {
	case kindSet:
		at, err := c.emit(instr{op: opRune, out: next.moved(), set: n.set})
		return slices.Repeat(ways{at}, len(next)), err
	case kindPlace:
		return on(instr{op: opPlace, place: n.place})
	case kindCat:
		var err error
		for i := len(n.parts) - 1; i >= 0 && err == nil; i-- {
			next, err = c.node(n.parts[i], next)
		}
		return next, err
	case kindAlt:
		return c.alternatives(n, next)
	case kindRepeat:
		return c.repeat(n, next)
	case kindAtomic, kindAhead:
		start, err := c.within(n.parts[0])
		if err != nil {
			return nil, err
		}
		if n.kind == kindAhead {
			return on(instr{op: opAhead, other: start, negative: n.negative})
		}
		return on(instr{op: opAtomic, other: start, moved: next.moved()})
	case kindBehind:
		list, err := c.behind(n)
		if err != nil {
			return nil, err
		}
		return on(instr{op: opBehind, behind: list, negative: n.negative})
	}
	return next, nil
}

func (c *compiler) alternatives(n *node, next ways) (ways, error) {
	start, err := c.node(n.parts[len(n.parts)-1], next)
	for i := len(n.parts) - 2; i >= 0 && err == nil; i-- {
		var first ways
		if first, err = c.node(n.parts[i], next); err == nil {
			start, err = c.split(first, start, false)
		}
	}
	return start, err
}

// within writes what matches by itself, and ends with a match.
func (c *compiler) within(n *node) (int32, error) {
	before := c.inside
	c.inside = true
	defer func() { c.inside = before }()
	end, err := c.emit(instr{op: opMatch})
	if err != nil {
		return 0, err
	}
	start, err := c.node(n, ways{end})
	if err != nil {
		return 0, err
	}
	return start[0], nil
}

// behind writes the alternatives of a lookbehind, each of which must have one width.
func (c *compiler) behind(n *node) (list []behind, err error) {
	alts := []*node{n.parts[0]}
	if alts[0].kind == kindAlt {
		alts = alts[0].parts
	}
	for _, a := range alts {
		width, ok := a.width()
		if !ok {
			return nil, unsupported("a lookbehind that may match more or less")
		}
		start, err := c.within(a)
		if err != nil {
			return nil, err
		}
		list = append(list, behind{start, width})
	}
	return list, nil
}

// repeat writes x{min,max}: min copies, and then as many that may be left out, or a loop.
func (c *compiler) repeat(n *node, next ways) (ways, error) {
	x, end := n.parts[0], next
	var err error
	for i := n.min; i < n.max && err == nil; i++ {
		var first ways
		if first, err = c.node(x, next); err == nil {
			next, err = c.split(first, end, n.lazy)
		}
	}
	copies := n.min
	if n.max < 0 {
		var body ways
		if next, body, err = c.loop(x, next, n.lazy); n.min > 0 && !x.void() {
			next = body // into the loop without asking
			copies--
		}
	}
	for i := 0; i < copies && err == nil; i++ {
		first, failed := c.node(x, next)
		if slices.Equal(first, next) {
			break // x is no instruction at all
		}
		next, err = first, failed
	}
	return next, err
}

// split goes to first and, where that fails, to other; the other way round where it is lazy.
func (c *compiler) split(first, other ways, lazy bool) (ways, error) {
	if lazy {
		first, other = other, first
	}
	return c.each(len(first), func(k, l int) bool { return first[k] == first[l] && other[k] == other[l] },
		func(k int) instr { return instr{op: opSplit, out: first[k], other: other[k]} })
}

// loop writes x again and again. splits decide whether once more, body is where x begins.
func (c *compiler) loop(x *node, next ways, lazy bool) (splits, body ways, err error) {
	again, err := c.split(ways{0}, ways{next.moved()}, lazy) // once it has moved on
	if err != nil {
		return nil, nil, err
	}
	c.re.code[again[0]].loop = true
	after := slices.Repeat(again, len(next))
	if x.void() {
		after = append(slices.Clone(next), again[0]) // a turn that matched nothing leaves the loop
	}
	if body, err = c.node(x, after); err != nil {
		return nil, nil, err
	}
	body = body[:len(next)] // a turn begins without having moved on
	if s := &c.re.code[again[0]]; lazy {
		s.other = body.moved()
	} else {
		s.out = body.moved()
	}
	last := len(next) - 1
	if splits, err = c.split(body[:last], next[:last], lazy); err != nil {
		return nil, nil, err
	}
	return append(splits, again[0]), body, nil
}

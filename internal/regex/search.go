package regex

import (
	"strings"
	"unicode/utf8"
)

// search is the state of finding matches in one text.
type search struct {
	re    *Regexp
	s     string
	left  int64 // steps
	fails failures
	ends  ends
	stack []choice   // of the match that is tried
	asks  []question // of lookarounds and atomic groups
}

// choice is where to go on when the way that was taken fails: at instruction at, from position hi, then from the
// character before it, and so on down to lo. Loops over single characters make one choice, however often they turn.
type choice struct {
	at     int32
	lo, hi int
}

func (m *search) begin(s string, steps int64) {
	m.s, m.left = s, steps
	if m.fails.blocks == nil {
		m.fails.blocks, m.ends.blocks = map[int][]uint64{}, map[int][]int32{}
		m.fails.splits, m.ends.splits = m.re.splits, m.re.inner
	}
}

// end lets go of the text, and of memory that is more than a little.
func (m *search) end() {
	m.s = ""
	m.fails.reset()
	clear(m.ends.blocks)
	m.ends.bytes = 0
	if cap(m.stack) > 1<<12 {
		m.stack = nil
	}
	if cap(m.asks) > 1<<12 {
		m.asks = nil
	}
}

// find gives the first match that begins at or after position from; start is -1 where there is none.
func (m *search) find(from int) (start, end int, err error) {
	for at := from; at <= len(m.s); at += max(runeLen(m.s, at), 1) {
		if f := &m.re.firsts[m.re.start]; !f.void {
			if at = m.skip(at, f); at == len(m.s) {
				return -1, 0, nil
			}
		}
		end, err := m.match(at)
		if err != nil || end >= 0 {
			return at, end, err
		}
	}
	return -1, 0, nil
}

// skip goes to the first byte with which a match may begin.
func (m *search) skip(at int, f *first) int {
	from := at
	for at < len(m.s) && !f.allows(m.s[at]) {
		at++
	}
	m.left -= int64(at-from) / 16
	return at
}

// match tries to match at one position; end is -1 where that fails.
//
// Every split is tried at most once at every position: what failed there fails again, for this match and for those that
// are tried after it, since nothing else decides. What was on the way to a match has not failed. It lies before the end
// of the match, where nothing is tried any more, but for the splits at the end itself, which are forgotten.
func (m *search) match(at int) (end int, err error) {
	m.fails.forget(at)
	m.stack = m.stack[:0]
	pc, pos := m.re.start, at
	for {
		i := &m.re.code[pc]
		if i.op == opMatch {
			m.fails.clearAt(pos)
			return pos, nil
		}
		if m.left--; m.left < 0 {
			return 0, ErrSteps
		}
		var ok bool
		if i.op == opSplit {
			pc, ok, err = m.choose(i, pos)
		} else {
			pc, pos, ok, err = m.step(i, pos)
		}
		switch {
		case err != nil:
			return 0, err
		case ok:
			continue
		case len(m.stack) == 0:
			return -1, nil
		}
		pc, pos = m.back()
	}
}

// choose takes a split's first way and leaves the other for later. A way that the next byte rules out is none. false:
// the split was tried at this position before. Only loops and splits with two ways need to be remembered: there are
// at most as many instructions between them as in all.
func (m *search) choose(i *instr, pos int) (pc int32, ok bool, err error) {
	first, other := m.open(i.out, pos), m.open(i.other, pos)
	pc = i.out
	if !first {
		pc = i.other
	}
	if !i.loop && !(first && other) {
		return pc, true, nil
	}
	m.left -= 2
	b, err := m.fails.block(pos)
	if err != nil {
		return pc, false, err
	}
	bit := (pos&(blockSize-1))*m.fails.splits + int(i.index)
	if b[bit>>6]>>(bit&63)&1 != 0 {
		return pc, false, nil
	}
	b[bit>>6] |= 1 << (bit & 63)
	if !first || !other {
		return pc, true, nil
	}
	if n := len(m.stack); n > 0 {
		if top := &m.stack[n-1]; top.at == i.other && top.hi < pos && top.hi+runeLen(m.s, top.hi) == pos {
			top.hi = pos
			return pc, true, nil
		}
	}
	if len(m.stack) >= maxOpen {
		return pc, false, ErrMemory
	}
	m.stack = append(m.stack, choice{i.other, pos, pos})
	return pc, true, nil
}

// open reports whether the next byte lets a match go on at instruction pc.
func (m *search) open(pc int32, pos int) bool {
	f := &m.re.firsts[pc]
	if pos == len(m.s) {
		return f.void
	}
	return f.allows(m.s[pos])
}

// back takes the choice that was left last.
func (m *search) back() (pc int32, pos int) {
	top := &m.stack[len(m.stack)-1]
	pc, pos = top.at, top.hi
	if top.hi == top.lo {
		m.stack = m.stack[:len(m.stack)-1]
	} else {
		_, n := utf8.DecodeLastRuneInString(m.s[:pos])
		top.hi -= n
	}
	return pc, pos
}

// step runs an instruction that is no split: where it goes on, and whether it does.
func (m *search) step(i *instr, pos int) (pc int32, at int, ok bool, err error) {
	switch i.op {
	case opRune:
		if pos == len(m.s) {
			return i.out, pos, false, nil
		}
		if c := m.s[pos]; c < utf8.RuneSelf {
			return i.out, pos + 1, i.set.ascii[c>>6]>>(c&63)&1 != 0, nil
		}
		r, n := utf8.DecodeRuneInString(m.s[pos:])
		return i.out, pos + n, i.set.has(r), nil
	case opPlace:
		return i.out, pos, m.holds(i.place, pos), nil
	case opAhead:
		end, err := m.inside(i.other, pos)
		return i.out, pos, (end >= 0) != i.negative, err
	case opBehind:
		ok, err := m.behind(i.behind, pos)
		return i.out, pos, ok != i.negative, err
	}
	end, err := m.inside(i.other, pos) // opAtomic
	if end > pos {
		return i.moved, end, true, err
	}
	return i.out, end, end >= 0, err
}

// behind reports whether one of the alternatives ends at pos.
func (m *search) behind(list []behind, pos int) (bool, error) {
	for _, b := range list {
		at, k := pos, 0
		for ; k < b.width && at > 0; k++ {
			_, n := utf8.DecodeLastRuneInString(m.s[:at])
			at -= n
		}
		m.left -= int64(k)
		if k < b.width {
			continue
		}
		if end, err := m.inside(b.start, at); err != nil || end >= 0 {
			return err == nil, err
		}
	}
	return false, nil
}

// holds reports whether a condition on a position is met.
func (m *search) holds(p place, pos int) bool {
	atEnd := pos == len(m.s)
	switch p {
	case lineStart: // not after the last line end
		return pos == 0 || m.s[pos-1] == '\n' && !atEnd
	case lineEnd:
		return atEnd || m.s[pos] == '\n'
	case textStart:
		return pos == 0
	case textEnd:
		return atEnd
	case textEndNewline:
		return atEnd || pos == len(m.s)-1 && strings.HasSuffix(m.s, "\n")
	}
	before, n := utf8.DecodeLastRuneInString(m.s[:pos])
	after, k := utf8.DecodeRuneInString(m.s[pos:])
	return (n > 0 && wordSet.has(before)) != (k > 0 && wordSet.has(after)) == (p == wordBoundary)
}

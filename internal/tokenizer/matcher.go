package tokenizer

// matcher finds added tokens in text: leftmost first, among those the longest.
//
// It is an automaton of Aho and Corasick over the tokens spelled backwards, and runs from the end of a text to its
// start: at every position it then knows the longest token that begins there. So the time is linear in the text,
// however long the tokens are and however much they look alike.
type matcher struct {
	tokens  []addedToken
	lengths []int32 // of what is looked for, in bytes
	nodes   []matchNode
	root    [256]int32 // children of the root, which is node 0; 0: none
	longest int
}

// matchNode is a node of the tree of tokens spelled backwards.
type matchNode struct {
	child, sibling int32 // first child, next child of the parent; 0: none
	fail           int32 // the node of the longest end of this one's spelling that is in the tree
	token          int32 // the longest token that the spelling ends with, by its place; -1: none
	b              byte
}

// child is the child of n by byte b, 0 where there is none.
func (m *matcher) child(n int32, b byte) int32 {
	if n == 0 {
		return m.root[b]
	}
	c := m.nodes[n].child
	for c != 0 && m.nodes[c].b != b {
		c = m.nodes[c].sibling
	}
	return c
}

// add enters a pattern; the first of equal patterns stays.
func (m *matcher) add(pattern string, tok addedToken) {
	if m.nodes == nil {
		m.nodes = []matchNode{{token: -1}}
	}
	n := int32(0)
	for i := len(pattern) - 1; i >= 0; i-- {
		b := pattern[i]
		c := m.child(n, b)
		if c == 0 {
			c = int32(len(m.nodes))
			m.nodes = append(m.nodes, matchNode{sibling: m.nodes[n].child, token: -1, b: b})
			m.nodes[n].child = c
			if n == 0 {
				m.root[b] = c
			}
		}
		n = c
	}
	if m.nodes[n].token < 0 {
		m.nodes[n].token = int32(len(m.tokens))
		m.tokens = append(m.tokens, tok)
		m.lengths = append(m.lengths, int32(len(pattern)))
		m.longest = max(m.longest, len(pattern))
	}
}

// finish links the nodes, breadth first, once all patterns are in.
func (m *matcher) finish() {
	if m.nodes == nil {
		return
	}
	queue := []int32{0}
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		for c := m.nodes[n].child; c != 0; c = m.nodes[c].sibling {
			if n != 0 {
				m.nodes[c].fail = m.step(m.nodes[n].fail, m.nodes[c].b)
			}
			if m.nodes[c].token < 0 {
				m.nodes[c].token = m.nodes[m.nodes[c].fail].token
			}
			queue = append(queue, c)
		}
	}
}

// step reads one byte more.
func (m *matcher) step(n int32, b byte) int32 {
	for {
		c := m.child(n, b)
		if c != 0 || n == 0 {
			return c
		}
		n = m.nodes[n].fail
	}
}

// found is a token at a position of a window.
type found struct{ at, token int32 }

// finder walks the tokens of one text, window by window.
type finder struct {
	m        *matcher
	s        string
	from, to int     // the window
	list     []found // in it, the last first
}

// window is how much text is looked at ahead, in bytes.
const window = 1 << 16

// next finds the first token that begins at or after byte at; ok is false where there is none.
func (f *finder) next(at int) (start, end int, token addedToken, ok bool) {
	for len(f.m.nodes) > 0 {
		for n := len(f.list); n > 0; n-- {
			if hit := f.list[n-1]; f.from+int(hit.at) >= at {
				start = f.from + int(hit.at)
				return start, start + int(f.m.lengths[hit.token]), f.m.tokens[hit.token], true
			}
			f.list = f.list[:n-1]
		}
		f.from = max(at, f.to)
		if f.from >= len(f.s) {
			break
		}
		f.to = min(len(f.s), f.from+max(window, f.m.longest))
		f.scan()
	}
	return 0, 0, token, false
}

// scan lists the tokens that begin in the window. They may end behind it.
func (f *finder) scan() {
	f.list = f.list[:0]
	n := int32(0)
	for i := min(len(f.s), f.to+f.m.longest) - 1; i >= f.from; i-- {
		n = f.m.step(n, f.s[i])
		if tok := f.m.nodes[n].token; tok >= 0 && i < f.to {
			f.list = append(f.list, found{int32(i - f.from), tok})
		}
	}
}

// each calls f on the parts of s in order: the text between tokens with id -1 (never empty) and the tokens.
func (m *matcher) each(s string, f func(start, end int, id int32) error) error {
	done := 0
	look := finder{m: m, s: s}
	spacesFrom, spacesTo := 0, -1
	for at := 0; ; {
		start, end, tok, ok := look.next(at)
		if !ok {
			break
		}
		at = end
		if tok.SingleWord && (endsWithWord(s[:start]) || startsWithWord(s[end:])) {
			continue
		}
		if tok.Lstrip {
			start = max(start, done)
			start = done + trimRightSpace(s[done:start])
		}
		if tok.Rstrip {
			if end < spacesFrom || end > spacesTo { // the white space behind the token before is known already
				spacesFrom, spacesTo = end, end+leadingSpace(s[end:])
			}
			end = spacesTo
		}
		if done < start {
			if err := f(done, start, -1); err != nil {
				return err
			}
		}
		if err := f(start, end, int32(tok.ID)); err != nil {
			return err
		}
		done = end
	}
	if done < len(s) {
		return f(done, len(s), -1)
	}
	return nil
}

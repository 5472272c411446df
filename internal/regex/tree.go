package regex

// node is a part of a pattern as it was read.
type node struct {
	kind     nodeKind
	set      *set    // kindSet
	parts    []*node // kindCat, kindAlt; one for the others
	min, max int     // kindRepeat; max -1: without end
	lazy     bool
	negative bool // kindAhead, kindBehind
	place    place
}

type nodeKind int

const (
	kindEmpty nodeKind = iota
	kindSet            // one character of a set
	kindCat
	kindAlt
	kindRepeat
	kindAtomic
	kindAhead
	kindBehind
	kindPlace
)

// place is a condition on a position in the text.
type place int

const (
	lineStart place = iota
	lineEnd
	textStart
	textEnd
	textEndNewline // before a line end at the end too
	wordBoundary
	noWordBoundary
)

// void reports whether n may match the empty text.
func (n *node) void() bool {
	switch n.kind {
	case kindSet:
		return false
	case kindCat:
		for _, p := range n.parts {
			if !p.void() {
				return false
			}
		}
		return true
	case kindAlt:
		for _, p := range n.parts {
			if p.void() {
				return true
			}
		}
		return false
	case kindRepeat:
		return n.min == 0 || n.parts[0].void()
	case kindAtomic:
		return n.parts[0].void()
	}
	return true
}

// width is the number of characters that n matches; ok is false where it is not always the same.
func (n *node) width() (w int, ok bool) {
	switch n.kind {
	case kindSet:
		return 1, true
	case kindCat:
		for _, p := range n.parts {
			k, ok := p.width()
			if !ok {
				return 0, false
			}
			w += k
		}
		return w, true
	case kindAlt:
		for i, p := range n.parts {
			k, ok := p.width()
			if !ok || i > 0 && k != w {
				return 0, false
			}
			w = k
		}
		return w, true
	case kindRepeat:
		k, ok := n.parts[0].width()
		return k * n.min, ok && n.min == n.max
	case kindAtomic:
		return n.parts[0].width()
	}
	return 0, true
}

package main

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/term"
)

// statusLine is the last line of a terminal, drawn again and again. It is never wider than the terminal: a line that
// wraps could not be drawn over. A nil statusLine draws nothing.
type statusLine struct {
	u     *ui
	width func() int
	drawn bool
}

// statusLine is nil where standard error is no terminal or should be silent.
func (u *ui) statusLine() *statusLine {
	f, ok := fileOf(u.err)
	if !ok || !u.terminal() || u.json || u.quiet {
		return nil
	}
	return &statusLine{u: u, width: func() int {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			return w
		}
		return 80
	}}
}

// part is a piece of a line. Where the line is too wide the parts of the highest rank go first.
type part struct {
	text string
	rank int
}

// draw shows the parts that fit.
func (l *statusLine) draw(parts []part) {
	if l == nil {
		return
	}
	// The last column stays free: some terminals wrap when it is written.
	_, _ = fmt.Fprintf(l.u.err, "\r\x1b[K%s", fit(parts, l.width()-1))
	l.drawn = true
}

// clear takes the line away.
func (l *statusLine) clear() {
	if l == nil || !l.drawn {
		return
	}
	_, _ = fmt.Fprint(l.u.err, "\r\x1b[K")
	l.drawn = false
}

// fit joins parts into a line of at most width columns, without those of the highest ranks where there are too many.
func fit(parts []part, width int) string {
	parts = slices.Clone(parts)
	for {
		var texts []string
		last := 0
		for i, p := range parts {
			texts = append(texts, p.text)
			if p.rank >= parts[last].rank {
				last = i
			}
		}
		line := strings.Join(texts, " ")
		switch {
		case len(line) <= width:
			return line
		case len(parts) <= 1:
			return line[:max(min(width, len(line)), 0)]
		}
		parts = slices.Delete(parts, last, last+1)
	}
}

// bar draws a share between 0 and 1.
func bar(share float64, width int) string {
	n := max(min(int(share*float64(width)), width), 0)
	return "[" + strings.Repeat("=", n) + strings.Repeat(" ", width-n) + "]"
}

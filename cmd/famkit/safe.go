package main

import (
	"fmt"
	"io"

	"golang.org/x/term"

	"famkit/internal/printable"
)

// What files hold is printed in two steps, each of which would do. say makes the arguments of a format printable, line
// ends too, so that a name cannot write a line of its own. Below it the screen lets nothing pass that a terminal obeys.

// say prints a line, or a part of one, of an answer or a message.
func say(w io.Writer, format string, a ...any) {
	_, _ = fmt.Fprintf(w, format, printable.Args(a)...)
}

// screen writes text on to w without what a terminal would obey, but for famkit's own colours.
func screen(w io.Writer) io.Writer { return printable.Writer(w, ownSequences...) }

// plainText prints text that is the answer itself. A file or a pipe gets every byte; a terminal none that it would
// obey.
func (u *ui) plainText(text string) {
	w := u.out
	if f, ok := fileOf(w); ok && term.IsTerminal(int(f.Fd())) {
		w = screen(w)
	}
	_, _ = io.WriteString(w, text)
}

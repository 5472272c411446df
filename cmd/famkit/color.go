package main

import (
	"io"
	"os"

	"golang.org/x/term"
)

// When the answer and the messages are coloured. auto: on a terminal that shows colours, unless NO_COLOR is set
// (https://no-color.org).
const (
	colorAuto   = "auto"
	colorAlways = "always"
	colorNever  = "never"
)

// paint is a colour of ECMA-48.
type paint string

const (
	good    paint = "32" // green
	bad     paint = "31;1"
	unsure  paint = "33" // yellow
	aside   paint = "36" // cyan: what to do next
	heading paint = "1"  // bold
)

// ownSequences are all that a terminal may get: famkit's own colours.
var ownSequences = func() []string {
	list := []string{plain}
	for _, p := range []paint{good, bad, unsure, aside, heading} {
		list = append(list, p.begin())
	}
	return list
}()

// plain ends a colour.
const plain = "\x1b[0m"

func (p paint) begin() string { return "\x1b[" + string(p) + "m" }

// colours puts words into colours, or leaves them as they are. The zero value leaves them.
type colours struct{ on bool }

// of gives text its colour.
func (c colours) of(p paint, text string) string {
	if !c.on || text == "" {
		return text
	}
	return p.begin() + text + plain
}

// colours says whether what goes to w is coloured.
func (u *ui) colours(w io.Writer) colours {
	switch u.color {
	case colorAlways:
		return colours{true}
	case colorNever:
		return colours{}
	}
	f, ok := fileOf(w)
	return colours{ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))}
}

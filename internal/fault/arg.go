package fault

import (
	"errors"
	"fmt"
	"strings"

	"famkit/internal/printable"
)

// Setting names a setting in a message, such as steps, with a value where the message proposes one. A library that
// refuses a setting does not know how its user wrote it: a command spells it --steps 5, a recipe steps = 5 (line 12).
type Setting struct{ Name, Value string }

// Arg names a setting, and the value that it should get where one is given.
func Arg(name string, value ...any) Setting {
	return Setting{name, strings.TrimSuffix(fmt.Sprintln(value...), "\n")}
}

// String is the plain spelling: the name, then the value.
func (s Setting) String() string {
	if s.Value == "" {
		return s.Name
	}
	return s.Name + " " + s.Value
}

// phrase is a message that is not put together yet, so that its settings can still be spelled.
type phrase struct {
	format string
	args   []any
}

// text puts the message together. The settings, messages and errors in it are spelled by spell. What a file may have
// put into the arguments is made printable; the format is the program's own.
func (p phrase) text(spell func(Setting) string) string {
	args := make([]any, len(p.args))
	for i, a := range p.args {
		switch a := a.(type) {
		case Setting:
			args[i] = printable.Text(spell(a))
		case Message:
			args[i] = a.Text(spell)
		case error:
			args[i] = printed(Text(a, spell))
		default:
			args[i] = printable.Arg(a)
		}
	}
	return fmt.Sprintf(strings.ReplaceAll(p.format, "%w", "%v"), args...)
}

// printed is a text that is printable already: it keeps the line ends that a message of several lines has.
type printed string

// shown makes the arguments of a format printable, but for errors, which must stay in the chain, and settings.
func shown(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		switch a.(type) {
		case Setting, error:
			out[i] = a
		default:
			out[i] = printable.Arg(a)
		}
	}
	return out
}

// Message is a message that is no error, with settings in it that can still be spelled.
type Message struct{ phrase phrase }

// Say makes a Message as fmt.Sprintf would make a text.
func Say(format string, args ...any) Message { return Message{phrase{format, args}} }

// Text is the message with its settings spelled by spell.
func (m Message) Text(spell func(Setting) string) string { return m.phrase.text(spell) }

// String is the message with its settings spelled plainly.
func (m Message) String() string { return m.Text(Setting.String) }

// Text is err's message with its settings spelled by spell, and fit for a terminal: see package printable.
func Text(err error, spell func(Setting) string) string {
	if e, ok := err.(*Error); ok { // what wraps an Error is walked below
		if e.message.format != "" {
			return e.message.text(spell)
		}
		return Text(e.Err, spell)
	}
	rest := err.Error()
	var b strings.Builder
	for _, inner := range wrapped(err) {
		if inner == nil {
			continue
		}
		if before, after, ok := strings.Cut(rest, inner.Error()); ok {
			b.WriteString(between(before) + Text(inner, spell))
			rest = after
		}
	}
	return b.String() + printable.Text(rest)
}

// between is what stands before an error within the text of what wraps it.
func between(text string) string {
	if text == "\n" { // of errors.Join
		return "; "
	}
	return printable.Text(text)
}

func wrapped(err error) []error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		return many.Unwrap()
	}
	if inner := errors.Unwrap(err); inner != nil {
		return []error{inner}
	}
	return nil
}

// HintText is the first hint in err's chain with its settings spelled by spell.
func HintText(err error, spell func(Setting) string) string {
	var e *Error
	for errors.As(err, &e) {
		if e.hint.format != "" {
			return e.hint.text(spell)
		}
		if e.Hint != "" {
			return printable.Text(e.Hint)
		}
		err = e.Err
	}
	return ""
}

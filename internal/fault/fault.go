// Package fault gives errors a kind, which decides the exit code, and a hint for the user.
package fault

import (
	"errors"
	"fmt"
)

// Kind of an error; its number is the exit code.
type Kind int

// The kinds. Errors without one count as Failed.
const (
	No     Kind = 1 // the answer is no: a difference was found, a verification failed
	Usage  Kind = 2 // wrong usage
	Input  Kind = 3 // input refused: malformed, unsupported, would not keep the function
	Failed Kind = 4 // could not finish: I/O, memory, training diverged
)

// Error is an error with its kind and, where there is one, a hint.
type Error struct {
	Kind Kind
	Hint string
	Err  error

	message, hint phrase // of Err and Hint, for Text and HintText; empty where they were made elsewhere
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

func newError(k Kind, format string, a []any) error {
	return &Error{Kind: k, Err: fmt.Errorf(format, shown(a)...), message: phrase{format, a}}
}

// Inputf refuses an input.
func Inputf(format string, a ...any) error {
	return newError(Input, format, a)
}

// Usagef reports wrong usage.
func Usagef(format string, a ...any) error {
	return newError(Usage, format, a)
}

// Failedf reports work that could not be finished.
func Failedf(format string, a ...any) error {
	return newError(Failed, format, a)
}

// Hint adds a hint to err, keeping its kind.
func Hint(err error, format string, a ...any) error {
	if err == nil {
		return nil
	}
	return &Error{Kind: KindOf(err), Hint: fmt.Sprintf(format, shown(a)...), Err: err, hint: phrase{format, a}}
}

// HintSay adds a hint that was put together elsewhere.
func HintSay(err error, hint Message) error {
	return Hint(err, hint.phrase.format, hint.phrase.args...)
}

// KindOf is the kind of the outermost Error in err's chain. Where the machine is the cause it is Failed, whoever
// refused an input for it.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) && !Machines(err) {
		return e.Kind
	}
	return Failed
}

// HintOf is the first hint in err's chain.
func HintOf(err error) string { return HintText(err, Setting.String) }

// Because says what led to err, and keeps its kind and hint.
func Because(err error, format string, a ...any) error {
	return newError(KindOf(err), format+": %w", append(a, err))
}

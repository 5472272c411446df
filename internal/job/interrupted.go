package job

import (
	"context"
	"errors"
)

// interrupted says what a job was doing when it was stopped. It wraps the context's error, whose own words say
// nothing to a user.
type interrupted struct {
	text string
	err  error
}

func (e *interrupted) Error() string { return e.text }
func (e *interrupted) Unwrap() error { return e.err }

// stopped puts words in the place of a context's error.
func stopped(ctx context.Context, err error, words string) error {
	if err == nil || ctx.Err() == nil || !errors.Is(err, context.Canceled) && !errors.Is(err, context.Cause(ctx)) {
		return err
	}
	return &interrupted{words, err}
}

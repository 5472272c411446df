package main

import (
	"errors"
	"io"
	"os"

	"famkit/internal/fault"
)

// stream is standard output. What prints an answer need not look at each write: the first one that fails is kept and
// ends the command.
type stream struct {
	w   io.Writer
	err error
}

func (s *stream) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if s.err == nil {
		s.err = err
	}
	return n, err
}

// failed gives the error of a command that ended with err: a lost answer is a failure of its own.
func (s *stream) failed(err error) error {
	if s.err == nil || err != nil && !errors.Is(err, s.err) {
		return err
	}
	return fault.Failedf("standard output: writing the answer: %w", fault.Cause(s.err))
}

// fileOf is the file that a stream writes to, if it is one.
func fileOf(w io.Writer) (*os.File, bool) {
	if s, ok := w.(*stream); ok {
		w = s.w
	}
	f, ok := w.(*os.File)
	return f, ok
}

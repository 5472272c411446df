package tokenizer

import (
	"famkit/internal/fault"
)

// Bounds on what a tokenizer.json may ask for. A few characters of it can multiply a text or take time without end; the
// largest in use stay far below.
const (
	maxSteps     = 64      // normalizers, pre-tokenizers or decoders one after the other
	maxTemplate  = 1 << 10 // ids around a text
	maxRepeats   = 4       // how often a template gives the text
	maxAffix     = 64      // bytes of a prefix or suffix of words within the model
	maxAddedText = 4 << 20 // bytes of all added tokens
)

// work is what one call may still do. It is bounded by a multiple of what the call was given.
type work struct {
	steps int64 // of regular expressions
	made  int64 // bytes of text
	given int   // bytes
}

// newWork is the work allowed on n bytes.
func newWork(n int) *work {
	return &work{steps: 10_000_000 + 200*int64(n), made: 1<<20 + 64*int64(n), given: n}
}

// make counts n bytes that a step makes, before it does.
func (w *work) make(n int) error {
	if w.made -= int64(n); w.made < 0 {
		return fault.Inputf("makes a text of %d bytes many times longer: wanted at most %d bytes", w.given, 1<<20+64*w.given)
	}
	return nil
}

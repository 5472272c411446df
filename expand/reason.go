package expand

import "errors"

// Reason is why a growth is refused, for those who ask about many growths; the error's message says it in full.
type Reason string

// The reasons that an architecture gives, whatever its sizes.
const (
	NoAxis       Reason = "none"                     // the architecture has nothing of that kind
	HeadsDivide  Reason = "heads must divide hidden" // a hidden size that is no multiple of the heads
	PostNorms    Reason = "post-norms"               // what a block adds is normed, so that cancelling pairs do not cancel
	NormAllHeads Reason = "norm over all heads"      // q and k are normed over all heads at once
	NormEachHead Reason = "norm of each head"        // the epsilon of a head's norm would have to change
)

// refusal is an error with its reason.
type refusal struct {
	reason Reason
	error
}

func (r refusal) Unwrap() error { return r.error }

// because gives err its reason.
func (why Reason) because(err error) error { return refusal{why, err} }

// ReasonOf is why err refuses a growth; "" where it is for the sizes' own sake.
func ReasonOf(err error) Reason {
	var r refusal
	if errors.As(err, &r) {
		return r.reason
	}
	return ""
}

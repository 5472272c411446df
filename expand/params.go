package expand

import (
	"famkit/internal/arch"
	"famkit/internal/fault"
)

// propose fills in sizes that reach the number of parameters that was asked for.
func (r *Request) propose(ck *arch.Checkpoint) error {
	return fault.Usagef("--params %s", r.Params)
}

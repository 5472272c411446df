package growth

import (
	"fmt"
	"slices"
)

// Split is a way to share a source column among the copies that read it. A reader sums over them, so any shares that
// add up to the column keep the function; equal ones would also keep all copies equal for ever.
type Split string

// The ways.
const (
	// SplitChoice gives the whole column to one copy, drawn for each row: nothing is rounded, and no two copies get
	// the same gradient.
	SplitChoice Split = "choice"
	// SplitShares cuts each number at random, w u and w - w u with u in [1/2, 1], exact in the stored type.
	SplitShares Split = "shares"
	// SplitNoise adds noise to one equal share and takes it from the next, rounded so that both are exact.
	SplitNoise Split = "noise"
	// SplitEven gives equal shares: the copies stay equal.
	SplitEven Split = "even"
)

// Splits lists the ways.
var Splits = []Split{SplitChoice, SplitShares, SplitNoise, SplitEven}

// Check refuses a way that is none.
func (s Split) Check() error {
	if !slices.Contains(Splits, s) {
		return fmt.Errorf("split %q: want one of %v", s, Splits)
	}
	return nil
}

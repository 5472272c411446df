package expand

import (
	"fmt"
	"hash/fnv"
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

func (s Split) check() error {
	for _, k := range Splits {
		if s == k {
			return nil
		}
	}
	return fmt.Errorf("split %q: want one of %v", s, Splits)
}

// choice is the key of all that is drawn for a tensor, or for one row of it. What is drawn is a function of (seed,
// tensor, row, column), never of a stream, so any byte range of any tensor can be computed by itself, in any order.
type choice uint64

func newChoice(seed uint64, tensor string) choice {
	h := fnv.New64a()
	_, _ = h.Write([]byte(tensor))
	return choice(mix(h.Sum64() ^ mix(seed)))
}

// row is the choice for one row.
func (c choice) row(r int) choice { return choice(mix(uint64(c) + uint64(r))) }

// bits64 are the draws between two copies for source columns 64*block to 64*block+63.
func (c choice) bits64(block int) uint64 { return mix(uint64(c) + 0x51ed2701*uint64(block) + 1) }

// of draws one of n copies of source column s.
func (c choice) of(s int32, n int32) int32 {
	if n == 2 {
		return int32(c.bits64(int(s)>>6) >> (uint(s) & 63) & 1)
	}
	return int32(mix(uint64(c)+0x2545f4914f6cdd1d*uint64(s)) >> 32 * uint64(n) >> 32)
}

// mix is the finaliser of splitmix64 (Steele, Lea and Flood, 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

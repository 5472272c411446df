package expand

import "hash/fnv"

// choice breaks the symmetry of copies. A reader sums over the copies of a source column, so any shares that sum to 1
// keep the function; equal shares would also keep all copies equal for ever. Here each row of each tensor gives the
// whole column to exactly one copy, drawn at random: nothing is rounded, and no two copies get the same gradient.
//
// The draw is a function of (seed, tensor, row, column), never of a stream, so any byte range of any tensor can be
// computed by itself, in any order.
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

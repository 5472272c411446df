package expand

import (
	"hash/fnv"

	"famkit/internal/draw"
)

// choice is the key of all that is drawn for a tensor, or for one row of it. What is drawn is a function of (seed,
// tensor, row, column), never of a stream, so any byte range of any tensor can be computed by itself, in any order.
type choice uint64

func newChoice(seed uint64, tensor string) choice {
	h := fnv.New64a()
	_, _ = h.Write([]byte(tensor))
	return choice(draw.Mix(h.Sum64() ^ draw.Mix(seed)))
}

// row is the choice for one row.
func (c choice) row(r int) choice { return choice(draw.Mix(uint64(c) + uint64(r))) }

// bits64 are the draws between two copies for source columns 64*block to 64*block+63.
func (c choice) bits64(block int) uint64 { return draw.Mix(uint64(c) + 0x51ed2701*uint64(block) + 1) }

// of draws one of n copies of source column s.
func (c choice) of(s int32, n int32) int32 {
	if n == 2 {
		return int32(c.bits64(int(s)>>6) >> (uint(s) & 63) & 1)
	}
	return int32(draw.Mix(uint64(c)+0x2545f4914f6cdd1d*uint64(s)) >> 32 * uint64(n) >> 32)
}

package corpus

import (
	"math/bits"

	"famkit/internal/draw"
)

// permutation is a keyed bijection of [0, n): a balanced Feistel network over the next even number of bits,
// walked until it falls inside (Black and Rogaway, 2002). Any element is computed by itself, so a data order
// needs no state and no shuffled list.
type permutation struct {
	n    uint64
	half uint // bits of one half
	keys [6]uint64
}

func newPermutation(n uint64, seed, stream uint64) permutation {
	p := permutation{n: n, half: uint(bits.Len64(max(n, 2)-1)+1) / 2}
	k := draw.Finish(seed ^ draw.Finish(stream+0x9e3779b97f4a7c15))
	for i := range p.keys {
		k = draw.Finish(k + uint64(i) + 1)
		p.keys[i] = k
	}
	return p
}

// at is the image of i, which must be below n.
func (p permutation) at(i uint64) uint64 {
	for {
		if i = p.round(i); i < p.n {
			return i
		}
	}
}

func (p permutation) round(x uint64) uint64 {
	mask := uint64(1)<<p.half - 1
	l, r := x>>p.half, x&mask
	for _, k := range p.keys {
		l, r = r, l^(draw.Finish(r+k)&mask)
	}
	return l<<p.half | r
}

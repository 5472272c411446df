package expand

import (
	"slices"

	"famkit/internal/arch"
	"famkit/internal/growth"
)

// pairs gives the maps of a block in which every neuron and every head is there twice, written with +c and -c, so that
// what it writes cancels while its inner weights get gradients from the first step. The block has the model's sizes, so
// it holds half as many different neurons and heads as that; one that is left over is written with zero.
func (b *builder) pairs() map[arch.Axis]growth.AxisMap {
	out := map[arch.Axis]growth.AxisMap{}
	for _, a := range []arch.Axis{arch.FFN, arch.ExpertFFN} {
		if from, to := b.sizes(a); from > 0 {
			out[a] = pairMap(from, to)
		}
	}
	// Heads of a pair see the same keys and values: both in one group, or in two groups that are copies.
	a := arch.Group
	if _, group := b.sizes(arch.Group); group%2 != 0 {
		a = arch.KV
	}
	if from, to := b.sizes(a); from > 0 {
		out[a] = pairMap(from, to)
	}
	return out
}

// pairsOf are n indices of a map of pairs, from about at on: whole pairs, so that they cancel by themselves. One that
// is left over is written with zero.
func pairsOf(m growth.AxisMap, at, n int) growth.AxisMap {
	at -= at % 2
	out := growth.AxisMap{Src: slices.Clone(m.Src[at : at+n]), Read: slices.Clone(m.Read[at : at+n])}
	if n%2 == 1 {
		out.Read[n-1] = 0
	}
	return out
}

func pairMap(from, to int) growth.AxisMap {
	m := growth.AxisMap{Src: make([]int32, to), Read: slices.Repeat([]float64{1}, to)}
	for t := range m.Src {
		m.Src[t] = int32(t / 2 % from)
		if t%2 == 1 {
			m.Read[t] = -1
		}
	}
	if to%2 == 1 {
		m.Read[to-1] = 0
	}
	return m
}

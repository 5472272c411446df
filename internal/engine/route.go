package engine

import "slices"

// Best is the index of the largest number that is not among those taken, the first of equals. Numbers that are NaN
// come last. It is for engines whose memory is the host's, as Places is.
func Best[T float32 | float64](p []T, taken []int32) int {
	best := -1
	for i, v := range p {
		if (best < 0 || v > p[best] || p[best] != p[best] && v == v) && !slices.Contains(taken, int32(i)) {
			best = i
		}
	}
	return best
}

// Places fills Place, Source and Counts of a Route from the experts chosen.
func Places(o *Route, chosen, place, source []int32) {
	counts := o.Counts[:o.Experts]
	clear(counts)
	n := o.Rows * o.TopK
	for _, x := range chosen[:n] {
		counts[x]++
	}
	next := 0
	for x, c := range counts { // counts are the starts while places are given
		counts[x], next = next, next+c
	}
	for i, x := range chosen[:n] {
		place[i], source[counts[x]] = int32(counts[x]), int32(i/o.TopK)
		counts[x]++
	}
	for x := len(counts) - 1; x > 0; x-- { // each is now the next one's start
		counts[x] -= counts[x-1]
	}
}

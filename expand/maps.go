package expand

import (
	"math"
	"slices"

	"famkit/internal/growth"
)

// identityMap keeps an axis of n as it is.
func identityMap(n int) growth.AxisMap { return copyMap(n, n) }

// copyMap grows an axis by copies: the whole axis again and again, the last time in part.
func copyMap(from, to int) growth.AxisMap {
	m := growth.AxisMap{Src: make([]int32, to)}
	for t := range m.Src {
		m.Src[t] = int32(t % from)
	}
	return m
}

// freshMap keeps the old indices and appends fresh ones.
func freshMap(from, to int, fill growth.Fill) growth.AxisMap {
	m := identityMap(from)
	m.Fill = fill
	for range to - from {
		m.Src = append(m.Src, growth.Fresh)
	}
	return m
}

// streamMap grows the residual stream under RMSNorm. The stream becomes E x, and the norm, its epsilon included,
// is kept if and only if E^T E = (to/from) I: a source index of c copies is written with sqrt(to / (from c)).
func streamMap(from, to int) growth.AxisMap {
	m := copyMap(from, to)
	if to%from == 0 {
		return m
	}
	count := m.Counts(from)
	m.Write = make([]float64, to)
	for t, s := range m.Src {
		m.Write[t] = math.Sqrt(float64(to) / (float64(from) * float64(count[s])))
	}
	return m
}

// paddedMap grows the residual stream to any size by q whole copies and padding, all written with sqrt(to/(q from)).
// Padding with zeros keeps RMSNorm; padding with the mean of the stream keeps LayerNorm's mean and variance too.
func paddedMap(from, to, q int, fill growth.Fill) growth.AxisMap {
	m := copyMap(from, q*from)
	if q*from == to {
		return m
	}
	m.Fill = fill
	a := math.Sqrt(float64(to) / (float64(q) * float64(from)))
	for len(m.Src) < to {
		m.Src = append(m.Src, growth.Fresh)
	}
	m.Write = slices.Repeat([]float64{a}, to)
	return m
}

// headDimMap grows the elements of a head, of which the first turned are turned in pairs (j, j + turned/2), and
// toTurned in the child. Pair j moves to pair r j, whose frequency in the larger head is the same; the pairs between
// are fresh.
func headDimMap(from, to, turned, toTurned int) growth.AxisMap {
	if turned == 0 {
		return freshMap(from, to, growth.FillRotary)
	}
	r := to / from
	m := growth.AxisMap{Src: slices.Repeat([]int32{growth.Fresh}, to), Fill: growth.FillRotary}
	for j := range turned / 2 {
		m.Src[r*j] = int32(j)
		m.Src[r*j+toTurned/2] = int32(j + turned/2)
	}
	for rest := range from - turned {
		m.Src[toTurned+rest] = int32(turned + rest)
	}
	return m
}

// powers reports whether every scale, and so its inverse, is a power of two: multiplying by it never rounds.
func powers(scale ...float64) bool {
	for _, w := range scale {
		if f, _ := math.Frexp(w); f != 0.5 && f != -0.5 && w != 0 {
			return false
		}
	}
	return true
}

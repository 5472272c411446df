package expand

import (
	"fmt"
	"math"
	"slices"
)

// Fresh marks a grown index that has no source.
const Fresh = -1

// Fill says what stands at a map's fresh indices. Either what writes them or what reads them is given, never both, so
// that the function is kept and the new part learns.
type Fill string

// The fills.
const (
	// FillNone: the map has no fresh index.
	FillNone Fill = ""
	// FillZero: written with zeros; columns that read them are free (random).
	FillZero Fill = "zero"
	// FillMean: written with the mean over the source indices, so that LayerNorm's mean is kept and it gives 0 there;
	// columns that read them are free. On the vocabulary, a token's row is the mean of all rows.
	FillMean Fill = "mean"
	// FillRandom: written with random rows; columns that read them are zero.
	FillRandom Fill = "random"
	// FillRotary is for head_dim: k rows are zero, q and v rows random, o columns zero.
	FillRotary Fill = "rotary"
)

// AxisMap says where each index of a grown axis comes from, and how writers and readers of the axis scale it.
//
//	grown index t  <-  source index Src[t] (Fresh: none, see Fill), written times Write[t], read times Read[t]
//
// Without Read, readers of the axis share a source column among its copies in shares that add up to it (see split.go).
type AxisMap struct {
	Src   []int32
	Write []float64 // nil: 1 everywhere
	Read  []float64 // nil: shares
	Fill  Fill
}

// identityMap keeps an axis of n as it is.
func identityMap(n int) AxisMap { return copyMap(n, n) }

// copyMap grows an axis by copies: the whole axis again and again, the last time in part.
func copyMap(from, to int) AxisMap {
	m := AxisMap{Src: make([]int32, to)}
	for t := range m.Src {
		m.Src[t] = int32(t % from)
	}
	return m
}

// freshMap keeps the old indices and appends fresh ones.
func freshMap(from, to int, fill Fill) AxisMap {
	m := identityMap(from)
	m.Fill = fill
	for range to - from {
		m.Src = append(m.Src, Fresh)
	}
	return m
}

// streamMap grows the residual stream under RMSNorm. The stream becomes E x, and the norm, its epsilon included,
// is kept if and only if E^T E = (to/from) I: a source index of c copies is written with sqrt(to / (from c)).
func streamMap(from, to int) AxisMap {
	m := copyMap(from, to)
	if to%from == 0 {
		return m
	}
	count := m.counts(from)
	m.Write = make([]float64, to)
	for t, s := range m.Src {
		m.Write[t] = math.Sqrt(float64(to) / (float64(from) * float64(count[s])))
	}
	return m
}

// paddedMap grows the residual stream to any size by q whole copies and padding, all written with sqrt(to/(q from)).
// Padding with zeros keeps RMSNorm; padding with the mean of the stream keeps LayerNorm's mean and variance too.
func paddedMap(from, to, q int, fill Fill) AxisMap {
	m := copyMap(from, q*from)
	if q*from == to {
		return m
	}
	m.Fill = fill
	a := math.Sqrt(float64(to) / (float64(q) * float64(from)))
	for len(m.Src) < to {
		m.Src = append(m.Src, Fresh)
	}
	m.Write = slices.Repeat([]float64{a}, to)
	return m
}

// headDimMap grows the elements of a head, of which the first turned are turned in pairs (j, j + turned/2), and toTurned in
// the child. Pair j moves to pair r j, whose frequency in the larger head is the same; the pairs between are fresh.
func headDimMap(from, to, turned, toTurned int) AxisMap {
	if turned == 0 {
		return freshMap(from, to, FillRotary)
	}
	r := to / from
	m := AxisMap{Src: slices.Repeat([]int32{Fresh}, to), Fill: FillRotary}
	for j := range turned / 2 {
		m.Src[r*j] = int32(j)
		m.Src[r*j+toTurned/2] = int32(j + turned/2)
	}
	for rest := range from - turned {
		m.Src[toTurned+rest] = int32(turned + rest)
	}
	return m
}

// counts is the number of copies of each of n source indices.
func (m AxisMap) counts(n int) []int32 {
	c := make([]int32, n)
	for _, s := range m.Src {
		if s >= 0 {
			c[s]++
		}
	}
	return c
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

// check refuses a map that is not a growth of n indices.
func (m AxisMap) check(name string, from, to int) error {
	if len(m.Src) != to {
		return fmt.Errorf("axis %s: map has %d indices, want %d", name, len(m.Src), to)
	}
	for _, s := range m.Src {
		if int(s) >= from {
			return fmt.Errorf("axis %s: source index %d, want below %d", name, s, from)
		}
		if s == Fresh && m.Fill == FillNone {
			return fmt.Errorf("axis %s: fresh indices without a fill", name)
		}
	}
	for _, w := range m.Write {
		if !(w > 0) {
			return fmt.Errorf("axis %s: write scale %v, want a positive one", name, w)
		}
	}
	if from > len(m.Src) {
		return fmt.Errorf("axis %s: %d source indices cannot all be among %d", name, from, len(m.Src))
	}
	for s, c := range m.counts(from) {
		if c == 0 {
			return fmt.Errorf("axis %s: source index %d is lost", name, s)
		}
	}
	return nil
}

package growth

import (
	"encoding/json"
	"fmt"

	"famkit/internal/runs"
)

// Fresh marks a grown index that has no source.
const Fresh = runs.None

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
// Without Read, readers of the axis share a source column among its copies in shares that add up to it (see Split).
type AxisMap struct {
	Src   []int32
	Write []float64 // nil: 1 everywhere
	Read  []float64 // nil: shares
	Fill  Fill
}

// mapText is a map as it is stored.
type mapText struct {
	Src   string       `json:"src"`
	Write [][2]float64 `json:"write,omitempty"`
	Read  [][2]float64 `json:"read,omitempty"`
	Fill  Fill         `json:"fill,omitempty"`
}

// MarshalJSON writes the map's lists as runs; see package runs.
func (m AxisMap) MarshalJSON() ([]byte, error) {
	return json.Marshal(mapText{runs.Indices(m.Src), runs.Scales(m.Write), runs.Scales(m.Read), m.Fill})
}

// read gives the map of to indices from sources below from.
func (t mapText) read(from, to int) (AxisMap, error) {
	m := AxisMap{Fill: t.Fill}
	var err error
	switch t.Fill {
	case FillNone, FillZero, FillMean, FillRandom, FillRotary:
	default:
		return m, fmt.Errorf("unknown fill %q", t.Fill)
	}
	if m.Src, err = runs.ParseIndices(t.Src, to, from); err != nil {
		return m, err
	}
	if m.Write, err = runs.ParseScales(t.Write, to); err != nil {
		return m, fmt.Errorf("write: %w", err)
	}
	if m.Read, err = runs.ParseScales(t.Read, to); err != nil {
		return m, fmt.Errorf("read: %w", err)
	}
	return m, nil
}

// Counts is the number of copies of each of n source indices.
func (m AxisMap) Counts(n int) []int32 {
	c := make([]int32, n)
	for _, s := range m.Src {
		if s >= 0 {
			c[s]++
		}
	}
	return c
}

// Check refuses a map that is no growth of an axis from from indices to to.
func (m AxisMap) Check(name string, from, to int) error {
	if len(m.Src) != to {
		return fmt.Errorf("axis %s: map has %d indices, want %d", name, len(m.Src), to)
	}
	if m.Write != nil && len(m.Write) != to || m.Read != nil && len(m.Read) != to {
		return fmt.Errorf("axis %s: map has %d and %d scales, want %d", name, len(m.Write), len(m.Read), to)
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
	for s, c := range m.Counts(from) {
		if c == 0 {
			return fmt.Errorf("axis %s: source index %d is lost", name, s)
		}
	}
	return nil
}

package expand

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// AxisMap says where each index of a grown axis comes from, and how writers of the axis scale it.
//
//	grown index t  <-  source index Src[t], written times Write[t]
//
// Readers of the axis share a source column among its copies (see split.go).
type AxisMap struct {
	Src   []int32
	Write []float64 // nil: 1 everywhere
}

// copyMap grows an axis by copies: the whole axis again and again, the last time in part.
func copyMap(from, to int) AxisMap {
	m := AxisMap{Src: make([]int32, to)}
	for t := range m.Src {
		m.Src[t] = int32(t % from)
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

// counts is the number of copies of each of n source indices.
func (m AxisMap) counts(n int) []int32 {
	c := make([]int32, n)
	for _, s := range m.Src {
		c[s]++
	}
	return c
}

// exact reports whether every write scale, and its inverse, is a power of two: multiplying by it never rounds.
func (m AxisMap) exact() bool {
	for _, w := range m.Write {
		if f, _ := math.Frexp(w); f != 0.5 {
			return false
		}
	}
	return true
}

type axisMapJSON struct {
	Src   string       `json:"src"`
	Write [][2]float64 `json:"write,omitempty"`
}

// MarshalJSON writes Src as runs ("0-575 0-191") and Write as [value, count] runs.
func (m AxisMap) MarshalJSON() ([]byte, error) {
	var j axisMapJSON
	var runs []string
	for i := 0; i < len(m.Src); {
		k := i + 1
		for k < len(m.Src) && m.Src[k] == m.Src[k-1]+1 {
			k++
		}
		if k == i+1 {
			runs = append(runs, strconv.Itoa(int(m.Src[i])))
		} else {
			runs = append(runs, fmt.Sprintf("%d-%d", m.Src[i], m.Src[k-1]))
		}
		i = k
	}
	j.Src = strings.Join(runs, " ")
	for i := 0; i < len(m.Write); {
		k := i + 1
		for k < len(m.Write) && m.Write[k] == m.Write[i] {
			k++
		}
		j.Write = append(j.Write, [2]float64{m.Write[i], float64(k - i)})
		i = k
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what MarshalJSON writes; sizes are bounded, since a plan may come from anywhere.
func (m *AxisMap) UnmarshalJSON(b []byte) error {
	var j axisMapJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*m = AxisMap{}
	for _, run := range strings.Fields(j.Src) {
		lo, hi, isRange := strings.Cut(run, "-")
		a, err := strconv.Atoi(lo)
		z := a
		if err == nil && isRange {
			z, err = strconv.Atoi(hi)
		}
		if err != nil || a < 0 || z < a || z > maxSize || len(m.Src)+z-a >= maxSize {
			return fmt.Errorf("axis map: bad run %q", run)
		}
		for s := a; s <= z; s++ {
			m.Src = append(m.Src, int32(s))
		}
	}
	for _, run := range j.Write {
		n := int(run[1])
		if n < 1 || len(m.Write)+n > len(m.Src) || !(run[0] > 0) || math.IsInf(run[0], 0) {
			return fmt.Errorf("axis map: bad write scale run %v", run)
		}
		for range n {
			m.Write = append(m.Write, run[0])
		}
	}
	if m.Write != nil && len(m.Write) != len(m.Src) {
		return fmt.Errorf("axis map: %d write scales for %d indices", len(m.Write), len(m.Src))
	}
	return nil
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
	}
	for s, c := range m.counts(from) {
		if c == 0 {
			return fmt.Errorf("axis %s: source index %d is lost", name, s)
		}
	}
	return nil
}

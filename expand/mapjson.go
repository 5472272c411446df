package expand

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

type axisMapJSON struct {
	Src   string       `json:"src"`
	Write [][2]float64 `json:"write,omitempty"`
	Read  [][2]float64 `json:"read,omitempty"`
	Fill  Fill         `json:"fill,omitempty"`
}

// MarshalJSON writes Src as runs ("0-575 0-191", "7*2" for an index twice, "*64" for 64 fresh indices), and Write and
// Read as [value, count] runs.
func (m AxisMap) MarshalJSON() ([]byte, error) {
	return json.Marshal(axisMapJSON{Src: strings.Join(srcRuns(m.Src), " "), Write: scaleRuns(m.Write), Read: scaleRuns(m.Read), Fill: m.Fill})
}

func srcRuns(src []int32) []string {
	var runs []string
	for i := 0; i < len(src); {
		k := i + 1
		switch {
		case k < len(src) && src[k] == src[i], src[i] == Fresh:
			for k < len(src) && src[k] == src[i] {
				k++
			}
			of := ""
			if src[i] != Fresh {
				of = strconv.Itoa(int(src[i]))
			}
			runs = append(runs, fmt.Sprintf("%s*%d", of, k-i))
		default:
			for k < len(src) && src[k] == src[k-1]+1 {
				k++
			}
			if k == i+1 {
				runs = append(runs, strconv.Itoa(int(src[i])))
			} else {
				runs = append(runs, fmt.Sprintf("%d-%d", src[i], src[k-1]))
			}
		}
		i = k
	}
	return runs
}

func scaleRuns(scale []float64) [][2]float64 {
	var out [][2]float64
	for i := 0; i < len(scale); {
		k := i + 1
		for k < len(scale) && scale[k] == scale[i] {
			k++
		}
		out = append(out, [2]float64{scale[i], float64(k - i)})
		i = k
	}
	return out
}

// UnmarshalJSON reads what MarshalJSON writes; sizes are bounded, since a plan may come from anywhere.
func (m *AxisMap) UnmarshalJSON(b []byte) error {
	var j axisMapJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*m = AxisMap{Fill: j.Fill}
	if !slices.Contains([]Fill{FillNone, FillZero, FillMean, FillRandom, FillRotary}, j.Fill) {
		return fmt.Errorf("axis map: unknown fill %q", j.Fill)
	}
	for _, run := range strings.Fields(j.Src) {
		if err := m.parseRun(run); err != nil {
			return err
		}
	}
	var err error
	// a claim about what others made may have scales of either sign; a plan's check refuses them
	if m.Write, err = parseScales("write", j.Write, len(m.Src), func(v float64) bool { return v != 0 }); err != nil {
		return err
	}
	m.Read, err = parseScales("read", j.Read, len(m.Src), func(float64) bool { return true })
	return err
}

func (m *AxisMap) parseRun(run string) error {
	bad := fmt.Errorf("axis map: bad run %q", run)
	if of, times, ok := strings.Cut(run, "*"); ok {
		n, err := strconv.Atoi(times)
		s := Fresh
		if err == nil && of != "" {
			s, err = strconv.Atoi(of)
		}
		if err != nil || n < 1 || of != "" && s < 0 || s > maxSize || n > maxSize-len(m.Src) {
			return bad
		}
		m.Src = append(m.Src, slices.Repeat([]int32{int32(s)}, n)...)
		return nil
	}
	lo, hi, isRange := strings.Cut(run, "-")
	a, err := strconv.Atoi(lo)
	z := a
	if err == nil && isRange {
		z, err = strconv.Atoi(hi)
	}
	if err != nil || a < 0 || z < a || z > maxSize || len(m.Src)+z-a >= maxSize {
		return bad
	}
	for s := a; s <= z; s++ {
		m.Src = append(m.Src, int32(s))
	}
	return nil
}

func parseScales(what string, runs [][2]float64, want int, valid func(float64) bool) ([]float64, error) {
	var out []float64
	for _, run := range runs {
		n := int(run[1])
		if n < 1 || n > want-len(out) || !valid(run[0]) || math.IsInf(run[0], 0) || math.IsNaN(run[0]) {
			return nil, fmt.Errorf("axis map: bad %s scale run %v", what, run)
		}
		out = append(out, slices.Repeat([]float64{run[0]}, n)...)
	}
	if out != nil && len(out) != want {
		return nil, fmt.Errorf("axis map: %d %s scales for %d indices", len(out), what, want)
	}
	return out, nil
}

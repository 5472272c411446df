// Package runs writes long lists of indices and of scales as runs, and reads them back. A few characters can stand for
// millions of indices, so a reader says how many it wants, and takes no more memory than for those.
package runs

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// None marks an index that has no source.
const None = -1

// Indices writes a list: "0-575 0-191" are two runs that count up, "7*2" is an index twice, "*64" is None 64 times.
func Indices(list []int32) string {
	var out []string
	for i := 0; i < len(list); {
		text, n := indexRun(list[i:])
		out = append(out, text)
		i += n
	}
	return strings.Join(out, " ")
}

// indexRun writes the run that a list begins with, and says how long it is.
func indexRun(list []int32) (string, int) {
	n := 1
	if first := list[0]; first == None || len(list) > 1 && list[1] == first {
		for n < len(list) && list[n] == first {
			n++
		}
		if first == None {
			return fmt.Sprintf("*%d", n), n
		}
		return fmt.Sprintf("%d*%d", first, n), n
	}
	for n < len(list) && list[n] == list[n-1]+1 {
		n++
	}
	if n == 1 {
		return strconv.Itoa(int(list[0])), n
	}
	return fmt.Sprintf("%d-%d", list[0], list[n-1]), n
}

// ParseIndices reads a list of want indices, each below limit or None.
func ParseIndices(text string, want, limit int) ([]int32, error) {
	var list []int32
	for len(text) > 0 {
		var run string
		run, text, _ = strings.Cut(text, " ")
		if run == "" {
			continue
		}
		first, n, step, err := parseRun(run)
		if err != nil {
			return nil, err
		}
		if last := first + step*(n-1); first >= limit || last >= limit {
			return nil, fmt.Errorf("run %.40q: source index %d, wanted below %d", run, max(first, last), limit)
		}
		if n > want-len(list) {
			return nil, fmt.Errorf("more than the wanted %d indices", want)
		}
		if list == nil {
			list = make([]int32, 0, want)
		}
		for i := range n {
			list = append(list, int32(first+step*i))
		}
	}
	if len(list) != want {
		return nil, fmt.Errorf("%d indices, wanted %d", len(list), want)
	}
	return list, nil
}

// Count says how many indices a list stands for, without making it; 0 where it is none.
func Count(text string) int {
	total := 0
	for _, run := range strings.Fields(text) {
		_, n, _, err := parseRun(run)
		if err != nil || total > longest {
			return 0
		}
		total += n
	}
	return total
}

// longest bounds the numbers in a run, so that sums of them cannot overflow.
const longest = 1 << 40

// parseRun reads a run: its first index, how many there are, and by how much they rise.
func parseRun(run string) (first, n, step int, err error) {
	bad := fmt.Errorf("bad run %.40q", run)
	if of, times, ok := strings.Cut(run, "*"); ok {
		n, okN := number(times)
		if first = None; of != "" {
			if first, ok = number(of); !ok {
				return 0, 0, 0, bad
			}
		}
		if !okN || n < 1 {
			return 0, 0, 0, bad
		}
		return first, n, 0, nil
	}
	lo, hi, isRange := strings.Cut(run, "-")
	first, ok := number(lo)
	last := first
	if isRange && ok {
		last, ok = number(hi)
	}
	if !ok || last < first {
		return 0, 0, 0, bad
	}
	return first, last - first + 1, 1, nil
}

// number reads decimal digits and nothing else.
func number(s string) (int, bool) {
	if s == "" || s[0] < '0' || s[0] > '9' {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n <= longest
}

// Scales writes a list of scales as [value, how many of it] in turn; nil for an empty list.
func Scales(list []float64) [][2]float64 {
	var out [][2]float64
	for i := 0; i < len(list); {
		n := 1
		for i+n < len(list) && list[i+n] == list[i] {
			n++
		}
		out = append(out, [2]float64{list[i], float64(n)})
		i += n
	}
	return out
}

// ParseScales reads a list of want finite scales; nil where there are no runs.
func ParseScales(list [][2]float64, want int) ([]float64, error) {
	if len(list) == 0 {
		return nil, nil
	}
	out := make([]float64, 0, want)
	for _, run := range list {
		value, times := run[0], run[1]
		if !(times >= 1 && times <= float64(want-len(out))) || times != math.Trunc(times) || value-value != 0 {
			return nil, fmt.Errorf("bad run of scales %v, %d of %d are still wanted", run, want-len(out), want)
		}
		out = append(out, slices.Repeat([]float64{value}, int(times))...)
	}
	if len(out) != want {
		return nil, fmt.Errorf("%d scales, wanted %d", len(out), want)
	}
	return out, nil
}
